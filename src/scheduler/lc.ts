// hot path

/** Least connections: the usable destination with the smallest load; weights count only as 0 or not (specs/ipvs.md section 4.3). */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable, overhead } from './load.ts';

export const lc: SchedulerPlugin = {
  name: 'lc',
  description: 'least connections, whatever the weights',
  origin: 'kernel',
  flags: [],
  create: (list) => new LeastConnections(list),
};

class LeastConnections implements Scheduler {
  readonly #list: DestinationList;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  /** The first of the least loaded, which is the newest. */
  pick(): number {
    const list = this.#list;
    let best = NONE;
    let least = 0;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (!isUsable(list, d)) continue;
      const load = overhead(list, d);
      if (best !== NONE && load >= least) continue;
      best = d;
      least = load;
    }
    return best;
  }

  added(): void {}
  removing(): void {}
  edited(): void {}
}
