// hot path

/**
 * The power of two choices: two destinations are drawn at random in proportion to weight, and the less loaded of them is picked
 * (specs/ipvs.md section 4.14). Sums and products are of 32 bits and wrap, as in the kernel; with the weights of daily life they do not.
 */
import type { Random } from '../base/random.ts';
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable, overhead } from './load.ts';

export const twos: SchedulerPlugin = {
  name: 'twos',
  description: 'power of two choices: the less loaded of two real servers drawn at random by weight',
  origin: 'kernel',
  flags: [],
  create: (list, { random }) => new TwoChoices(list, random),
};

class TwoChoices implements Scheduler {
  readonly #list: DestinationList;
  readonly #random: Random;

  constructor(list: DestinationList, random: Random) {
    this.#list = list;
    this.#random = random;
  }

  pick(): number {
    const list = this.#list;
    let total = 0;
    let last = NONE;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (!isUsable(list, d)) continue;
      total = (total + list.weight(d)) | 0;
      last = d;
    }
    if (last === NONE) return NONE;
    // From 0 to the total, which is included: a draw of 0 falls to the first as a draw of 1 does.
    const draws = (total + 1) >>> 0;
    const one = this.#drawn(this.#random.below(draws));
    const other = this.#drawn(this.#random.below(draws));
    if (other === NONE) return one === NONE ? last : one;
    if (one === NONE) return other;
    const isLighter = Math.imul(list.weight(other), overhead(list, one)) > Math.imul(list.weight(one), overhead(list, other));
    return isLighter ? other : one;
  }

  added(): void {}
  removing(): void {}
  edited(): void {}

  /** The usable destination in whose stretch of the total a draw falls; NONE only when the total has wrapped. */
  #drawn(draw: number): number {
    const list = this.#list;
    let rest = draw | 0;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (!isUsable(list, d)) continue;
      rest = (rest - list.weight(d)) | 0;
      if (rest <= 0) return d;
    }
    return NONE;
  }
}
