// hot path

/** What lblc and lblcr have in common beside their cache (specs/ipvs.md sections 4.12 and 4.13). */
import type { Clock } from '../base/clock.ts';
import { NONE } from '../base/terms.ts';
import type { DestinationList } from './contract.ts';

/** `d` has more active connections than weight, while another one has fewer than half as many as its weight. */
export function isLocallyOverloaded(list: DestinationList, d: number): boolean {
  if (list.active(d) <= list.weight(d)) return false;
  for (let other = list.first(); other !== NONE; other = list.next(other)) {
    if (list.active(other) * 2 < list.weight(other)) return true;
  }
  return false;
}

const TICK_MS = 100;
const TICKS_PER_SECOND = 1000 / TICK_MS;
/** Three years, which is for ever. */
const MAX_SECONDS = 100_000_000;

/** Ticks of 100 ms since the clock's start. */
export function tickOf(clock: Clock): number {
  return (clock.now() / TICK_MS) | 0;
}

/** An expiration time in ticks. */
export function expirationTicks(seconds: number): number {
  return Math.min(seconds, MAX_SECONDS) * TICKS_PER_SECOND;
}
