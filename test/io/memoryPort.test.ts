import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UvsError } from '../../src/base/errors.ts';
import { ChecksumState, NONE } from '../../src/base/terms.ts';
import { MemoryPort } from '../../src/io/memoryPort.ts';
import { Burst, SegmentKind } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort, type PortRig } from './portConformance.ts';
import { ethernetFrames, udpFrames } from './testFrames.ts';

const frames = ethernetFrames();

function arenaOf(bytes = 2 << 20): FrameArena {
  return new FrameArena(new ArrayBuffer(bytes));
}

function rig(arenaBytes?: number, mtu = 1500): PortRig {
  const arena = arenaOf(arenaBytes);
  const port = new MemoryPort(arena, { receiveFrames: 128, transmitFrames: 128, mtu });
  return {
    port,
    arena,
    sendToPort: (bytes) => port.inject(bytes),
    takeFromPort: () => port.take(),
    close: () => port.close(),
  };
}

describePort('memory', () => rig(), { capacity: 128 });
describePort('memory with jumbo frames', () => rig(4 << 20, 9000), { capacity: 128, index: 0 });
describePort('memory with UDP frames', () => rig(), {
  capacity: 128,
  frames: udpFrames({ source: [10, 0, 0, 1], destination: [10, 0, 0, 2], port: 80 }),
});

