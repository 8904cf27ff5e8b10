import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { localIndexOf, localPortOf } from '../../src/table/localAddresses.ts';
import { type PortGeometry, PortPool } from '../../src/table/portPool.ts';

const TWO: PortGeometry = { indices: [0, 3], firstPort: 5000, portCount: 4, step: 1 };
const all = (pool: PortPool): number[] => Array.from({ length: pool.size }, () => pool.take());

describe('a pool', () => {
  test('gives every pair once, then none, and again after one came back', () => {
    const pool = new PortPool('tcp', TWO, 5);
    const taken = all(pool);
    expect(new Set(taken).size).toBe(8);
    expect(pool.take()).toBe(NONE);
    pool.giveBack(taken[3]!);
    expect([pool.take(), pool.take()]).toEqual([taken[3], NONE]);
  });

  test('gives neighbours from different addresses', () => {
    const pool = new PortPool('tcp', TWO, 0);
    const pairs = all(pool).map((local) => `${localIndexOf(local)}:${localPortOf(local)}`);
    expect(pairs).toEqual(['0:5000', '3:5000', '0:5001', '3:5001', '0:5002', '3:5002', '0:5003', '3:5003']);
  });

  test('gives back no pair before those that were free when it came', () => {
    const pool = new PortPool('tcp', TWO, 0);
    const first = pool.take();
    pool.giveBack(first);
    const next = Array.from({ length: 7 }, () => pool.take());
    expect(next).not.toContain(first);
    expect(pool.take()).toBe(first);
  });

  test('has only the ports of its step', () => {
    const pool = new PortPool('tcp', { indices: [1], firstPort: 5002, portCount: 3, step: 4 }, 0);
    expect(all(pool).map(localPortOf)).toEqual([5002, 5006, 5010]);
  });

  test('without addresses has nothing', () => {
    expect(new PortPool('tcp', { ...TWO, indices: [] }, 9).take()).toBe(NONE);
  });

  test('does not give what a connection had before it', () => {
    const pool = new PortPool('tcp', TWO, 0);
    const [first] = all(new PortPool('tcp', TWO, 0));
    pool.occupy(first!);
    const rest = Array.from({ length: 7 }, () => pool.take());
    expect(rest).not.toContain(first);
    expect(pool.take()).toBe(NONE);
  });

  test('any history: no pair is out twice, and take fails exactly when all are out', () => {
    const geometry = fc.record({
      indices: fc.constantFrom([2], [0, 1], [4, 1, 7]),
      firstPort: fc.constantFrom(1, 5000),
      portCount: fc.integer({ min: 1, max: 40 }),
      step: fc.constantFrom(1, 3),
    });
    fc.assert(
      fc.property(geometry, fc.integer(), fc.array(fc.nat(), { maxLength: 200 }), (shape, chance, steps) => {
        const pool = new PortPool('tcp', shape, chance);
        const out: number[] = [];
        for (const step of steps) {
          if (step % 3 === 0 && out.length > 0) pool.giveBack(out.splice(step % out.length, 1)[0]!);
          else {
            const local = pool.take();
            expect(local === NONE).toBe(out.length === pool.size);
            if (local !== NONE) out.push(local);
          }
          expect([new Set(out).size, pool.used]).toEqual([out.length, out.length]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
