// hot path

/** Never queue: the first usable destination without an active connection, else as `sed` (specs/ipvs.md section 4.6). */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable } from './load.ts';
import { isFaster } from './sed.ts';

export const nq: SchedulerPlugin = {
  name: 'nq',
  description: 'never queue: a real server without active connections if there is one, else shortest expected delay',
  origin: 'kernel',
  flags: [],
  create: (list) => new NeverQueue(list),
};

class NeverQueue implements Scheduler {
  readonly #list: DestinationList;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  pick(): number {
    const list = this.#list;
    let best = NONE;
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      if (!isUsable(list, d)) continue;
      if (list.active(d) === 0) return d;
      if (best === NONE || isFaster(list, d, best)) best = d;
    }
    return best;
  }

  added(): void {}
  removing(): void {}
  edited(): void {}
}
