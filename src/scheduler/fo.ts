// hot path

/** Failover: the usable destination with the largest weight gets everything (specs/ipvs.md section 4.7). */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable } from './load.ts';

export const fo: SchedulerPlugin = {
  name: 'fo',
  description: 'failover: always the usable real server of the largest weight',
  origin: 'kernel',
  flags: [],
  create: (list) => new Failover(list),
};

class Failover implements Scheduler {
  readonly #list: DestinationList;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  /** The newest of equals. */
  pick(): number {
    const list = this.#list;
    let best = NONE;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (isUsable(list, d) && (best === NONE || list.weight(d) > list.weight(best))) best = d;
    }
    return best;
  }

  added(): void {}
  removing(): void {}
  edited(): void {}
}