describe('MemoryPort', () => {
  test('refuses to inject when no slot is free, until a burst is released', () => {
    const port = new MemoryPort(arenaOf(), { receiveFrames: 2 });
    const frame = frames.build(0, 60);
    expect([port.inject(frame), port.inject(frame), port.inject(frame)]).toEqual([true, true, false]);
    expect(port.counters.receiveMissed).toBe(1);
    const burst = new Burst();
    port.receive(burst);
    expect(port.inject(frame)).toBe(false);
    port.release(burst);
    expect(port.inject(frame)).toBe(true);
    expect(port.waiting).toBe(1);
  });

  test('forgives a burst that is released twice', () => {
    const port = new MemoryPort(arenaOf(), { receiveFrames: 4 });
    const burst = new Burst();
    port.inject(frames.build(0, 60));
    port.receive(burst);
    port.release(burst);
    port.release(burst);
    for (let i = 0; i < 4; i++) expect(port.inject(frames.build(i, 60))).toBe(true);
    expect(port.inject(frames.build(4, 60))).toBe(false);
  });

  test('accepts a frame of any length up to a slot, even an empty one', () => {
    const port = new MemoryPort(arenaOf(), { mtu: 100 });
    const lengths = [0, 1, 13, 114, 118];
    for (const length of lengths) expect(port.inject(new Uint8Array(length))).toBe(true);
    expect(port.inject(new Uint8Array(119))).toBe(false);
    expect(port.counters.frameTooLong).toBe(1);
    const burst = new Burst();
    port.receive(burst);
    expect([...burst.bytes.subarray(0, burst.count)]).toEqual(lengths);
  });

  test('aligns the IP header behind an untagged Ethernet header', () => {
    const port = new MemoryPort(arenaOf());
    const burst = new Burst();
    port.inject(frames.build(0, 60));
    port.receive(burst);
    expect((burst.at[0]! + 14) % 16).toBe(0);
  });

  test.each([
    ['a tagged frame of MTU size', 1518, 0x8100, 'transmitted'],
    ['an untagged frame longer than the MTU', 1515, 0x0800, 'frameTooLong'],
    ['a tagged frame longer than the MTU', 1519, 0x8100, 'frameTooLong'],
    ['less than an Ethernet header', 13, 0x0800, 'transmitFailed'],
  ] as const)('counts %s as it should', (_name, bytes, etherType, counter) => {
    const arena = arenaOf();
    const port = new MemoryPort(arena);
    const at = arena.reserve(2048);
    arena.view.setUint16(at + 12, etherType);
    const burst = new Burst();
    burst.output[burst.push(at, bytes)] = 0;
    port.transmit(burst, 0);
    expect(port.counters).toEqual({ ...new MemoryPort(arenaOf()).counters, [counter]: 1 });
    expect(port.pending).toBe(counter === 'transmitted' ? 1 : 0);
  });

  test('carries offloads from inject to receive and from transmit to take', () => {
    const arena = arenaOf();
    const port = new MemoryPort(arena, { offloads: true, receiveFrames: 2, transmitFrames: 2 });
    const offload = {
      checksum: ChecksumState.partial,
      checksumStart: 34,
      checksumOffset: 16,
      segmentKind: SegmentKind.tcpv4,
      segmentBytes: 1448,
    };
    const superFrame = frames.build(5, 60_000);
    expect(port.inject(superFrame, offload)).toBe(true);
    const burst = new Burst();
    port.receive(burst);
    expect([burst.checksum[0], burst.checksumStart[0], burst.checksumOffset[0]]).toEqual([ChecksumState.partial, 34, 16]);
    expect([burst.segmentKind[0], burst.segmentBytes[0]]).toEqual([SegmentKind.tcpv4, 1448]);
    burst.output[0] = 0;
    port.transmit(burst, 0);
    expect(port.takeWithOffload()).toEqual({ bytes: superFrame, offload });
  });

  test('does not transmit partial checksums or super-frames without offloads', () => {
    const port = new MemoryPort(arenaOf());
    const burst = new Burst();
    port.inject(frames.build(0, 60));
    port.inject(frames.build(1, 60));
    port.receive(burst);
    burst.output.fill(0);
    burst.checksum[0] = ChecksumState.partial;
    burst.segmentKind[1] = SegmentKind.tcpv4;
    port.transmit(burst, 0);
    expect([port.counters.transmitFailed, port.pending]).toEqual([2, 0]);
  });

  test('says how much memory it needs when the arena has too little', () => {
    const open = () => new MemoryPort(new FrameArena(new ArrayBuffer(4096)), { name: 'small' });
    expect(open).toThrow(UvsError);
    expect(open).toThrow(/port small need \d+ bytes of frame memory, 4096 are free/);
  });

  test('knows its MAC address', () => {
    const { facts } = new MemoryPort(arenaOf(), { mac: '02:00:00:00:00:07', name: 'client' });
    expect(facts).toEqual({ name: 'client', mtu: 1500, macHigh: 0x0200, macLow: 7, offloads: false });
    expect(() => new MemoryPort(arenaOf(), { mac: 'nonsense' })).toThrow();
  });

  test('agrees with a model of two queues under any sequence of calls', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('inject' as const), bytes: fc.uint8Array({ minLength: 14, maxLength: 80 }) }),
      fc.record({ kind: fc.constantFrom('breathe' as const, 'take' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const port = new MemoryPort(arenaOf(64 << 10), { mtu: 100, receiveFrames: 5, transmitFrames: 7 });
        const waiting: Uint8Array[] = [];
        const sent: Uint8Array[] = [];
        const burst = new Burst();
        for (const call of steps) {
          if (call.kind === 'inject') {
            expect(port.inject(call.bytes)).toBe(waiting.length < 5);
            if (waiting.length < 5) waiting.push(call.bytes);
          } else if (call.kind === 'take') {
            expect(port.take()).toEqual(sent.shift());
          } else {
            expect(port.receive(burst)).toBe(waiting.length);
            burst.output.fill(2);
            port.transmit(burst, 2);
            port.release(burst);
            sent.push(...waiting.splice(0).slice(0, 7 - sent.length));
          }
          expect([port.waiting, port.pending]).toEqual([waiting.length, sent.length]);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('has no transmitted frame to look at when there is none', () => {
    const port = new MemoryPort(arenaOf());
    expect(port.oldestAt).toBe(NONE);
    expect(port.copyOldestTo(port)).toBe(false);
    port.dropOldest();
    expect(port.take()).toBeUndefined();
  });
});
