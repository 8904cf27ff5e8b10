/** A pick allocates nothing: twenty thousand of them leave the heap as it is. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { NONE } from '../../src/base/terms.ts';
import type { DestinationList } from '../../src/scheduler/contract.ts';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import { optionsWith, requestOf } from './life.ts';

const PICKS = 20_000;
const DESTINATIONS = 6;
/** What the compiler may leave behind; a single number on the heap per pick would be 240 KB at least. */
const SLACK_BYTES = 150_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test.each(SCHEDULERS)('$name', ({ create }) => {
  const clock = new ManualClock(1234.5);
  const active = new Int32Array(DESTINATIONS);
  const scheduler = create(listOf(active), optionsWith({ flags: ['flag-1', 'flag-2'], clock }));
  const request = requestOf(1);
  let sum = 0;
  const run = (count: number) => {
    for (let n = 0; n < count; n++) {
      request.client3 = Math.imul(n, 0x9e3779b1);
      request.target3 = Math.imul(n % 5000, 0x85ebca6b);
      if (n % 1000 === 0) clock.advance(60_000.5);
      if (n % 64 === 0) active.fill(0);
      const d = scheduler.pick(request);
      if (d === NONE) continue;
      active[d]!++;
      sum += d;
    }
  };
  run(20_000);
  const grown = () => {
    collect();
    const before = process.memoryUsage().heapUsed;
    run(PICKS);
    return process.memoryUsage().heapUsed - before;
  };
  // Code that is not compiled yet allocates for numbers beyond 31 bits; the compiler works beside us, and may be late.
  let least = grown();
  for (let attempt = 0; attempt < 30 && least >= SLACK_BYTES; attempt++) least = Math.min(least, grown());
  expect(sum).toBeGreaterThan(0);
  expect(least).toBeLessThan(SLACK_BYTES);
});

/** Destinations 0, 1 ... with weights 1, 2 ...; the last is always overloaded. */
function listOf(active: Int32Array): DestinationList {
  return {
    first: () => 0,
    next: (d) => (d + 1 < DESTINATIONS ? d + 1 : NONE),
    available: (d) => d >= 0 && d < DESTINATIONS,
    weight: (d) => d + 1,
    lastWeight: (d) => d + 1,
    active: (d) => active[d]!,
    inactive: () => 0,
    overloaded: (d) => d === DESTINATIONS - 1,
    family: () => 4,
    addressWord: (d, i) => (i === 3 ? 0x0a000001 + d : 0),
    port: () => 80,
  };
}
