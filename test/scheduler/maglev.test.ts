/** Maglev: the paper's own example (Eisenbud and others, NSDI 2016, table 1), its promises, and those of `maglev` to clusters. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Family } from '../../src/base/terms.ts';
import { apportion } from '../../src/scheduler/apportion.ts';
import { maglev, takeShares } from '../../src/scheduler/maglev.ts';
import { Preferences } from '../../src/scheduler/preferences.ts';
import { TestDestinations } from '../support/testDestinations.ts';
import { optionsWith, requestOf } from './life.ts';

const NOBODY = -1;

describe('the example of the paper', () => {
  /** Begin and skip of B1, B2 and B3. */
  const ORDERS: readonly (readonly [begin: number, skip: number])[] = [
    [3, 4],
    [0, 2],
    [3, 1],
  ];

  test.each([
    ['with all three', [1, 2, 3], 'B2 B1 B2 B1 B3 B3 B1'],
    ['without B2', [1, 3], 'B1 B1 B1 B1 B3 B3 B3'],
  ])('%s', (_name, members, expected) => {
    const table = new Int32Array(7);
    const preferences = new Preferences(table, members.length);
    for (const member of members) preferences.add(member, ...ORDERS[member - 1]!);
    const shares = apportion(7, members.map(() => 1)); // biome-ignore format: one line
    takeShares(preferences, shares);
    expect([...table].map((member) => `B${member}`).join(' ')).toBe(expected);
  });
});

describe('shares', () => {
  const weights = fc.array(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 0x7fffffff })), {
    minLength: 1,
    maxLength: 50,
  });

  test('are whole, at least 1, together everything, and within 1 of the proportion unless somebody got 1 for less', () => {
    fc.assert(
      fc.property(weights, (given) => {
        const shares = apportion(65_537, given);
        const sum = given.reduce((a, b) => a + b);
        expect(shares.reduce((a, b) => a + b)).toBe(65_537);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
        const exact = given.map((weight) => (weight / sum) * 65_537);
        const slack = 1 + exact.filter((share) => share < 1).length;
        for (const [i, share] of shares.entries()) expect(Math.abs(share - exact[i]!)).toBeLessThan(slack);
      }),
      { numRuns: 200 },
    );
  });

  test('of nobody are none', () => expect(apportion(7, [])).toEqual([]));
});

/** A service of these servers, in this order of addition. @returns the name of the destination of each of so many clients */
function owners(
  servers: readonly (readonly [name: number, weight: number])[],
  clients: number,
  flags: readonly string[] = [],
): number[] {
  const list = new TestDestinations();
  const scheduler = maglev.create(list, optionsWith({ flags }));
  for (const [name, weight] of servers) scheduler.added(list.add(weight, name));
  return Array.from({ length: clients }, (_, n) => {
    const d = scheduler.pick(requestOf(n));
    return d === NOBODY ? NOBODY : list.get(d).name;
  });
}

const equal = (count: number): [number, number][] => Array.from({ length: count }, (_, i) => [i + 1, 1]);

/** Entries of the table of each member, from the inside. */
function entriesOf(count: number, size: number): Map<number, number> {
  const table = new Int32Array(size);
  const preferences = new Preferences(table, count);
  for (let i = 0; i < count; i++) preferences.add(i, (i * 7919 + 13) % size, ((i * 104_729) % (size - 1)) + 1);
  takeShares(preferences, apportion(size, Array<number>(count).fill(1)));
  const entries = new Map<number, number>();
  for (const member of table) entries.set(member, (entries.get(member) ?? 0) + 1);
  return entries;
}

test.each([1, 3, 50, 333])('%i equal members have equally many entries, within one', (count) => {
  const entries = [...entriesOf(count, 65_537).values()];
  expect(entries.length).toBe(count);
  expect(Math.max(...entries) - Math.min(...entries)).toBeLessThanOrEqual(1);
});

test('under 1 % of the clients of the other servers move when one of 50 goes', () => {
  const before = owners(equal(50), 20_000);
  const after = owners(equal(50).filter(([name]) => name !== 17), 20_000); // biome-ignore format: one line
  const stayed = before.filter((owner) => owner !== 17).length;
  const moved = before.filter((owner, n) => owner !== 17 && owner !== after[n]).length;
  expect(moved).toBeGreaterThan(0);
  expect(moved / stayed).toBeLessThan(0.01);
});

test('shares the clients in proportion to weight', () => {
  const picked = owners([[1, 1], [2, 2], [3, 5]], 40_000); // biome-ignore format: one line
  const share = (name: number) => picked.filter((owner) => owner === name).length / picked.length;
  for (const [name, expected] of [[1, 1 / 8], [2, 2 / 8], [3, 5 / 8]] as const) expect(share(name)).toBeCloseTo(expected, 2); // biome-ignore format: one line
});

test.each([[[]], [['maglev-port']], [['maglev-large']]])(
  'picks the same in whatever order the servers came, flags %o',
  (flags) => {
    const servers: [number, number][] = [
      [1, 3],
      [2, 1],
      [3, 0],
      [4, 7],
      [250, 1],
    ];
    expect(owners(servers.toReversed(), 500, flags)).toEqual(owners(servers, 500, flags));
  },
);

test('does not remember the weights of yesterday', () => {
  const list = new TestDestinations();
  const scheduler = maglev.create(list, optionsWith());
  for (const name of [1, 2, 3]) scheduler.added(list.add(1, name));
  scheduler.pick(requestOf(0));
  list.set(1, { weight: 0 });
  scheduler.edited(1);
  const picked = Array.from({ length: 500 }, (_, n) => list.get(scheduler.pick(requestOf(n))).name);
  expect(picked).toEqual(owners([[1, 1], [2, 0], [3, 1]], 500)); // biome-ignore format: one line
});

test('a client whose server is overloaded gets none, or with maglev-fallback another one, and comes back', () => {
  const list = new TestDestinations();
  const scheduler = maglev.create(list, optionsWith());
  for (const name of [1, 2, 3]) scheduler.added(list.add(1, name));
  const home = scheduler.pick(requestOf(5));
  list.set(home, { overloaded: true });
  scheduler.edited(home);
  expect(scheduler.pick(requestOf(5))).toBe(NOBODY);
  scheduler.setFlags?.(['maglev-fallback']);
  const other = scheduler.pick(requestOf(5));
  expect([NOBODY, home]).not.toContain(other);
  list.set(home, { overloaded: false });
  expect(scheduler.pick(requestOf(5))).toBe(home);
});

test('maglev-port spreads the connections of one client', () => {
  const spread = (flags: string[]) => {
    const list = new TestDestinations();
    const scheduler = maglev.create(list, optionsWith({ flags }));
    for (const name of [1, 2, 3]) scheduler.added(list.add(1, name));
    return new Set(Array.from({ length: 50 }, (_, n) => scheduler.pick(Object.assign(requestOf(1), { clientPort: 2000 + n }))))
      .size;
  };
  expect([spread([]), spread(['maglev-port'])]).toEqual([1, 3]);
});

test('tells IPv6 clients apart by every word', () => {
  const list = new TestDestinations(Family.v6);
  const scheduler = maglev.create(list, optionsWith({ family: Family.v6 }));
  for (let name = 1; name < 100; name++) scheduler.added(list.add(1, name));
  for (const word of ['client0', 'client1', 'client2', 'client3']) {
    const picked = Array.from({ length: 20 }, (_, n) => scheduler.pick(Object.assign(requestOf(1, Family.v6), { [word]: n })));
    expect(new Set(picked).size).toBeGreaterThan(10);
  }
});
