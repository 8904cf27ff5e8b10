/** TUN devices with several queues and with virtio headers: one queue for each worker, and unfinished checksums on all of them. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ChecksumState } from '../../src/base/terms.ts';
import { native } from '../../src/io/native.ts';
import { TunPort } from '../../src/io/tunPort.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { runPython } from './ioHosts.ts';
import { describeAsRoot, ip, oneMillisecond, RUN } from './ioLinks.ts';

const DEVICE = `uvsio${RUN}m`;
const FLOWS = 40;
const ARENA_BYTES = 24 << 20;

/** A datagram of each of so many flows into the device. */
const SEND_FLOWS = `
import socket, sys
s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(sys.argv[1]))]
for i, each in enumerate(s):
  each.bind(('10.215.9.1', 20000 + 7 * i))
  each.sendto(b'x' * 40, ('10.215.9.2', 9))
`;

/** Prints the datagrams of two senders that the host accepts, in their order. */
const LISTEN = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.bind(('10.215.9.1', 9))
print('listening', flush=True)
print(' '.join(sorted(s.recv(2000).decode() for _ in range(2))))
`;

describeAsRoot('a TUN device with two queues', () => {
  let arenas: FrameArena[];
  let ports: TunPort[];

  beforeEach(() => {
    arenas = [0, 1].map(() => new FrameArena(native().arena(ARENA_BYTES)));
    ports = arenas.map((arena, i) => new TunPort(arena, { name: DEVICE, multiQueue: true, receiveOffloads: true, joins: i > 0 }));
    ip('address', 'add', '10.215.9.1/24', 'dev', DEVICE);
  });
  afterEach(() => {
    for (const port of ports) port.close();
  });

  test('each packet reaches one port, and both ports get some', async () => {
    await runPython(SEND_FLOWS, String(FLOWS));
    const counts = (await receiveUdp(arenas, ports)).map((frames) => frames.length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(FLOWS);
    for (const count of counts) expect(count).toBeGreaterThan(0);
  });

  test('what its stack leaves unfinished is said to be so, on either queue', async () => {
    await runPython(SEND_FLOWS, String(FLOWS));
    const states = (await receiveUdp(arenas, ports)).map((frames) => new Set(frames.map(({ checksum }) => checksum)));
    expect(states).toEqual([new Set([ChecksumState.partial]), new Set([ChecksumState.partial])]);
  });

  test('one goes on alone when the other has closed: the device stays, and has all packets', async () => {
    ports[1]!.close();
    await runPython(SEND_FLOWS, String(FLOWS));
    expect((await receiveUdp(arenas, ports)).map((frames) => frames.length)).toEqual([FLOWS, 0]);
  });

  test('an unfinished checksum sent into either queue is finished by the host', async () => {
    const heard = runPython(LISTEN);
    for (let waits = 0; waits < 500 && !isListening(); waits++) await oneMillisecond();
    for (const i of [0, 1]) sendUnfinished(arenas[i]!, ports[i]!, `q${i}`);
    expect((await heard).split('\n').at(-1)).toBe('q0 q1');
    for (const port of ports) expect(port.counters).toMatchObject({ transmitted: 1, transmitFailed: 0 });
  });
});

/** Whether somebody in this namespace has bound UDP 10.215.9.1:9. */
function isListening(): boolean {
  return readFileSync('/proc/net/udp', 'latin1').includes('0109D70A:0009');
}

/** A datagram of two bytes from 10.215.9.2, whose checksum field holds the sum of the pseudo-header. */
function sendUnfinished(arena: FrameArena, port: TunPort, text: string): void {
  const at = arena.reserve(256) + 128;
  const header = '4500001e000000004011538a0ad709020ad70901';
  const sum = 0x0ad7 + 0x0902 + 0x0ad7 + 0x0901 + 17 + 10;
  const datagram = `4e200009000a${sum.toString(16).padStart(4, '0')}${Buffer.from(text).toString('hex')}`;
  const frame = Buffer.from(`${'00'.repeat(12)}0800${header}${datagram}`, 'hex');
  frame.writeUInt16BE(headerChecksum(frame.subarray(14, 34)), 24);
  arena.bytes.set(frame, at);
  const burst = new Burst();
  const i = burst.push(at, frame.length);
  burst.output[i] = 0;
  burst.checksum[i] = ChecksumState.partial;
  burst.checksumStart[i] = 34;
  burst.checksumOffset[i] = 6;
  port.transmit(burst, 0);
}

/** Of an IPv4 header, its own field left out (RFC 1071). */
function headerChecksum(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) if (i !== 10) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

interface Seen {
  readonly checksum: number;
}

/** The UDP packets to port 9 that each port got, until none has come for a while. */
async function receiveUdp(arenas: readonly FrameArena[], ports: readonly TunPort[]): Promise<Seen[][]> {
  const burst = new Burst();
  const seen: Seen[][] = ports.map(() => []);
  for (let idle = 0; idle < 20; ) {
    let got = 0;
    for (const [p, port] of ports.entries()) {
      const v = arenas[p]!.view;
      const count = port.receive(burst);
      for (let i = 0; i < count; i++) {
        const at = burst.at[i]!;
        const isOurs = v.getUint8(at + 23) === 17 && v.getUint16(at + 36) === 9;
        if (isOurs) seen[p]!.push({ checksum: burst.checksum[i]! });
      }
      port.release(burst);
      got += count;
    }
    idle = got === 0 ? idle + 1 : 0;
    if (got === 0) await oneMillisecond();
  }
  return seen;
}
