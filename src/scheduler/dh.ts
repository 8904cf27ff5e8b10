// hot path

/**
 * Destination hashing: the address that the client asked for names the destination, for clusters of caches behind one firewall mark
 * (specs/ipvs.md section 4.9). A service of one address therefore has one destination.
 */
import { NONE } from '../base/terms.ts';
import { foldTarget, hash32 } from './addressHash.ts';
import type { DestinationList, ScheduleRequest, Scheduler, SchedulerPlugin } from './contract.ts';
import { isUsable } from './load.ts';

export const dh: SchedulerPlugin = {
  name: 'dh',
  description: 'destination hashing: the address asked for chooses the real server, whatever the weights',
  origin: 'kernel',
  flags: [],
  create: (list) => new DestinationHashing(list),
};

const BUCKET_BITS = 8;

class DestinationHashing implements Scheduler {
  readonly #list: DestinationList;
  readonly #buckets = new Int32Array(1 << BUCKET_BITS).fill(NONE);
  #isStale = true;

  constructor(list: DestinationList) {
    this.#list = list;
  }

  /** Never another one when that of the address may not be picked. */
  pick(request: ScheduleRequest): number {
    this.prepare();
    const d = this.#buckets[hash32(foldTarget(request), BUCKET_BITS)]!;
    return d !== NONE && isUsable(this.#list, d) ? d : NONE;
  }

  added(): void {
    this.#isStale = true;
  }

  removing(): void {
    this.#isStale = true;
  }

  /** Nothing: weights do not matter for the table. */
  edited(): void {}

  /** Deals the buckets out to the list, round and round; those of weight 0 get theirs, too. */
  prepare(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    const list = this.#list;
    const buckets = this.#buckets;
    let d = list.first();
    for (let i = 0; i < buckets.length; i++) {
      buckets[i] = d;
      if (d !== NONE) d = list.next(d);
      if (d === NONE) d = list.first();
    }
  }
}
