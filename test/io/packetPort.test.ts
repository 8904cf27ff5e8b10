/** What a packet port makes of slots, of the queue for long frames, and of each answer of the kernel; with real frames: test/lab. */
import { constants } from 'node:os';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BURST_FRAMES } from '../../src/base/terms.ts';
import { LONG_FRAMES_PER_BURST } from '../../src/io/longFrames.ts';
import { slotBytesFor } from '../../src/io/packetRing.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FakePacketKernel } from './packetKernel.ts';

const { EAGAIN, ENOBUFS, ENETDOWN, ENXIO, ENODEV, EMSGSIZE, EINVAL } = constants.errno;
const SHORT = 60;
const LONG = 20_000;
const LARGEST = 65_535 + 14 + 4;

/** A frame that says which one it is. */
function frame(number: number, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes).fill(number);
  new DataView(out.buffer).setUint16(12, 0x88b5);
  new DataView(out.buffer).setUint32(14, number);
  return out;
}

/** Numbers of the frames of one burst, each of which must be whole; then they go home. */
function take(kernel: FakePacketKernel, burst = new Burst(), releases = true): number[] {
  kernel.port.receive(burst);
  const numbers = Array.from({ length: burst.count }, (_, i) => {
    const number = kernel.arena.view.getUint32(burst.at[i]! + 14);
    const found = kernel.arena.bytes.subarray(burst.at[i]!, burst.at[i]! + burst.bytes[i]!);
    expect(found).toEqual(frame(number, burst.bytes[i]!));
    return number;
  });
  if (releases) kernel.port.release(burst);
  return numbers;
}

/** The next bursts until one is empty. */
function takeAll(kernel: FakePacketKernel): number[] {
  const all: number[] = [];
  for (let numbers = take(kernel); numbers.length > 0; numbers = take(kernel)) all.push(...numbers);
  return all;
}

/** A burst of `count` short frames that the port is to send. */
function sending(kernel: FakePacketKernel, count: number): Burst {
  for (let i = 0; i < count; i++) kernel.arrive({ bytes: frame(i, SHORT) });
  const burst = new Burst();
  kernel.port.receive(burst);
  burst.output.fill(3);
  return burst;
}

