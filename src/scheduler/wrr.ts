// hot path

/**
 * Weighted round robin, interleaved (specs/ipvs.md section 4.2). Rounds are walks over the list at a level; a destination is picked
 * when its weight reaches the level, which falls by the common divisor of all weights from round to round, and then starts at the
 * heaviest again:
 *
 *     level 4   A          weights A4 B3 C2
 *     level 3   A B
 *     level 2   A B C
 *     level 1   A B C
 *
 * The level survives additions, removals and edits, so a service that is built up one by one does not start at the heaviest.
 */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { greatestCommonDivisor } from './load.ts';

export const wrr: SchedulerPlugin = {
  name: 'wrr',
  description: 'weighted round robin: turns in proportion to weight',
  origin: 'kernel',
  flags: [],
  create: (list) => new WeightedRoundRobin(list),
};

class WeightedRoundRobin implements Scheduler {
  readonly #list: DestinationList;
  /** The one picked last; NONE = before the head of the list. */
  #last = NONE;
  #level: number;
  /** Where the level starts again: the heaviest weight, lowered so that the last round is at level 1. */
  #topLevel = 0;
  /** Greatest common divisor of the weights: what the level falls by. */
  #divisor = 1;

  constructor(list: DestinationList) {
    this.#list = list;
    this.#measure(NONE);
    this.#level = this.#topLevel;
  }

  /** Ends after a round at the lowest level that passed every destination in vain; at most five rounds. */
  pick(): number {
    if (this.#topLevel === 0) return NONE;
    const start = this.#last;
    let lowestRoundBegun = false;
    let hasWrapped = false;
    for (;;) {
      const stop = lowestRoundBegun && hasWrapped ? start : NONE;
      if (this.#walk(stop)) return this.#last;
      if (this.#last !== NONE) return NONE;
      if (this.#lower()) {
        if (lowestRoundBegun) return NONE;
        hasWrapped = true;
      }
      lowestRoundBegun = this.#level <= this.#divisor;
    }
  }

  added(): void {
    this.#restart(NONE);
  }

  removing(d: number): void {
    this.#restart(d);
  }

  edited(): void {
    this.#restart(NONE);
  }

  /**
   * Goes on from the one picked last to the end of the list, in search of one whose weight reaches the level; leaves `#last` there.
   * @param stop where to give up; NONE = at the end
   * @returns false when none was found: `#last` is `stop`, or NONE after the end
   */
  #walk(stop: number): boolean {
    const list = this.#list;
    for (let d = this.#last === NONE ? list.first() : list.next(this.#last); d !== NONE; d = list.next(d)) {
      const isFound = !list.overloaded(d) && list.weight(d) >= this.#level;
      if (!isFound && d !== stop) continue;
      this.#last = d;
      return isFound;
    }
    this.#last = NONE;
    return false;
  }

  /**
   * To the next level, after a round in vain. Levels above all that could be picked would be in vain too, so they are left out.
   * @returns true when the level was the lowest, and is now the top one
   */
  #lower(): boolean {
    const next = this.#level - this.#divisor;
    if (next <= 0) {
      this.#level = this.#topLevel;
      return true;
    }
    const tooHigh = Math.ceil((next - heaviestFree(this.#list)) / this.#divisor);
    const notBelowLowest = Math.floor((next - 1) / this.#divisor);
    this.#level = next - Math.max(0, Math.min(tooHigh, notBelowLowest)) * this.#divisor;
    return false;
  }

  /** After a change of the list, from which `leaving` (or NONE) is about to go: begins a round, at the old level if that still exists. */
  #restart(leaving: number): void {
    this.#last = NONE;
    this.#measure(leaving);
    if (this.#level > this.#topLevel || this.#level === 0) this.#level = this.#topLevel;
    else if (this.#divisor > 1) this.#level = Math.floor(this.#level / this.#divisor) * this.#divisor + 1;
  }

  #measure(leaving: number): void {
    const list = this.#list;
    let divisor = 0;
    let heaviest = 0;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (d === leaving || list.weight(d) === 0) continue;
      divisor = greatestCommonDivisor(divisor, list.weight(d));
      heaviest = Math.max(heaviest, list.weight(d));
    }
    this.#divisor = divisor === 0 ? 1 : divisor;
    this.#topLevel = heaviest === 0 ? 0 : heaviest - (this.#divisor - 1);
  }
}

/** The largest weight of the destinations that are not overloaded, 0 when there is none. */
function heaviestFree(list: DestinationList): number {
  let heaviest = 0;
  for (let d = list.first(); d !== NONE; d = list.next(d)) {
    if (!list.overloaded(d)) heaviest = Math.max(heaviest, list.weight(d));
  }
  return heaviest;
}
