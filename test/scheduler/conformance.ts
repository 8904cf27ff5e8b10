/** What every scheduler must do, whichever it is: one suite, run on each line of the registry. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Family, NONE, Protocol } from '../../src/base/terms.ts';
import { ScheduleRequest, type Scheduler, type SchedulerPlugin } from '../../src/scheduler/contract.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import { TestDestinations } from '../support/testDestinations.ts';

/** A change of the list or of its load, or a new connection. */
export interface ChurnStep {
  readonly kind: 'add' | 'remove' | 'weigh' | 'load' | 'overload' | 'pick';
  /** Which destination: the index into the list, modulo its length. */
  readonly at: number;
  readonly value: number;
}

/** Any life of a service. */
export const churn: fc.Arbitrary<ChurnStep[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('add', 'add', 'remove', 'weigh', 'load', 'overload', 'pick', 'pick', 'pick', 'pick'),
    at: fc.nat(7),
    value: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(12), fc.constantFrom(100, 65535, 0x7fffffff)),
  }),
  { maxLength: 60, size: 'max' },
);

/** Applies one step to the list and tells the scheduler of it. @returns the pick, or undefined when the step was none */
export function take(
  step: ChurnStep,
  list: TestDestinations,
  scheduler: Scheduler,
  request: ScheduleRequest,
): number | undefined {
  const d = list.listed[step.at % Math.max(list.listed.length, 1)] ?? NONE;
  if (step.kind === 'pick') return scheduler.pick(request);
  if (step.kind === 'add') scheduler.added(list.add(step.value));
  if (step.kind === 'add' || d === NONE) return undefined;
  if (step.kind === 'remove') {
    scheduler.removing(d);
    list.remove(d);
  } else if (step.kind === 'weigh') {
    list.set(d, { weight: step.value });
    scheduler.edited(d);
  } else if (step.kind === 'load') list.set(d, { active: step.value % 1000, inactive: step.value % 7 });
  else list.set(d, { overloaded: step.value % 2 === 0 });
  return undefined;
}

/** A request of the n-th client. */
export function requestOf(n: number): ScheduleRequest {
  const fields = { family: Family.v4, protocol: Protocol.tcp, client3: (0x0a010000 + n) | 0, clientPort: 1024 + n };
  return Object.assign(new ScheduleRequest(), fields, { target3: 0xc0000201 | 0, targetPort: 80 });
}

/** Declares the suite for one scheduler. */
export function describeConformance(plugin: SchedulerPlugin): void {
  const create = (list: TestDestinations, flags: readonly string[] = []) =>
    plugin.create(list, { flags, random: new SeededRandom(7) });

  describe(plugin.name, () => {
    test('is found by its name and describes itself', () => {
      expect(findScheduler(plugin.name)).toBe(plugin);
      expect(plugin.name).toMatch(/^[a-z]{2,15}$/);
      expect(plugin.description).toMatch(/^[^\n]{10,100}$/);
    });

    test('picks none from an empty list', () => {
      expect(create(new TestDestinations()).pick(requestOf(1))).toBe(NONE);
    });

    test('picks the only destination there is, whether it came before the scheduler or after', () => {
      const list = new TestDestinations();
      const before = list.add(1);
      expect(create(list).pick(requestOf(1))).toBe(before);
      const later = new TestDestinations();
      const scheduler = create(later);
      scheduler.added(later.add(1));
      expect(scheduler.pick(requestOf(1))).toBe(0);
    });

    test.each([
      ['has weight 0', { weight: 0 }],
      ['is overloaded', { overloaded: true }],
    ])('picks none when every destination %s', (_name, values) => {
      const list = new TestDestinations();
      const scheduler = create(list);
      for (const weight of [1, 2, 3]) scheduler.added(list.add(weight));
      for (const d of list.listed) {
        list.set(d, values);
        scheduler.edited(d);
      }
      expect([1, 2, 3].map((n) => scheduler.pick(requestOf(n)))).toEqual([NONE, NONE, NONE]);
    });

    test('picks again after the list was emptied', () => {
      const list = new TestDestinations();
      const scheduler = create(list);
      for (const weight of [1, 2, 3]) scheduler.added(list.add(weight));
      scheduler.pick(requestOf(1));
      for (const d of [...list.listed]) {
        scheduler.removing(d);
        list.remove(d);
      }
      expect(scheduler.pick(requestOf(1))).toBe(NONE);
      const d = list.add(1);
      scheduler.added(d);
      expect(scheduler.pick(requestOf(1))).toBe(d);
    });

    test('picks only what is listed, has weight and is not overloaded, whatever happens to the list', () => {
      fc.assert(
        fc.property(churn, fc.subarray([...plugin.flags]), (steps, flags) => {
          const list = new TestDestinations();
          const scheduler = create(list, flags);
          for (const [n, step] of steps.entries()) {
            const picked = take(step, list, scheduler, requestOf(n));
            if (picked !== undefined && picked !== NONE) expect(list.isUsable(picked)).toBe(true);
          }
        }),
        { numRuns: 60 },
      );
    });

    test('chooses the same again from the same seed', () => {
      fc.assert(
        fc.property(churn, (steps) => {
          const play = () => {
            const list = new TestDestinations();
            const scheduler = create(list);
            return steps.map((step, n) => take(step, list, scheduler, requestOf(n)));
          };
          expect(play()).toEqual(play());
        }),
        { numRuns: 20 },
      );
    });
  });
}
