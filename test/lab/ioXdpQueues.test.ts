/** Interfaces with several receive queues: a port for each, real frames on all of them, shared by two memories as by two workers. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { native } from '../../src/io/native.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../../src/io/xdpMemory.ts';
import { XdpPort } from '../../src/io/xdpPort.ts';
import { xdpBytes } from '../../src/io/xdpSocket.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { runPython } from './ioHosts.ts';
import { describeAsRoot, ip, oneMillisecond, RUN, removeLink } from './ioLinks.ts';
import { redirectQueues } from './ioXdpRedirect.ts';

const NEAR = `uvsio${RUN}qn`;
const FAR = `uvsio${RUN}qf`;
const QUEUES = 2;
const FRAMES = 40;

/** Sends UDP frames of as many flows: the kernel spreads them over the transmit queues of the far end by their hash. */
const SEND_FLOWS = `
import socket, sys
s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(sys.argv[3]))]
for i, each in enumerate(s):
  each.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
  each.bind((sys.argv[2], 20000 + 7 * i))
  each.sendto(b'x' * 40, ('10.214.9.2', 9))
`;

describeAsRoot('AF_XDP ports on an interface with two receive queues', () => {
  let memories: XdpMemory[];
  let ports: XdpPort[];
  let redirect: { detach(): void };

  beforeEach(() => {
    removeLink(NEAR);
    const queues = ['numrxqueues', String(QUEUES), 'numtxqueues', String(QUEUES)];
    ip('link', 'add', NEAR, ...queues, 'type', 'veth', 'peer', 'name', FAR, ...queues);
    ip('address', 'add', '10.214.9.1/24', 'dev', FAR);
    for (const name of [NEAR, FAR]) ip('link', 'set', name, 'up');
    ip('neighbour', 'replace', '10.214.9.2', 'lladdr', '02:00:00:00:09:02', 'dev', FAR);
    memories = Array.from({ length: QUEUES }, () => new XdpMemory(new FrameArena(native().arena(xdpBytes(1))), XDP_PORT_CHUNKS));
    ports = memories.map((memory, queue) => new XdpPort(memory, { interface: NEAR, queue }));
    redirect = redirectQueues(ports);
  });
  afterEach(() => {
    redirect.detach();
    for (const port of ports) port.close();
    removeLink(NEAR);
  });

  test('both queues have frames, every frame reaches one port, and none is lost', async () => {
    await runPython(SEND_FLOWS, FAR, '10.214.9.1', String(FRAMES));
    const counts = await receiveUdp(memories, ports);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(FRAMES);
    for (const count of counts) expect(count).toBeGreaterThan(0);
    for (const [i, port] of ports.entries()) {
      expect(memories[i]!.freeCount + port.frames.receiving + port.frames.transmitting).toBe(memories[i]!.chunkCount);
    }
  });

  test('one queue goes on when the port of the other has closed', async () => {
    ports[1]!.close();
    await runPython(SEND_FLOWS, FAR, '10.214.9.1', String(FRAMES));
    const [first = 0, second] = await receiveUdp(memories, ports);
    expect(first).toBeGreaterThan(0);
    expect(second).toBe(0);
  });

  test('a port without a queue, and one for a queue that is not there, are refused', () => {
    const open = (queue?: number) => () =>
      new XdpPort(memories[0]!, { interface: NEAR, ...(queue === undefined ? {} : { queue }) });
    expect(open()).toThrow(expect.objectContaining({ code: 'INTERFACE_UNSUITABLE' }));
    expect(open(QUEUES)).toThrow(expect.objectContaining({ code: 'INTERFACE_UNSUITABLE' }));
  });
});

/** Frames of UDP to port 9 that each port got, until none has come for a while. */
async function receiveUdp(memories: readonly XdpMemory[], ports: readonly XdpPort[]): Promise<number[]> {
  const burst = new Burst();
  const counts = ports.map(() => 0);
  for (let idle = 0; idle < 20; ) {
    let got = 0;
    for (const [p, port] of ports.entries()) {
      const count = port.receive(burst);
      for (let i = 0; i < count; i++) {
        const at = burst.at[i]!;
        const v = memories[p]!.arena.view;
        if (v.getUint8(at + 23) === 17 && v.getUint16(at + 36) === 9) counts[p]!++;
      }
      port.release(burst);
      got += count;
    }
    idle = got === 0 ? idle + 1 : 0;
    if (got === 0) await oneMillisecond();
  }
  return counts;
}
