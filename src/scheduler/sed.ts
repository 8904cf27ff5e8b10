// hot path

/** Shortest expected delay: the smallest load per weight with the new connection counted in (specs/ipvs.md section 4.5). */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable, productExceeds } from './load.ts';

export const sed: SchedulerPlugin = {
  name: 'sed',
  description: 'shortest expected delay: fewest active connections, the new one included, in proportion to weight',
  origin: 'kernel',
  flags: [],
  create: (list) => new ShortestExpectedDelay(list),
};

/** Active connections if it got the new one. */
export function expectedLoad(list: DestinationList, d: number): number {
  return list.active(d) + 1;
}

/** expectedLoad(d) / weight(d) < expectedLoad(best) / weight(best) */
export function isFaster(list: DestinationList, d: number, best: number): boolean {
  return productExceeds(expectedLoad(list, best), list.weight(d), expectedLoad(list, d), list.weight(best));
}

class ShortestExpectedDelay implements Scheduler {
  readonly #list: DestinationList;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  /** The newest of equals. */
  pick(): number {
    const list = this.#list;
    let best = NONE;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (isUsable(list, d) && (best === NONE || isFaster(list, d, best))) best = d;
    }
    return best;
  }

  added(): void {}
  removing(): void {}
  edited(): void {}
}
