/** Any life of a service: each scheduler chooses as its slow model does. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Family } from '../../src/base/terms.ts';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import { churn, FLAG_SETS, Life, runsOf } from './life.ts';
import { SLOW_MODELS } from './slowModels.ts';

/** wrr walks down level by level in its slow model, and twos writes a ticket for each weight. */
const MAX_WEIGHTS: Readonly<Record<string, number>> = { wrr: 300, twos: 300 };

test('every scheduler has a slow model', () => {
  expect(Object.keys(SLOW_MODELS).sort()).toEqual(SCHEDULERS.map(({ name }) => name).sort());
});

test.each(SCHEDULERS)('$name chooses as its slow model does, whatever happens to the service', ({ name, create }) => {
  const lives = fc.tuple(churn, fc.constantFrom(...FLAG_SETS), fc.constantFrom(Family.v4, Family.v6), fc.nat());
  fc.assert(
    fc.property(lives, ([steps, flags, family, seed]) => {
      const life = new Life(create, { flags, family, random: new SeededRandom(seed) });
      const slow = new Life(SLOW_MODELS[name]!, { flags, family, random: new SeededRandom(seed) });
      for (const step of name === 'maglev' ? steps.slice(0, 25) : steps) {
        const limited = { ...step, value: Math.min(step.value, MAX_WEIGHTS[name] ?? Number.POSITIVE_INFINITY) };
        expect(life.take(limited)).toBe(slow.take(limited));
      }
    }),
    { numRuns: runsOf(name, 50) },
  );
});
