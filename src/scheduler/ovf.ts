// hot path

/**
 * Overflow: the destination with the largest weight, until it has more active connections than weight; then the next
 * (specs/ipvs.md section 4.8). One more than the weight, for the test is made before the new connection counts.
 */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable } from './load.ts';

export const ovf: SchedulerPlugin = {
  name: 'ovf',
  description: 'overflow: the largest weight until its active connections exceed that, then the next',
  origin: 'kernel',
  flags: [],
  create: (list) => new Overflow(list),
};

class Overflow implements Scheduler {
  readonly #list: DestinationList;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  /** The newest of equals; NONE when all are full. */
  pick(): number {
    const list = this.#list;
    let best = NONE;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (!isUsable(list, d) || list.active(d) > list.weight(d)) continue;
      if (best === NONE || list.weight(d) > list.weight(best)) best = d;
    }
    return best;
  }

  added(): void {}
  removing(): void {}
  edited(): void {}
}
