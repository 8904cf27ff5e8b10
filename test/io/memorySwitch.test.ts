import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryPort } from '../../src/io/memoryPort.ts';
import { MemorySwitch } from '../../src/io/memorySwitch.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';

const BROADCAST = 0xff;

/** Hosts are small numbers; host n has the MAC address 02:00:00:00:00:n. */
function frameOf(to: number, from: number, mark = 0): Uint8Array {
  const frame = new Uint8Array(60).fill(mark, 14);
  frame.set(to === BROADCAST ? [255, 255, 255, 255, 255, 255] : [2, 0, 0, 0, 0, to], 0);
  frame.set([2, 0, 0, 0, 0, from, 0x88, 0xb5], 6);
  return frame;
}

/** One arena for all: as one process would have it. */
function portsOf(count: number, options: { receiveFrames?: number; transmitFrames?: number } = {}): MemoryPort[] {
  const arena = new FrameArena(new ArrayBuffer(768 << 10));
  return Array.from({ length: count }, (_, i) => new MemoryPort(arena, { name: `host${i}`, mtu: 200, ...options }));
}

/** Makes a port transmit `frame` as its engine would. */
function send(port: MemoryPort, frame: Uint8Array): void {
  const burst = new Burst();
  const at = scratchOf(port.arena);
  port.arena.bytes.set(frame, at);
  burst.output[burst.push(at, frame.length)] = 0;
  port.transmit(burst, 0);
}

const scratches = new WeakMap<FrameArena, number>();

function scratchOf(arena: FrameArena): number {
  const known = scratches.get(arena) ?? arena.reserve(2048);
  scratches.set(arena, known);
  return known;
}

function receiveAll(port: MemoryPort): Uint8Array[] {
  const burst = new Burst();
  const got: Uint8Array[] = [];
  while (port.receive(burst) > 0) {
    for (let i = 0; i < burst.count; i++) got.push(port.arena.bytes.slice(burst.at[i]!, burst.at[i]! + burst.bytes[i]!));
    port.release(burst);
  }
  return got;
}

