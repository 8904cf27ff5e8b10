/** The schedulers that go by turns, weights and loads: the examples of specs/ipvs.md section 4. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import type { Scheduler } from '../../src/scheduler/contract.ts';
import { productExceeds } from '../../src/scheduler/load.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import { TestDestinations } from '../support/testDestinations.ts';
import { optionsWith, requestOf } from './life.ts';

interface Service {
  readonly list: TestDestinations;
  readonly scheduler: Scheduler;
  /** Letter of destination -> index. */
  readonly named: Map<string, number>;
}

/** `A4 B3`: additions in that order, before the scheduler is bound or after. */
function serviceOf(scheduler: string, additions: string, isBoundLast = false): Service {
  const list = new TestDestinations();
  const named = new Map<string, number>();
  const create = () => findScheduler(scheduler)!.create(list, optionsWith());
  const early = isBoundLast ? undefined : create();
  for (const [letter, ...weight] of additions.split(' ')) {
    const d = list.add(Number(weight.join('')));
    named.set(letter!, d);
    early?.added(d);
  }
  return { list, scheduler: early ?? create(), named };
}

/** The next picks, as letters. @param isKept each connection stays, active */
function picks({ list, scheduler, named }: Service, count: number, isKept = false): string {
  const letters = new Map([...named].map(([letter, d]) => [d, letter]));
  return Array.from({ length: count }, (_, n) => {
    const d = scheduler.pick(requestOf(n));
    if (isKept && d !== NONE) list.set(d, { active: list.active(d) + 1 });
    return letters.get(d) ?? '-';
  }).join(' ');
}

describe('rr', () => {
  test('goes through the list from the newest', () => {
    expect(picks(serviceOf('rr', 'A1 B1 C1'), 7)).toBe('C B A C B A C');
  });

  test('takes a new destination when the turn begins again', () => {
    const service = serviceOf('rr', 'A1 B1 C1');
    picks(service, 5);
    const d = service.list.add(1);
    service.named.set('D', d);
    service.scheduler.added(d);
    expect(picks(service, 6)).toBe('A D C B A D');
  });

  test('skips nobody when the one picked last is removed', () => {
    const service = serviceOf('rr', 'A1 B1 C1 D1');
    expect(picks(service, 2)).toBe('D C');
    service.scheduler.removing(service.named.get('C')!);
    service.list.remove(service.named.get('C')!);
    expect(picks(service, 4)).toBe('B A D B');
  });

  test('leaves out those of weight 0', () => {
    expect(picks(serviceOf('rr', 'A1 B0 C5'), 4)).toBe('C A C A');
  });
});

describe('wrr', () => {
  test.each([
    ['bound to a list', 'C2 B3 A4', true, 'A A B A B C A B C A A B A B C A B C'],
    ['heaviest added first', 'A4 B3 C2', false, 'C B A A B A C B A C B A A B A C B A'],
    ['heaviest added last', 'C2 B3 A4', false, 'A B C A A B A B C A B C A A B A B C'],
    ['a light and a heavy one', 'A1 B3', false, 'B A B B B A B B'],
    ['weights with a common divisor', 'A10 B20 C30', false, 'C B A C C B C B A C C B'],
    ['one that is quiesced', 'C1 B0 A3', true, 'A A A C A A A C'],
  ])('%s', (_name, additions, isBoundLast, sequence) => {
    expect(picks(serviceOf('wrr', additions, isBoundLast), sequence.split(' ').length)).toBe(sequence);
  });

  test('gives each its weight in a full turn, whatever the weights', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(weights, fc.nat(10), (given, offset) => {
        const additions = given.map((weight, i) => `${String.fromCharCode(65 + i)}${weight}`).join(' ');
        const service = serviceOf('wrr', additions, true);
        picks(service, offset);
        const turn = picks(
          service,
          given.reduce((a, b) => a + b),
        ).split(' ');
        expect(given.map((_w, i) => turn.filter((letter) => letter === String.fromCharCode(65 + i)).length)).toEqual(given);
      }),
      { numRuns: 50 },
    );
  });

  test('goes on where it stopped when all were overloaded for a while', () => {
    const service = serviceOf('wrr', 'A2 B1 C1', true);
    const overload = (overloaded: boolean) => {
      for (const d of service.list.listed) service.list.set(d, { overloaded });
    };
    expect(picks(service, 2)).toBe('A C');
    overload(true);
    expect(picks(service, 2)).toBe('- -');
    overload(false);
    expect(picks(service, 5)).toBe('B A A C B');
  });

  test('finds the light one at once when the heaviest possible is overloaded', () => {
    const service = serviceOf('wrr', `A1 B${0x7fffffff}`, true);
    service.list.set(service.named.get('B')!, { overloaded: true });
    const begin = performance.now();
    expect(picks(service, 3)).toBe('A A A');
    expect(performance.now() - begin).toBeLessThan(500);
  });
});

