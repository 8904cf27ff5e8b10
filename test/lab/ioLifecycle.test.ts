/** Opening what cannot be opened, closing, and interfaces that vanish: by every port of the kernel. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/base/errors.ts';
import { native } from '../../src/io/native.ts';
import { PacketPort } from '../../src/io/packetPort.ts';
import type { Port } from '../../src/io/port.ts';
import { TunPort } from '../../src/io/tunPort.ts';
import { Waiter, wake } from '../../src/io/waiter.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../../src/io/xdpMemory.ts';
import { XdpPort } from '../../src/io/xdpPort.ts';
import { xdpBytes } from '../../src/io/xdpSocket.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describeAsRoot, ip, makeWire, oneMillisecond, RawLink, removeLink, type Wire } from './ioLinks.ts';

const ARENA_BYTES = 20 << 20;

function newArena(bytes = ARENA_BYTES): FrameArena {
  return new FrameArena(native().arena(bytes));
}

/** A burst of `count` frames of type 0x88b5 that lie in no port's memory, all to port 0. */
function strangers(arena: FrameArena, count: number): Burst {
  const burst = new Burst();
  const at = arena.reserve(count * 256 + 256, 64) + 128;
  for (let i = 0; i < count; i++) {
    arena.bytes.fill(i, at + 256 * i, at + 256 * i + 60);
    arena.view.setUint16(at + 256 * i + 12, 0x88b5);
    burst.output[burst.push(at + 256 * i, 60)] = 0;
  }
  return burst;
}

interface Opened {
  readonly port: Port;
  readonly arena: FrameArena;
}

const PORTS: readonly (readonly [name: string, open: (wire: Wire) => Opened])[] = [
  ['packet', (wire) => openPacket(wire.near)],
  ['xdp', (wire) => openXdp(wire.near)],
];

function openPacket(name: string): Opened {
  const arena = newArena();
  return { arena, port: new PacketPort(arena, { interface: name }) };
}

function openXdp(name: string): Opened {
  const arena = newArena();
  return { arena, port: new XdpPort(new XdpMemory(arena, XDP_PORT_CHUNKS), { interface: name }) };
}