describe('MemorySwitch', () => {
  test('floods until it has seen a host, then sends only there', () => {
    const ports = portsOf(3);
    const [a, b, c] = ports as [MemoryPort, MemoryPort, MemoryPort];
    const network = new MemorySwitch(...ports);
    send(a, frameOf(2, 1));
    expect(network.step()).toBe(1);
    expect(ports.map((port) => receiveAll(port).length)).toEqual([0, 1, 1]);
    send(b, frameOf(1, 2));
    network.step();
    expect(ports.map((port) => receiveAll(port).length)).toEqual([1, 0, 0]);
    send(a, frameOf(2, 1));
    network.step();
    expect(ports.map((port) => receiveAll(port).length)).toEqual([0, 1, 0]);
    expect(network.counters).toEqual({ forwarded: 2, flooded: 1, filtered: 0, delivered: 4, lost: 0 });
    expect(c.waiting).toBe(0);
  });

  test('floods broadcast and multicast, and learns no group address', () => {
    const ports = portsOf(3);
    const network = new MemorySwitch(...ports);
    const fromGroup = frameOf(BROADCAST, 1);
    fromGroup[6] = 0x03;
    send(ports[0]!, fromGroup);
    network.step();
    const toGroup = frameOf(1, 2);
    toGroup[0] = 0x03;
    send(ports[1]!, toGroup);
    network.step();
    expect(ports.map((port) => receiveAll(port).length)).toEqual([1, 1, 2]);
  });

  test('finds a host that moved to another port', () => {
    const ports = portsOf(3);
    const network = new MemorySwitch(...ports);
    send(ports[0]!, frameOf(BROADCAST, 9));
    send(ports[1]!, frameOf(BROADCAST, 9));
    network.step();
    for (const port of ports) receiveAll(port);
    send(ports[2]!, frameOf(9, 3));
    network.step();
    expect(ports.map((port) => receiveAll(port).length)).toEqual([0, 1, 0]);
  });

  test('does not send a frame back where it came from', () => {
    const ports = portsOf(2);
    const network = new MemorySwitch(...ports);
    send(ports[0]!, frameOf(1, 1));
    network.step();
    expect(ports.map((port) => receiveAll(port).length)).toEqual([0, 0]);
    expect(network.counters.filtered).toBe(1);
  });

  test('carries frames between arenas byte for byte', () => {
    const [a] = portsOf(1) as [MemoryPort];
    const [b] = portsOf(1) as [MemoryPort];
    const network = new MemorySwitch(a, b);
    send(a, frameOf(2, 1, 0x5a));
    network.step();
    expect(receiveAll(b)).toEqual([frameOf(2, 1, 0x5a)]);
  });

  test('refuses to join ports with and without offloads', () => {
    const arena = new FrameArena(new ArrayBuffer(1 << 20));
    const plain = new MemoryPort(arena, { receiveFrames: 2, transmitFrames: 2 });
    const offloading = new MemoryPort(arena, { offloads: true, receiveFrames: 2, transmitFrames: 2 });
    expect(() => new MemorySwitch(plain, offloading)).toThrow(/agree about offloads/);
  });

  test('conserves frames: each is filtered, or its copies are delivered or lost', () => {
    const sends = fc.array(fc.record({ port: fc.nat(3), to: fc.constantFrom(0, 1, 2, 3, 4, BROADCAST), mark: fc.nat(255) }));
    fc.assert(
      fc.property(sends, fc.integer({ min: 1, max: 8 }), (list, stepEvery) => {
        const ports = portsOf(4, { receiveFrames: 6, transmitFrames: 16 });
        const network = new MemorySwitch(...ports);
        let carried = 0;
        let received = 0;
        for (const [i, { port, to, mark }] of list.entries()) {
          send(ports[port]!, frameOf(to, port, mark));
          if (i % stepEvery === 0) carried += network.step();
          if (i % 11 === 0) received += receiveAll(ports[i % 4]!).length;
        }
        carried += network.step();
        for (const port of ports) received += receiveAll(port).length;
        const { forwarded, flooded, filtered, delivered, lost } = network.counters;
        const refused = ports.reduce((sum, { counters }) => sum + counters.transmitRingFull, 0);
        expect(carried + refused).toBe(list.length);
        expect(forwarded + flooded + filtered).toBe(carried);
        expect(delivered + lost).toBe(forwarded + flooded * 3);
        expect(received).toBe(delivered);
        expect(ports.reduce((sum, { counters }) => sum + counters.receiveMissed, 0)).toBe(lost);
      }),
      { numRuns: 60 },
    );
  });

  test('delivers the same frames in the same order on every run', () => {
    const run = () => {
      const ports = portsOf(4);
      const network = new MemorySwitch(...ports);
      for (let i = 0; i < 40; i++) {
        send(ports[i % 4]!, frameOf((i * 7) % 5, i % 4, i));
        if (i % 3 === 0) network.step();
      }
      network.step();
      return ports.map(receiveAll);
    };
    expect(run()).toEqual(run());
  });

  test('allocates nothing while frames go round', () => {
    const ports = portsOf(2);
    const network = new MemorySwitch(...ports);
    const burst = new Burst();
    send(ports[0]!, frameOf(1, 0));
    send(ports[1]!, frameOf(0, 1));
    for (let i = 0; i < 60; i++) ports[0]!.inject(frameOf(BROADCAST, 5));
    const goRound = (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        network.step();
        for (let host = 0; host < 2; host++) {
          ports[host]!.receive(burst);
          burst.output.fill(0);
          ports[host]!.transmit(burst, 0);
          ports[host]!.release(burst);
        }
      }
    };
    goRound(1000);
    const before = process.memoryUsage().heapUsed;
    goRound(1000);
    // 1000 rounds of some 60 frames; one object for each frame would be megabytes.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200_000);
    expect(ports[0]!.counters.received).toBeGreaterThan(25_000);
  });
});
