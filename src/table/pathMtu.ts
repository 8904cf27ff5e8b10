// hot path

/**
 * The MTU of the way to a real server: what the route allows, or less for a while when a router has said so. Works on rows of
 * destinations (destinationRows.ts): `nextHopMtu` always holds what counts now, for every packet reads it, and `routeMtu` what comes back
 * when a learned one is over, 0 = none was learned.
 */
import { NONE } from '../base/terms.ts';
import { DESTINATION } from './destinationRows.ts';

const { nextHopMtu, routeMtu, mtuUntilTick, nextHopPort, family, address0, words } = DESTINATION;

/** Takes over what the route allows; a smaller MTU that was learned goes on to hold. */
export function setRouteMtu(rows: Int32Array, d: number, mtuBytes: number): void {
  const row = d * words;
  const holds = rows[row + routeMtu] !== 0 && rows[row + nextHopMtu]! < mtuBytes;
  rows[row + routeMtu] = holds ? mtuBytes : 0;
  if (!holds) rows[row + nextHopMtu] = mtuBytes;
}

/**
 * Packets longer than `mtuBytes` do not get through to `d`: holds for every destination of that address.
 * @returns false when the way is known to be that narrow already; then only the time is renewed
 */
export function learnMtu(rows: Int32Array, d: number, mtuBytes: number, untilTick: number): boolean {
  const row = d * words;
  if (mtuBytes > rows[row + nextHopMtu]!) return false;
  if (mtuBytes === rows[row + nextHopMtu]) {
    if (rows[row + routeMtu] !== 0) rows[row + mtuUntilTick] = untilTick;
    return false;
  }
  for (let other = 0; other < rows.length; other += words) {
    if (!sharesAddress(rows, row, other) || rows[other + nextHopPort] === NONE) continue;
    if (rows[other + routeMtu] === 0) rows[other + routeMtu] = rows[other + nextHopMtu]!;
    rows[other + nextHopMtu] = mtuBytes;
    rows[other + mtuUntilTick] = untilTick;
  }
  return true;
}

/** Forgets a learned MTU whose time is over. */
export function expireMtu(rows: Int32Array, d: number, nowTick: number): void {
  const row = d * words;
  const whole = rows[row + routeMtu]!;
  if (whole === 0 || ((rows[row + mtuUntilTick]! - nowTick) | 0) > 0) return;
  rows[row + routeMtu] = 0;
  rows[row + nextHopMtu] = whole;
}

function sharesAddress(rows: Int32Array, a: number, b: number): boolean {
  if (rows[a + family] !== rows[b + family]) return false;
  for (let i = 0; i < 4; i++) if (rows[a + address0 + i] !== rows[b + address0 + i]) return false;
  return true;
}
