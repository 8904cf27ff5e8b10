import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { FaultPort, type FaultRates } from '../../src/io/faultPort.ts';
import { MemoryPort } from '../../src/io/memoryPort.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort } from './portConformance.ts';
import { ethernetFrames } from './testFrames.ts';

const frames = ethernetFrames();

function faultRig(rates: FaultRates, seed = 1) {
  const arena = new FrameArena(new ArrayBuffer(1 << 20));
  const inner = new MemoryPort(arena, { receiveFrames: 128, transmitFrames: 128 });
  const port = new FaultPort(inner, arena, new SeededRandom(seed), rates);
  const outside = {
    sendToPort: (bytes: Uint8Array) => inner.inject(bytes),
    takeFromPort: () => inner.take(),
    close: () => port.close(),
  };
  return { port, arena, inner, ...outside };
}

/** Sends `count` frames of 100 bytes through the port. @returns what the engine saw, in order */
function through({ port, inner, arena }: ReturnType<typeof faultRig>, count: number): Uint8Array[] {
  const burst = new Burst();
  const got: Uint8Array[] = [];
  for (let sent = 0; sent < count; ) {
    for (let i = 0; i < 50 && sent < count; i++) inner.inject(frames.build(sent++, 100));
    port.receive(burst);
    for (let i = 0; i < burst.count; i++) got.push(arena.bytes.slice(burst.at[i]!, burst.at[i]! + burst.bytes[i]!));
    port.release(burst);
  }
  return got;
}

function numbersOf(got: readonly Uint8Array[]): number[] {
  return got.map((frame) => frames.sequenceOf(frame));
}

describePort('with faults of probability 0', () => faultRig({}), { capacity: 128 });

describe('FaultPort', () => {
  test('loses as many frames as it counts, and keeps the order of the rest', () => {
    const rig = faultRig({ drop: 0.3 });
    const numbers = numbersOf(through(rig, 1000));
    expect(numbers.length).toBe(1000 - rig.port.faults.dropped);
    expect(rig.port.faults.dropped).toBeGreaterThan(200);
    expect(rig.port.faults.dropped).toBeLessThan(400);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(rig.port.counters.received).toBe(numbers.length);
  });

  test('loses everything at probability 1, without leaking a slot', () => {
    const rig = faultRig({ drop: 1 });
    expect(through(rig, 1000)).toEqual([]);
    expect(rig.port.faults.dropped).toBe(1000);
    expect(rig.inner.counters.receiveMissed).toBe(0);
  });

  test('delivers a duplicate right behind its frame', () => {
    const rig = faultRig({ duplicate: 0.2 });
    const got = through(rig, 1000);
    expect(got.length).toBe(1000 + rig.port.faults.duplicated);
    expect(rig.port.faults.duplicated).toBeGreaterThan(100);
    const numbers = numbersOf(got);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(1000);
    for (const frame of got) expect(frame).toEqual(frames.build(frames.sequenceOf(frame), 100));
  });

  test('duplicates only as far as a burst has room', () => {
    const rig = faultRig({ duplicate: 1 });
    for (let i = 0; i < 64; i++) rig.inner.inject(frames.build(i, 100));
    const burst = new Burst();
    expect(rig.port.receive(burst)).toBe(64);
    expect(rig.port.faults.duplicated).toBe(0);
  });

  test('reorders within a burst and loses nothing by it', () => {
    const rig = faultRig({ reorder: 0.5 });
    const numbers = numbersOf(through(rig, 1000));
    const sorted = [...numbers].sort((a, b) => a - b);
    expect(sorted).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(numbers).not.toEqual(sorted);
    for (const [i, number] of numbers.entries()) expect(Math.floor(number / 50)).toBe(Math.floor(i / 50));
  });

  test('cuts frames, but not their Ethernet header', () => {
    const rig = faultRig({ truncate: 1 });
    const got = through(rig, 300);
    expect(rig.port.faults.truncated).toBe(300);
    for (const [i, frame] of got.entries()) {
      expect(frame.length).toBeGreaterThanOrEqual(14);
      expect(frame.length).toBeLessThan(100);
      expect(frame).toEqual(frames.build(i, 100).subarray(0, frame.length));
    }
  });

  test('inverts exactly one bit', () => {
    const rig = faultRig({ flip: 1 });
    for (const [i, frame] of through(rig, 300).entries()) {
      const wanted = frames.build(i, 100);
      let wrongBits = 0;
      for (const [at, byte] of frame.entries()) wrongBits += (byte ^ wanted[at]!).toString(2).replaceAll('0', '').length;
      expect(wrongBits).toBe(1);
    }
  });

  test('refuses to transmit at times, and leaves the burst as it was', () => {
    const rig = faultRig({ transmitRingFull: 0.5 });
    for (let i = 0; i < 60; i++) rig.inner.inject(frames.build(i, 100));
    const burst = new Burst();
    rig.port.receive(burst);
    burst.output.fill(4);
    rig.port.transmit(burst, 4);
    expect([...burst.output.subarray(0, 60)]).toEqual(new Array(60).fill(4));
    const { transmitted, transmitRingFull } = rig.port.counters;
    expect(transmitted + transmitRingFull).toBe(60);
    expect(transmitRingFull).toBe(rig.port.faults.refused);
    expect(rig.inner.pending).toBe(transmitted);
    expect(transmitRingFull).toBeGreaterThan(10);
  });

  test('repeats itself from the same seed, and not from another', () => {
    const rates = { drop: 0.1, duplicate: 0.1, reorder: 0.1, truncate: 0.1, flip: 0.1 };
    const first = through(faultRig(rates, 42), 300);
    expect(through(faultRig(rates, 42), 300)).toEqual(first);
    expect(through(faultRig(rates, 43), 300)).not.toEqual(first);
  });

  test('leaks no slot and accounts for every frame, whatever the rates', () => {
    const rate = fc.double({ min: 0, max: 1, noNaN: true });
    const rates = fc.record({ drop: rate, duplicate: rate, reorder: rate, truncate: rate, flip: rate });
    fc.assert(
      fc.property(rates, fc.integer(), (chosen, seed) => {
        const rig = faultRig(chosen, seed);
        const got = through(rig, 500);
        const { dropped, duplicated } = rig.port.faults;
        expect(got.length).toBe(500 - dropped + duplicated);
        expect(rig.inner.counters.receiveMissed).toBe(0);
        for (let i = 0; i < 128; i++) expect(rig.inner.inject(frames.build(i, 60))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
