// hot path

/** Weighted least connections, the default: the smallest load per weight (specs/ipvs.md section 4.4). */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable, overhead, productExceeds } from './load.ts';

export const wlc: SchedulerPlugin = {
  name: 'wlc',
  description: 'weighted least connections: fewest connections in proportion to weight',
  origin: 'kernel',
  flags: [],
  create: (list) => new WeightedLeastConnections(list),
};

/** The usable destination with the smallest load per weight, the newest of equals; or NONE. */
export function leastLoadedByWeight(list: DestinationList): number {
  let best = NONE;
  let bestLoad = 0;
  for (let d = list.first(); d !== NONE; d = list.next(d)) {
    if (!isUsable(list, d)) continue;
    const load = overhead(list, d);
    // bestLoad / weight(best) > load / weight(d)
    if (best !== NONE && !productExceeds(bestLoad, list.weight(d), load, list.weight(best))) continue;
    best = d;
    bestLoad = load;
  }
  return best;
}

class WeightedLeastConnections implements Scheduler {
  readonly #list: DestinationList;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  pick(): number {
    return leastLoadedByWeight(this.#list);
  }

  added(): void {}
  removing(): void {}
  edited(): void {}
}
