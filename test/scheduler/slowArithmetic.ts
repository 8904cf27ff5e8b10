/** What the slow models of schedulers count with: exact, and in the words of specs/ipvs.md. */
import type { TestDestination, TestDestinations } from '../support/testDestinations.ts';

/** Newest first. */
export function usable(list: TestDestinations): number[] {
  return list.listed.filter((d) => list.isUsable(d));
}

/** Section 3.5: active * 256 + all. */
export function overheadOf({ active, inactive }: Pick<TestDestination, 'active' | 'inactive'>): bigint {
  return BigInt(active) * 256n + BigInt(active + inactive);
}

/** The first of those whose quotient is smallest. */
export function firstLeast<T>(of: readonly T[], quotient: (each: T) => readonly [bigint, bigint]): T | undefined {
  return of.find((each) => {
    const [a, b] = quotient(each);
    return of.every((other) => {
      const [c, d] = quotient(other);
      return a * d <= c * b;
    });
  });
}

export function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