describe('wlc', () => {
  test.each([
    ['shares connections that stay by weight', 'A1 B2', 'B A B B A B B A B'],
    ['takes turns with equal weights', 'A1 B1 C1', 'C B A C B A'],
  ])('%s', (_name, additions, sequence) => {
    expect(picks(serviceOf('wlc', additions), sequence.split(' ').length, true)).toBe(sequence);
  });

  test('gives the newest every connection as long as none stays', () => {
    expect(picks(serviceOf('wlc', 'A5 B1'), 4)).toBe('B B B B');
  });
});

describe('lc', () => {
  test('does not look at weights', () => {
    expect(picks(serviceOf('lc', 'A1 B100'), 6, true)).toBe('B A B A B A');
  });

  // The kernel of the recordings gives 257 to A, of two with 0 + 256 and 1 + 0 connections, where B is the newest.
  test.each([
    [256, 'B'],
    [257, 'B'],
    [258, 'A'],
  ])('an active connection weighs as much as 257 inactive ones: %i', (inactive, picked) => {
    const service = serviceOf('lc', 'A1 B1');
    service.list.set(service.named.get('A')!, { active: 1 });
    service.list.set(service.named.get('B')!, { inactive });
    expect(picks(service, 1)).toBe(picked);
  });
});

describe('sed', () => {
  test.each([
    ['counts the new connection in', 'A1 B2', 'B B A B B A'],
    ['begins with the heaviest', 'A4 B3 C2', 'A B C A B A C B A A B C'],
  ])('%s', (_name, additions, sequence) => {
    expect(picks(serviceOf('sed', additions), sequence.split(' ').length, true)).toBe(sequence);
  });

  test('does not look at inactive connections', () => {
    const service = serviceOf('sed', 'A1 B1');
    service.list.set(service.named.get('B')!, { inactive: 1000 });
    expect(picks(service, 1)).toBe('B');
  });
});

describe('nq', () => {
  test('gives each an active connection before it goes by delay', () => {
    expect(picks(serviceOf('nq', 'A4 B3 C2'), 6, true)).toBe('C B A A B A');
  });
});

describe('fo', () => {
  test('gives everything to the newest of the heaviest, and to the next when that is overloaded', () => {
    const service = serviceOf('fo', 'A4 B9 C9 D0');
    expect(picks(service, 3, true)).toBe('C C C');
    service.list.set(service.named.get('C')!, { overloaded: true });
    expect(picks(service, 2, true)).toBe('B B');
  });
});

describe('ovf', () => {
  test('goes to the next when the active connections exceed the weight, and to none after the last', () => {
    expect(picks(serviceOf('ovf', 'A1 B2'), 6, true)).toBe('B B B A A -');
  });

  test('does not look at inactive connections', () => {
    const service = serviceOf('ovf', 'A1 B2');
    service.list.set(service.named.get('B')!, { inactive: 1000 });
    expect(picks(service, 1)).toBe('B');
  });
});

test('products are compared exactly beyond 2^53', () => {
  const big = fc.integer({ min: 0, max: 2 ** 36 - 1 });
  const weight = fc.integer({ min: 0, max: 0x7fffffff });
  const near = fc
    .tuple(big, weight)
    .chain(([a, b]) => fc.tuple(fc.constant([a, b]), fc.integer({ min: -1, max: 1 }), fc.integer({ min: -1, max: 1 })));
  fc.assert(
    fc.property(near, ([[a, b], da, db]) => {
      const [c, d] = [Math.max(a! + da, 0), Math.max(b! + db, 0)];
      expect(productExceeds(a!, b!, c, d)).toBe(BigInt(a!) * BigInt(b!) > BigInt(c) * BigInt(d));
      expect(productExceeds(d, b!, b!, d)).toBe(false);
    }),
    { numRuns: 300 },
  );
});
