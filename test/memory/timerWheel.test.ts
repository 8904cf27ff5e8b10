import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { TimerWheel, WHEEL_SLOTS } from '../../src/memory/timerWheel.ts';

/** Everything that is due, in the order it is handed out. */
function takeAll(wheel: TimerWheel, nowTick: number): number[] {
  const taken: number[] = [];
  for (let entry = wheel.takeDue(nowTick); entry !== NONE; entry = wheel.takeDue(nowTick)) taken.push(entry);
  return taken;
}

test('hands an entry out when its tick has come, and not before', () => {
  const wheel = new TimerWheel(4);
  wheel.place(2, 150, 100);
  expect(takeAll(wheel, 149)).toEqual([]);
  expect(takeAll(wheel, 150)).toEqual([2]);
  expect(takeAll(wheel, 151)).toEqual([]);
});

test('hands out what came due in a pause, earlier ticks first', () => {
  const wheel = new TimerWheel(4);
  wheel.place(0, 300, 0);
  wheel.place(1, 200, 0);
  wheel.place(2, 5000, 0);
  expect(takeAll(wheel, 1000)).toEqual([1, 0]);
});

test('an entry further away than the wheel is long is handed out early, to be placed again', () => {
  const wheel = new TimerWheel(1);
  wheel.place(0, 9000, 0);
  expect(wheel.dueTick(0)).toBe(WHEEL_SLOTS - 1);
  expect(takeAll(wheel, WHEEL_SLOTS)).toEqual([0]);
  wheel.place(0, 9000, WHEEL_SLOTS);
  expect(takeAll(wheel, 2 * WHEEL_SLOTS)).toEqual([0]);
  wheel.place(0, 9000, 2 * WHEEL_SLOTS);
  expect(takeAll(wheel, 8999)).toEqual([]);
  expect(takeAll(wheel, 9000)).toEqual([0]);
});

test('after a pause of many turns every entry is handed out', () => {
  const wheel = new TimerWheel(3);
  for (const entry of [0, 1, 2]) wheel.place(entry, 100 + entry * 1500, 0);
  expect(takeAll(wheel, 1_000_000).sort()).toEqual([0, 1, 2]);
});

test('after a long pause one call brings the wheel to the present, though entries wait', () => {
  const wheel = new TimerWheel(2);
  const now = 1_000_000;
  wheel.place(0, 100, 0);
  for (let due = wheel.takeDue(now); due !== NONE; due = wheel.takeDue(now)) wheel.place(due, now + 5000, now);
  wheel.place(1, now + 100, now);
  expect(wheel.dueTick(1)).toBe(now + 100);
});

test('placing again moves, removing ends the waiting', () => {
  const wheel = new TimerWheel(2);
  wheel.place(0, 50, 0);
  wheel.place(0, 20, 0);
  wheel.place(1, 20, 0);
  wheel.remove(1);
  wheel.remove(1);
  expect([wheel.waits(0), wheel.waits(1), wheel.count]).toEqual([true, false, 1]);
  expect(takeAll(wheel, 60)).toEqual([0]);
});

test('a tick that is over comes due at once', () => {
  const wheel = new TimerWheel(2);
  wheel.place(0, 10, 0);
  expect(takeAll(wheel, 20)).toEqual([0]);
  wheel.place(0, 15, 20);
  expect(takeAll(wheel, 21)).toEqual([0]);
});

test('time may wrap around int32', () => {
  const wheel = new TimerWheel(1);
  wheel.place(0, 0x8000_0005 | 0, 0x7fff_fffe);
  expect(takeAll(wheel, 0x8000_0004 | 0)).toEqual([]);
  expect(takeAll(wheel, 0x8000_0005 | 0)).toEqual([0]);
});

describe('any sequence of place, remove and time', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('place' as const), entry: fc.nat(15), after: fc.integer({ min: -50, max: 9000 }) }),
    fc.record({ kind: fc.constant('remove' as const), entry: fc.nat(15), after: fc.constant(0) }),
    fc.record({ kind: fc.constant('pass' as const), entry: fc.constant(0), after: fc.oneof(fc.nat(300), fc.nat(20_000)) }),
  );

  test('hands every entry out in time and none that was removed, when owners place again what is not over', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 0x7fff_ff00, -1), fc.array(step, { maxLength: 60, size: 'max' }), (startTick, steps) => {
        const wheel = new TimerWheel(16);
        const wanted = new Map<number, number>();
        let now = 0;
        const at = (tick: number) => (startTick + tick) | 0;
        for (const { kind, entry, after } of steps) {
          if (kind === 'place') {
            wanted.set(entry, now + after);
            wheel.place(entry, at(now + after), at(now));
          } else if (kind === 'remove') {
            wanted.delete(entry);
            wheel.remove(entry);
          } else {
            now += after;
            for (let due = wheel.takeDue(at(now)); due !== NONE; due = wheel.takeDue(at(now))) {
              expect(wanted.has(due)).toBe(true);
              if (wanted.get(due)! <= now) wanted.delete(due);
              else wheel.place(due, at(wanted.get(due)!), at(now));
            }
            // What was over when it was placed waits for the next tick at most, so only a pass of a tick must bring it.
            if (after > 0) expect([...wanted.values()].filter((tick) => tick < now)).toEqual([]);
          }
          expect(wheel.count).toBe(wanted.size);
        }
      }),
      { numRuns: 200 },
    );
  });
});
