/** Bulk through two ports: what the kernel of one host hands over as super-frames reaches the other whole, in both directions. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ChecksumState } from '../../src/base/terms.ts';
import { native } from '../../src/io/native.ts';
import { PacketPort } from '../../src/io/packetPort.ts';
import type { Port } from '../../src/io/port.ts';
import { TunPort } from '../../src/io/tunPort.ts';
import { Waiter } from '../../src/io/waiter.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../../src/io/xdpMemory.ts';
import { XdpPort } from '../../src/io/xdpPort.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { type Host, makeHost, runPython } from './ioHosts.ts';
import { describeAsRoot, ip } from './ioLinks.ts';
import { redirectEverything } from './ioXdpRedirect.ts';

const SEND_AND_HASH = `
import hashlib, socket, sys
role, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def take(s):
    h, left = hashlib.sha256(), count
    while left > 0:
        data = s.recv(min(left, 1 << 20))
        if not data: raise SystemExit('the connection ended early')
        h.update(data); left -= len(data)
    return h.hexdigest()
def give(s, seed):
    block = bytes((i * seed + (i >> 8)) & 255 for i in range(1 << 16))
    data = (block * (count // len(block) + 1))[:count]
    s.sendall(data)
    return hashlib.sha256(data).hexdigest()
if role == 'server':
    l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind((address, 5001)); l.listen(); l.settimeout(20)
    s, _ = l.accept(); s.settimeout(20); print(take(s), give(s, 31)); s.recv(1)
else:
    import time
    for attempt in range(100):
        try: s = socket.create_connection((address, 5001), timeout=20); break
        except ConnectionRefusedError: time.sleep(0.05)
    print(give(s, 7), take(s))
`;

const UDP_ECHO = `
import socket, sys, time
role, address = sys.argv[1], sys.argv[2]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.2)
if role == 'server':
    s.bind((address, 5002)); s.settimeout(20)
    data, peer = s.recvfrom(2048); s.sendto(data[::-1], peer); print(len(data))
else:
    for attempt in range(50):
        s.sendto(b'uvs' * 100, (address, 5002))
        try: print(s.recv(2048) == b'svu' * 100); break
        except TimeoutError: pass
`;

const MEGABYTES_8 = 8 << 20;

/** What a bench saw pass. */
interface Seen {
  frames: number;
  superFrames: number;
  partial: number;
  largest: number;
}

/** Carries everything between two ports until the programs have ended. */
async function carry<T>(a: Port, b: Port, programs: Promise<T>): Promise<{ result: T; seen: Seen }> {
  const seen: Seen = { frames: 0, superFrames: 0, partial: 0, largest: 0 };
  const waiter = new Waiter([a, b]);
  const burst = new Burst();
  let isOver = false;
  const over = programs.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  while (!isOver) {
    const moved = step(a, b, burst, seen) + step(b, a, burst, seen);
    if (moved === 0) waiter.wait(1);
    await setImmediate();
  }
  waiter.close();
  return { result: await over, seen };
}

function step(from: Port, to: Port, burst: Burst, seen: Seen): number {
  const count = from.receive(burst);
  for (let i = 0; i < count; i++) {
    burst.output[i] = 0;
    seen.frames++;
    if (burst.segmentKind[i] !== 0) seen.superFrames++;
    if (burst.checksum[i] === ChecksumState.partial) seen.partial++;
    seen.largest = Math.max(seen.largest, burst.bytes[i]!);
  }
  to.transmit(burst, 0);
  from.release(burst);
  return count;
}

