// hot path

/** Round robin: each usable destination in turn; weights count only as 0 or not (specs/ipvs.md section 4.1). */
import { NONE } from '../base/terms.ts';
import type { DestinationList, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable } from './load.ts';

export const rr: SchedulerPlugin = {
  name: 'rr',
  description: 'round robin: each real server in turn',
  origin: 'kernel',
  flags: [],
  create: (list) => new RoundRobin(list),
};

class RoundRobin implements Scheduler {
  readonly #list: DestinationList;
  /** The one picked last; NONE = before the head of the list. */
  #last = NONE;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  pick(): number {
    const list = this.#list;
    const last = this.#last;
    let picked = firstUsable(list, last === NONE ? list.first() : list.next(last), NONE);
    if (picked === NONE && last !== NONE) picked = firstUsable(list, list.first(), list.next(last));
    if (picked !== NONE) this.#last = picked;
    return picked;
  }

  /** Nothing: the new head comes when the turn wraps. */
  added(): void {}

  /** Steps back, so that the turn goes on with the one after `d`. */
  removing(d: number): void {
    if (d !== this.#last) return;
    let before = NONE;
    for (let other = this.#list.first(); other !== d; other = this.#list.next(other)) before = other;
    this.#last = before;
  }

  edited(): void {}
}

/** The first usable destination from `from` on, before `end`; or NONE. */
function firstUsable(list: DestinationList, from: number, end: number): number {
  for (let d = from; d !== end; d = list.next(d)) if (isUsable(list, d)) return d;
  return NONE;
}
