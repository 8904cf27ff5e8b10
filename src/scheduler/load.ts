// hot path

/** How loaded a destination is, as the schedulers that compare loads see it (specs/ipvs.md section 3.5), and arithmetic of weights. */
import type { DestinationList } from './contract.ts';

/** What an active connection weighs against an inactive one: 256, and 1 because it is one of all connections. */
const ACTIVE_FACTOR = 257;

/** May get new connections. */
export function isUsable(list: DestinationList, d: number): boolean {
  return list.weight(d) > 0 && !list.overloaded(d);
}

/** Active connections, and a little for each inactive one. */
export function overhead(list: DestinationList, d: number): number {
  return list.active(d) * ACTIVE_FACTOR + list.inactive(d);
}

/**
 * a * b > c * d, exactly: for fractions compared without division. Products of doubles are exact up to 2^53 only, so larger ones are
 * compared in two halves.
 * @param a an integer below 2^36, as is `c`
 * @param b an integer below 2^32, as is `d`
 */
export function productExceeds(a: number, b: number, c: number, d: number): boolean {
  const left = a * b;
  const right = c * d;
  if (left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) return left > right;
  const leftLow = a * (b & 0xffff);
  const rightLow = c * (d & 0xffff);
  const leftHigh = a * (b >>> 16) + Math.floor(leftLow / 0x10000);
  const rightHigh = c * (d >>> 16) + Math.floor(rightLow / 0x10000);
  return leftHigh !== rightHigh ? leftHigh > rightHigh : leftLow % 0x10000 > rightLow % 0x10000;
}

/** Euclid's; at most 45 steps for int32. `greatestCommonDivisor(0, n)` is n. */
export function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}