describeAsRoot('offloads between hosts', () => {
  let client: Host;
  let server: Host;
  let open: { close(): void }[];
  beforeEach(() => {
    client = makeHost(1);
    server = makeHost(2);
    open = [];
  });
  afterEach(() => {
    for (const one of open.reverse()) one.close();
    client.remove();
    server.remove();
  });

  function packetPort(arena: FrameArena, host: Host): PacketPort {
    const port = new PacketPort(arena, { interface: host.wire.near });
    open.push(port);
    return port;
  }

  function xdpPort(memory: XdpMemory, host: Host): XdpPort {
    const port = new XdpPort(memory, { interface: host.wire.near });
    open.push(port);
    const redirect = redirectEverything(port);
    open.push({ close: () => redirect.detach() });
    return port;
  }

  test('8 MB of TCP each way pass two packet ports as super-frames, whole', async () => {
    const arena = new FrameArena(native().arena(48 << 20));
    const [a, b] = [packetPort(arena, client), packetPort(arena, server)];
    const words = [server.address, String(MEGABYTES_8)];
    const programs = Promise.all([
      server.python(SEND_AND_HASH, 'server', ...words),
      client.python(SEND_AND_HASH, 'client', ...words),
    ]);
    const { result, seen } = await carry(a, b, programs);
    const [taken, given] = result;
    expect(taken).toBe(given);
    expect(seen.superFrames).toBeGreaterThan(50);
    expect(seen.partial).toBeGreaterThanOrEqual(seen.superFrames);
    expect(seen.largest).toBeGreaterThan(30_000);
    expect(a.counters.transmitFailed + b.counters.transmitFailed + a.counters.frameTooLong + b.counters.frameTooLong).toBe(0);
  });

  test('1 MB of TCP each way passes two AF_XDP ports that share their memory, by descriptor', async () => {
    const arena = new FrameArena(native().arena(32 << 20));
    const memory = new XdpMemory(arena, 2 * XDP_PORT_CHUNKS);
    // AF_XDP shows no offloads: the hosts must complete their checksums themselves.
    for (const host of [client, server]) await offloadsOff(host);
    const [a, b] = [xdpPort(memory, client), xdpPort(memory, server)];
    const words = [server.address, String(1 << 20)];
    const programs = Promise.all([
      server.python(SEND_AND_HASH, 'server', ...words),
      client.python(SEND_AND_HASH, 'client', ...words),
    ]);
    const { result, seen } = await carry(a, b, programs);
    expect(result[0]).toBe(result[1]);
    expect(seen.largest).toBeLessThanOrEqual(1514);
    expect(a.counters.transmitted + b.counters.transmitted).toBe(seen.frames);
  });

  test('a partial checksum from a packet port is completed by an AF_XDP port', async () => {
    const arena = new FrameArena(native().arena(48 << 20));
    const memory = new XdpMemory(arena, XDP_PORT_CHUNKS);
    await offloadsOff(server);
    const [a, b] = [packetPort(arena, client), xdpPort(memory, server)];
    const programs = Promise.all([
      server.python(UDP_ECHO, 'server', server.address),
      client.python(UDP_ECHO, 'client', server.address),
    ]);
    const { result, seen } = await carry(a, b, programs);
    expect(result).toEqual(['300', 'True']);
    expect(seen.partial).toBeGreaterThan(0);
  });

  test('8 MB of TCP each way enter and leave the stack behind a TUN port, super-frames whole', async () => {
    // The server is this host: its address is on the TUN device, and the port in front of it does the ARP that TUN has not.
    server.remove();
    const arena = new FrameArena(native().arena(64 << 20));
    const a = packetPort(arena, client);
    const b = new TunPort(arena, { name: 'uvsiot%d', receiveOffloads: true });
    open.push(b);
    const mac = macOf(client);
    ip('address', 'add', `${server.address}/32`, 'dev', b.facts.name);
    ip('route', 'add', `${client.address}/32`, 'dev', b.facts.name, 'src', server.address);
    ip('-n', client.namespace, 'neighbour', 'add', server.address, 'lladdr', '02:00:00:00:00:77', 'dev', client.wire.far);
    const words = [server.address, String(MEGABYTES_8)];
    const programs = Promise.all([
      runPython(SEND_AND_HASH, 'server', ...words),
      client.python(SEND_AND_HASH, 'client', ...words),
    ]);
    const { result, seen } = await carry(a, new Addressed(b, arena, mac), programs);
    expect(result[0]).toBe(result[1]);
    expect(seen.superFrames).toBeGreaterThan(50);
    expect(a.counters.transmitFailed + b.counters.transmitFailed + a.counters.frameTooLong + b.counters.frameTooLong).toBe(0);
  });
});

/** A TUN port whose received frames get the destination address that the wire wants. */
class Addressed implements Port {
  readonly #port: Port;
  readonly #arena: FrameArena;
  readonly #mac: Uint8Array;

  constructor(port: Port, arena: FrameArena, mac: Uint8Array) {
    this.#port = port;
    this.#arena = arena;
    this.#mac = mac;
  }

  get facts() {
    return this.#port.facts;
  }

  get counters() {
    return this.#port.counters;
  }

  get fileDescriptor() {
    return this.#port.fileDescriptor;
  }

  receive(burst: Burst): number {
    this.#port.receive(burst);
    for (let i = 0; i < burst.count; i++) this.#arena.bytes.set(this.#mac, burst.at[i]!);
    return burst.count;
  }

  transmit(burst: Burst, index: number): void {
    this.#port.transmit(burst, index);
  }

  release(burst: Burst): void {
    this.#port.release(burst);
  }

  close(): void {
    this.#port.close();
  }
}

/** The address of the host's end of its wire. */
function macOf(host: Host): Uint8Array {
  const text = /link\/ether ([0-9a-f:]{17})/.exec(ip('-n', host.namespace, 'link', 'show', host.wire.far));
  return Uint8Array.from(text![1]!.split(':'), (byte) => Number.parseInt(byte, 16));
}

/** As `ethtool -K far tx off`, in the host's namespace. */
async function offloadsOff(host: Host): Promise<void> {
  const program = `
import array, fcntl, socket, struct, sys
value = array.array('B', struct.pack('II', 0x17, 0))
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8946, struct.pack('16sP', sys.argv[1].encode(), value.buffer_info()[0]))
`;
  await host.python(program, host.wire.far);
}
