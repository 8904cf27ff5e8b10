/** The cache of lblc and lblcr when it is large: thousands of addresses, against the map of the slow model, minute by minute. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { NONE } from '../../src/base/terms.ts';
import { lblc } from '../../src/scheduler/lblc.ts';
import { TargetCache } from '../../src/scheduler/targetCache.ts';
import { TestDestinations } from '../support/testDestinations.ts';
import { optionsWith, requestOf } from './life.ts';
import { SlowCache } from './slowLocality.ts';

const EXPIRATION_SECONDS = 3600;
const MOST_ENTRIES = 24_576;

/** Both caches, asked for the same addresses at the same times. */
class Pair {
  readonly clock = new ManualClock();
  readonly fast: TargetCache;
  readonly slow = new SlowCache(this.clock);
  readonly #request = requestOf(0);
  readonly #d: number;

  constructor() {
    const list = new TestDestinations();
    this.#d = list.add(1);
    this.fast = new TargetCache(list, 1, this.#tick);
  }

  get #tick(): number {
    return this.clock.now() / 100;
  }

  /** The addresses from `from` on are asked for. @returns how many of them were remembered */
  ask(from: number, count: number): number {
    let [known, slowlyKnown] = [0, 0];
    this.check();
    for (let n = from; n < from + count; n++) {
      this.#request.target3 = Math.imul(n, 0x85ebca6b);
      if (this.fast.use(this.#request, this.#tick) !== NONE) known++;
      else this.fast.insert(this.#request, this.#d, this.#tick);
      if (this.slow.use(this.#request) !== undefined) slowlyKnown++;
      else this.slow.make(this.#request, 1);
    }
    expect(known).toBe(slowlyKnown);
    return known;
  }

  check(): void {
    this.fast.makeChecks(this.#tick, EXPIRATION_SECONDS * 10);
    this.slow.check(EXPIRATION_SECONDS);
    expect(this.fast.count).toBe(this.slow.entries.size);
  }

  wait(seconds: number): void {
    this.clock.advance(seconds * 1000);
    this.check();
  }
}

test('too many entries: those unused for six minutes go, a part each minute, until there are few enough', () => {
  const pair = new Pair();
  pair.ask(0, 20_000);
  pair.wait(359);
  expect(pair.fast.count).toBe(20_000);
  pair.ask(0, 1000);
  pair.wait(1);
  // A third more than there are too many, to the end of a bucket.
  expect(pair.fast.count).toBeLessThan(20_000 - ((20_000 - 16_384) * 4) / 3 + 1);
  expect(pair.fast.count).toBeGreaterThan(15_000);
  expect(pair.ask(0, 1000)).toBe(1000);
  pair.wait(600);
  expect(pair.ask(0, 22_000)).toBeGreaterThan(15_000);
});

test('a check takes half of the allowed at most, and the next one goes on where it stopped', () => {
  const pair = new Pair();
  pair.ask(0, MOST_ENTRIES);
  pair.wait(360);
  expect(pair.fast.count).toBeLessThanOrEqual(16_384);
  pair.ask(50_000, 6000);
  pair.wait(60);
  pair.ask(0, 3000);
  pair.wait(300);
  pair.wait(60);
  pair.ask(0, 100);
});

test('a full cache remembers no more, and says so', () => {
  const pair = new Pair();
  pair.ask(0, MOST_ENTRIES + 500);
  expect(pair.fast.count).toBe(MOST_ENTRIES);
  const list = new TestDestinations();
  list.add(1);
  const scheduler = lblc.create(list, optionsWith());
  const request = requestOf(0);
  let picked = 0;
  for (; picked <= MOST_ENTRIES && !request.cacheFull; picked++) {
    request.target3 = Math.imul(picked, 0x85ebca6b);
    if (scheduler.pick(request) !== 0) break;
  }
  expect([picked, request.cacheFull]).toEqual([MOST_ENTRIES + 1, true]);
});

test.each([1, 59, 60, 1799, 1800, 3599, 3600, 5400, 7200, 100_000])(
  'what nobody asks for goes in time: waits of %i s',
  (seconds) => {
    const pair = new Pair();
    for (let round = 0; round < 6; round++) {
      pair.ask(round * 50, 100);
      pair.wait(seconds);
    }
    pair.wait(7200);
    expect(pair.ask(0, 400)).toBe(0);
  },
);
