/** What every scheduler must do, whichever it is: one suite, run on each line of the registry. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Family, NONE } from '../../src/base/terms.ts';
import type { SchedulerPlugin } from '../../src/scheduler/contract.ts';
import { flagBits, flagNames } from '../../src/scheduler/flags.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import { TestDestinations } from '../support/testDestinations.ts';
import { churn, FLAG_SETS, Life, optionsWith, requestOf, runsOf } from './life.ts';

/** Goes on with what it remembers of an address asked for, whatever the thresholds (specs/ipvs.md section 4.12). */
const KEEPS_OVERLOADED = ['lblc'];

/** Declares the suite for one scheduler. */
export function describeConformance(plugin: SchedulerPlugin): void {
  const create = (list: TestDestinations, flags: readonly string[] = []) => plugin.create(list, optionsWith({ flags }));

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
        fc.property(churn, fc.constantFrom(...FLAG_SETS), fc.constantFrom(Family.v4, Family.v6), (steps, flags, family) => {
          const life = new Life(plugin.create, { flags, family });
          const { list } = life;
          for (const step of steps) {
            const picked = life.take(step);
            if (picked === undefined || picked === NONE) continue;
            expect([list.available(picked), list.weight(picked) > 0]).toEqual([true, true]);
            if (!KEEPS_OVERLOADED.includes(plugin.name)) expect(list.overloaded(picked)).toBe(false);
          }
        }),
        { numRuns: runsOf(plugin.name, 40) },
      );
    });

    test('chooses the same again from the same seed', () => {
      fc.assert(
        fc.property(churn, (steps) => {
          const play = () => {
            const life = new Life(plugin.create);
            return steps.map((step) => life.take(step));
          };
          expect(play()).toEqual(play());
        }),
        { numRuns: runsOf(plugin.name, 10) },
      );
    });

    test('takes the names of its flags and the three that all have, and may be told of others later', () => {
      expect(plugin.flags.length).toBeLessThanOrEqual(3);
      expect(flagNames(plugin, flagBits(plugin, plugin.flags))).toEqual(plugin.flags);
      expect(flagBits(plugin, ['flag-1', 'flag-3', 'no-such'])).toBe(5);
      const list = new TestDestinations();
      const scheduler = create(list, ['flag-3', 'flag-2', 'flag-1']);
      scheduler.added(list.add(1));
      scheduler.setFlags?.([]);
      expect(scheduler.pick(requestOf(1))).toBe(0);
    });
  });
}