function openTap(): Opened {
  const arena = newArena();
  return { arena, port: new TunPort(arena, { name: 'uvsiot%d', tap: true }) };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describeAsRoot('ports of the kernel', () => {
  let wire: Wire;
  beforeEach(() => {
    wire = makeWire('l');
  });
  afterEach(() => wire.remove());

  describe('refuse, with a code and a hint, and leave nothing open', () => {
    const small = () => newArena(1 << 20);
    const cases: readonly (readonly [claim: string, code: ErrorCode, open: (wire: Wire) => unknown])[] = [
      ['packet: an interface that is not there', 'INTERFACE_UNKNOWN', () => openPacket('uvsionone')],
      ['packet: a name that is none', 'INTERFACE_UNKNOWN', () => openPacket('a name longer than any interface has')],
      ['packet: an empty name', 'INTERFACE_UNKNOWN', () => openPacket('')],
      ['packet: an arena that is too small', 'CAPACITY_EXCEEDED', (w) => new PacketPort(small(), { interface: w.near })],
      ['xdp: an interface that is not there', 'INTERFACE_UNKNOWN', () => openXdp('uvsionone')],
      ['xdp: an arena that is too small', 'CAPACITY_EXCEEDED', () => new XdpMemory(small(), XDP_PORT_CHUNKS)],
      ['xdp: a receive queue that is not there', 'INTERFACE_UNSUITABLE', (w) => openXdpQueue(w.near, 7)],
      ['tun: a name that is too long', 'PORT_OPEN_FAILED', () => new TunPort(newArena(), { name: 'uvsio-too-long-a-name' })],
      ['tun: a name that another kind of device has', 'PORT_OPEN_FAILED', (w) => new TunPort(newArena(), { name: w.near })],
      ['tun: an arena that is too small', 'CAPACITY_EXCEEDED', () => new TunPort(newArena(4096), { name: 'uvsiot%d' })],
    ];
    test.each(cases)('%s', (_claim, code, open) => {
      const before = openDescriptors();
      expect(() => open(wire)).toThrow(expect.objectContaining({ code, hint: expect.stringMatching(/\w/) }));
      expect(openDescriptors()).toBe(before);
    });

    test('xdp: an MTU that no chunk takes', () => {
      ip('link', 'set', wire.far, 'mtu', '9000');
      ip('link', 'set', wire.near, 'mtu', '9000');
      expect(() => openXdp(wire.near)).toThrow(expect.objectContaining({ code: 'INTERFACE_UNSUITABLE' }));
    });

    test('xdp: a queue that another socket has', () => {
      const { port } = openXdp(wire.near);
      expect(() => openXdp(wire.near)).toThrow(expect.objectContaining({ code: 'PORT_OPEN_FAILED' }));
      port.close();
      openXdp(wire.near).port.close();
    });

    test('tun: a device that another port has', () => {
      const { port } = openTap();
      const again = () => new TunPort(newArena(), { name: port.facts.name, tap: true });
      expect(again).toThrow(expect.objectContaining({ code: 'PORT_OPEN_FAILED' }));
      port.close();
    });

    test('packet and xdp: an interface without Ethernet frames', () => {
      const tun = new TunPort(newArena(), { name: 'uvsiot%d' });
      expect(() => openPacket(tun.facts.name)).toThrow(expect.objectContaining({ code: 'INTERFACE_UNSUITABLE' }));
      expect(() => openXdp(tun.facts.name)).toThrow(expect.objectContaining({ code: 'INTERFACE_UNSUITABLE' }));
      tun.close();
    });

    test('all: a user who is not root', () => {
      const source = new URL('../../src/io/', import.meta.url);
      const program = `
        const { native } = await import('${source}native.ts');
        const { PacketPort } = await import('${source}packetPort.ts');
        const { TunPort } = await import('${source}tunPort.ts');
        const { XdpMemory } = await import('${source}xdpMemory.ts');
        const { XdpPort } = await import('${source}xdpPort.ts');
        const { FrameArena } = await import('${new URL('../memory/frameArena.ts', source)}');
        const arena = new FrameArena(native().arena(${ARENA_BYTES}));
        process.setgroups([]); process.setgid(65534); process.setuid(65534);
        for (const open of [
          () => new PacketPort(arena, { interface: '${wire.near}' }),
          () => new XdpPort(new XdpMemory(arena, 256), { interface: '${wire.near}' }),
          () => new TunPort(arena, { name: 'uvsiot%d' }),
        ]) try { open(); console.log('opened'); } catch (error) { console.log(error.code); }`;
      const out = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
      expect(out.trim().split('\n')).toEqual(['NOT_ROOT', 'NOT_ROOT', 'NOT_ROOT']);
    });
  });

  describe.each(PORTS)('%s', (_name, open) => {
    test('sends nothing while its interface is down, counts it, and goes on when it is up', async () => {
      const { port, arena } = open(wire);
      const outside = new RawLink(wire.far);
      ip('link', 'set', wire.near, 'down');
      port.transmit(strangers(arena, 40), 0);
      expect(port.counters).toMatchObject({ transmitted: 0, transmitFailed: 40 });
      ip('link', 'set', wire.near, 'up');
      await oneMillisecond();
      // The error of the time before may still be pending and take one burst.
      for (let round = 0; round < 2; round++) port.transmit(strangers(arena, 40), 0);
      expect(port.counters.transmitted).toBeGreaterThanOrEqual(40);
      let arrived = 0;
      for (let waits = 0; waits < 100 && arrived < 40; waits++) {
        while (outside.take() !== undefined) arrived++;
        await oneMillisecond();
      }
      expect(arrived).toBeGreaterThanOrEqual(40);
      outside.close();
      port.close();
    });

    test('survives the end of its interface: nothing to receive, failures counted, no spinning', () => {
      const { port, arena } = open(wire);
      const waiter = new Waiter([port]);
      wire.remove();
      const burst = new Burst();
      expect(port.receive(burst)).toBe(0);
      for (let round = 0; round < 3; round++) port.transmit(strangers(arena, 10), 0);
      expect(port.counters).toMatchObject({ transmitted: 0, transmitFailed: 30 });
      // At most one wait may end early, by the error that it takes away.
      waiter.wait(0);
      const start = performance.now();
      expect(waiter.wait(60)).toBe(false);
      expect(performance.now() - start).toBeGreaterThan(50);
      expect(port.receive(burst)).toBe(0);
      waiter.close();
      port.close();
    });

    test('gives everything back when it closes, and its interface can be opened again', () => {
      const before = openDescriptors();
      for (let round = 1; round <= 3; round++) {
        const { port, arena } = open(wire);
        port.close();
        // The arena is plain memory again where the rings lay.
        arena.bytes.fill(round);
        expect(Buffer.compare(arena.bytes, new Uint8Array(arena.bytes.length).fill(round))).toBe(0);
      }
      expect(openDescriptors()).toBe(before);
      expect(packetSocketsOf(wire.near)).toBe(0);
    });
  });

  test('a deleted TAP device receives nothing, counts failures, and is waited on no more', () => {
    const { port, arena } = openTap();
    const waiter = new Waiter([port]);
    removeLink(port.facts.name);
    const burst = new Burst();
    expect(port.receive(burst)).toBe(0);
    port.transmit(strangers(arena, 5), 0);
    expect(port.counters).toMatchObject({ transmitted: 0, transmitFailed: 5 });
    waiter.wait(0);
    const start = performance.now();
    expect(waiter.wait(60)).toBe(false);
    expect(performance.now() - start).toBeGreaterThan(50);
    waiter.close();
    port.close();
  });

  test('a worker that is terminated leaves no socket behind', async () => {
    const before = openDescriptors();
    const worker = await portsInWorker(wire);
    expect(packetSocketsOf(wire.near)).toBe(1);
    expect(() => openXdp(wire.near)).toThrow(expect.objectContaining({ code: 'PORT_OPEN_FAILED' }));
    await worker.terminate();
    expect(packetSocketsOf(wire.near)).toBe(0);
    openXdp(wire.near).port.close();
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  test('a packet port that waits for its filter receives nothing', async () => {
    const arena = newArena();
    const port = new PacketPort(arena, { interface: wire.near, dropUntilFiltered: true });
    const outside = new RawLink(wire.far);
    for (let i = 0; i < 20; i++) outside.send(frameOfType(0x88b5));
    await oneMillisecond();
    expect(port.receive(new Burst())).toBe(0);
    outside.close();
    port.close();
  });

  test('a packet port shows a frame with its VLAN tag, which the kernel had taken out', async () => {
    const { port, arena } = openPacket(wire.near);
    const outside = new RawLink(wire.far);
    const frame = frameOfType(0x8100);
    frame.set([0x20, 0x64, 0x88, 0xb5], 14);
    outside.send(frame);
    const burst = new Burst();
    for (let waits = 0; waits < 100 && port.receive(burst) === 0; waits++) await oneMillisecond();
    expect(arena.bytes.slice(burst.at[0]!, burst.at[0]! + burst.bytes[0]!)).toEqual(frame);
    port.release(burst);
    outside.close();
    port.close();
  });
});

describeAsRoot('waiter', () => {
  test('ends at once when another thread wakes it, once per call', async () => {
    const waiter = new Waiter([]);
    wake(waiter.wakeDescriptor);
    wake(waiter.wakeDescriptor);
    expect(waiter.wait(5000)).toBe(true);
    expect(waiter.wait(0)).toBe(false);
    const call = `require(${JSON.stringify(addonPath())}).eventFdSignal(${waiter.wakeDescriptor})`;
    const worker = new Worker(`setTimeout(() => ${call}, 30)`, { eval: true, execArgv: [] });
    const start = performance.now();
    expect(waiter.wait(5000)).toBe(true);
    expect(performance.now() - start).toBeLessThan(4000);
    waiter.close();
    await worker.terminate();
  });

  test('ends when a port has frames', async () => {
    const wire = makeWire('w');
    const { port } = openPacket(wire.near);
    const outside = new RawLink(wire.far);
    const waiter = new Waiter([port]);
    expect(waiter.wait(0)).toBe(false);
    outside.send(frameOfType(0x88b5));
    expect(waiter.wait(2000)).toBe(true);
    waiter.close();
    outside.close();
    port.close();
    wire.remove();
  });
});

function openXdpQueue(name: string, queue: number): Opened {
  const arena = newArena(xdpBytes(1));
  return { arena, port: new XdpPort(new XdpMemory(arena, XDP_PORT_CHUNKS), { interface: name, queue }) };
}

function frameOfType(type: number): Uint8Array {
  const frame = new Uint8Array(80).fill(7);
  frame.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, type >> 8, type & 255]);
  return frame;
}

/** AF_PACKET sockets bound to an interface, as the kernel lists them. */
function packetSocketsOf(name: string): number {
  const { index } = native().interfaceFacts(name);
  const rows = readFileSync('/proc/net/packet', 'utf8').trim().split('\n').slice(1);
  return rows.filter((row) => Number(row.trim().split(/\s+/)[4]) === index).length;
}

function addonPath(): string {
  return new URL('../../build/Release/uvs.node', import.meta.url).pathname;
}

/** A worker that has a packet and an AF_XDP port open on the wire's near end. */
async function portsInWorker(wire: Wire): Promise<Worker> {
  const source = new URL('../../src/io/', import.meta.url);
  const program = `
    (async () => {
      const { native } = await import('${source}native.ts');
      const { PacketPort } = await import('${source}packetPort.ts');
      const { XdpMemory } = await import('${source}xdpMemory.ts');
      const { XdpPort } = await import('${source}xdpPort.ts');
      const { FrameArena } = await import('${new URL('../memory/frameArena.ts', source)}');
      const arena = new FrameArena(native().arena(${2 * ARENA_BYTES}));
      globalThis.kept = [new PacketPort(arena, { interface: '${wire.near}' }),
        new XdpPort(new XdpMemory(arena, ${XDP_PORT_CHUNKS}), { interface: '${wire.near}' })];
      require('node:worker_threads').parentPort.postMessage('open');
      setInterval(() => {}, 1000);
    })();`;
  const worker = new Worker(program, { eval: true, execArgv: [] });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return worker;
}