test('short and long frames come in the order in which they arrived', () => {
  const kernel = new FakePacketKernel();
  const lengths = [SHORT, LONG, SHORT, SHORT, LARGEST, LONG, SHORT];
  for (const [i, bytes] of lengths.entries()) kernel.arrive({ bytes: frame(i, bytes) });
  expect(takeAll(kernel)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(kernel.port.counters).toMatchObject({ received: 7, receiveMissed: 0, frameTooLong: 0 });
});

test('a burst has so many long frames at most; what comes behind them waits, in order', () => {
  const kernel = new FakePacketKernel();
  for (let i = 0; i < LONG_FRAMES_PER_BURST + 1; i++) kernel.arrive({ bytes: frame(i, LONG) });
  kernel.arrive({ bytes: frame(99, SHORT) });
  expect(take(kernel)).toHaveLength(LONG_FRAMES_PER_BURST);
  expect(take(kernel)).toEqual([LONG_FRAMES_PER_BURST, 99]);
});

test("the slot of a long frame is the kernel's again at once, that of a short one on release", () => {
  const kernel = new FakePacketKernel();
  kernel.arrive({ bytes: frame(0, LONG) });
  kernel.arrive({ bytes: frame(1, SHORT) });
  const burst = new Burst();
  take(kernel, burst, false);
  expect(kernel.heldSlots).toBe(1);
  kernel.port.release(burst);
  expect(kernel.heldSlots).toBe(0);
});

test('while the worker holds every buffer, long frames wait; none is lost', () => {
  const kernel = new FakePacketKernel();
  const bursts: Burst[] = [];
  for (let i = 0; i < BURST_FRAMES + 1; i++) kernel.arrive({ bytes: frame(i, LONG) });
  for (let i = 0; i < BURST_FRAMES; i += LONG_FRAMES_PER_BURST) {
    const burst = new Burst();
    expect(take(kernel, burst, false)).toHaveLength(LONG_FRAMES_PER_BURST);
    bursts.push(burst);
  }
  expect(take(kernel)).toEqual([]);
  kernel.port.release(bursts[0]!);
  expect(take(kernel)).toEqual([BURST_FRAMES]);
  expect(kernel.port.counters).toMatchObject({ received: BURST_FRAMES + 1, receiveMissed: 0 });
});

test('an error of the interface that is told in place of long frames costs none of them', () => {
  const kernel = new FakePacketKernel();
  for (let i = 0; i < 3; i++) kernel.arrive({ bytes: frame(i, LONG) });
  kernel.receiveAnswers.push(-ENETDOWN);
  expect(take(kernel)).toEqual([0, 1, 2]);
});

test('long frames that do not come are counted as lost, and their buffers used again', () => {
  const kernel = new FakePacketKernel();
  for (let round = 0; round < 3 * BURST_FRAMES; round++) {
    kernel.arrive({ bytes: frame(round, LONG) });
    kernel.receiveAnswers.push(-ENETDOWN, -ENETDOWN);
    expect(take(kernel)).toEqual([]);
  }
  expect(kernel.port.counters).toMatchObject({ received: 0, receiveMissed: 3 * BURST_FRAMES });
  expect(kernel.heldSlots).toBe(0);
  // What is left in the queue comes with the next ones: late, but whole.
  kernel.arrive({ bytes: frame(1000, LONG) });
  expect(take(kernel)).toEqual([0]);
});

test('a frame that is longer than 64 KB is counted, and goes no further', () => {
  const kernel = new FakePacketKernel();
  for (let i = 0; i < 2 * BURST_FRAMES; i++) {
    kernel.arrive({ bytes: frame(i, LARGEST + 1) });
    expect(take(kernel)).toEqual([]);
  }
  expect([kernel.port.counters.frameTooLong, kernel.queued, kernel.heldSlots]).toEqual([2 * BURST_FRAMES, 0, 0]);
});

test.each([
  ['a queue that is full: lost', true, { receiveMissed: 1, frameTooLong: 0 }],
  ['no queue: too long', false, { receiveMissed: 0, frameTooLong: 1 }],
] as const)('a frame that was cut off, for there is %s', (_name, superFrames, counters) => {
  const kernel = new FakePacketKernel({ superFrames });
  kernel.arrive({ bytes: frame(0, LONG), isQueueFull: superFrames });
  kernel.arrive({ bytes: frame(1, SHORT) });
  expect(take(kernel)).toEqual([1]);
  expect(kernel.port.counters).toMatchObject({ received: 1, ...counters });
  expect(kernel.heldSlots).toBe(0);
});

test.each([SHORT, LONG])('a frame of %i bytes gets its VLAN tag back', (bytes) => {
  const kernel = new FakePacketKernel();
  kernel.arrive({ bytes: frame(0, bytes), tag: 0x2007 });
  const burst = new Burst();
  kernel.port.receive(burst);
  expect(burst.bytes[0]).toBe(bytes + 4);
  expect(kernel.arena.view.getInt32(burst.at[0]! + 12)).toBe(0x8100_2007 | 0);
  expect(kernel.arena.view.getUint16(burst.at[0]! + 16)).toBe(0x88b5);
});

test('what found no slot is counted once', () => {
  const kernel = new FakePacketKernel({ slots: 16 });
  for (let i = 0; i < 20; i++) kernel.arrive({ bytes: frame(i, SHORT) });
  expect(takeAll(kernel)).toHaveLength(16);
  kernel.arrive({ bytes: frame(20, SHORT) });
  expect(takeAll(kernel)).toEqual([20]);
  expect(kernel.port.counters).toMatchObject({ received: 17, receiveMissed: 4 });
});

test('whatever arrives and is taken in whatever steps: each frame comes once, whole and in order, or is counted', () => {
  const step = fc.oneof(
    fc.record({ arrives: fc.constantFrom(SHORT, 1400, 1700, LONG, LARGEST, LARGEST + 9), isQueueFull: fc.boolean() }),
    fc.constantFrom('take', 'hold', 'release'),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const kernel = new FakePacketKernel({ slots: 32 });
      const held: Burst[] = [];
      const taken: number[] = [];
      let arrived = 0;
      for (const each of steps) {
        if (typeof each === 'object') kernel.arrive({ bytes: frame(arrived++, each.arrives), isQueueFull: each.isQueueFull });
        else if (each === 'release') {
          for (const burst of held.splice(0)) kernel.port.release(burst);
        } else {
          const burst = new Burst();
          taken.push(...take(kernel, burst, each === 'take'));
          if (each === 'hold') held.push(burst);
        }
      }
      for (const burst of held) kernel.port.release(burst);
      taken.push(...takeAll(kernel));
      const { received, receiveMissed, frameTooLong } = kernel.port.counters;
      expect(taken).toEqual(taken.toSorted((a, b) => a - b));
      expect(new Set(taken).size).toBe(received);
      expect(received + receiveMissed + frameTooLong).toBe(arrived);
      expect([kernel.heldSlots, kernel.queued]).toEqual([0, 0]);
    }),
    { numRuns: 60 },
  );
});

test.each([
  ['its queue is full', -EAGAIN, { transmitted: 2, transmitRingFull: 4 }, 2],
  ['the interface takes no more', -ENOBUFS, { transmitted: 2, transmitRingFull: 4 }, 2],
  ['the interface is down', -ENETDOWN, { transmitted: 2, transmitFailed: 4 }, 2],
  ['the interface is gone', -ENXIO, { transmitted: 2, transmitFailed: 4 }, 2],
  ['the device is gone', -ENODEV, { transmitted: 2, transmitFailed: 4 }, 2],
  ['one frame is too long', -EMSGSIZE, { transmitted: 5, frameTooLong: 1 }, 3],
  ['one frame is refused', -EINVAL, { transmitted: 5, transmitFailed: 1 }, 3],
] as const)('of six frames, %s behind the second: each is counted, without trying for ever', (_name, error, counters, calls) => {
  const kernel = new FakePacketKernel();
  const burst = sending(kernel, 6);
  kernel.sendAnswers.push(2, error);
  kernel.port.transmit(burst, 3);
  expect(kernel.port.counters).toMatchObject(counters);
  expect(kernel.calls).toBe(calls);
  expect(kernel.sent).toHaveLength(counters.transmitted);
  kernel.port.release(burst);
  expect(kernel.heldSlots).toBe(0);
});

test('slots are an odd number of steps long, and hold the frame', () => {
  for (const frameBytes of [60, 1518, 1522, 4096, 9018]) {
    for (const pageBytes of [4096, 65_536]) {
      const steps = slotBytesFor(frameBytes, pageBytes) / (pageBytes / 16);
      expect([Number.isInteger(steps), steps % 2]).toEqual([true, 1]);
      expect(steps * (pageBytes / 16)).toBeGreaterThanOrEqual(frameBytes + 154);
    }
  }
});
