// hot path

/**
 * Source hashing: the client's address names the destination (specs/ipvs.md section 4.10). The table of 256 buckets is dealt out in list
 * order, to each as many in a row as its weight says:
 *
 *     list C1 B2 A3      C B B A A A C B B A A A C ...
 *
 * A destination of weight 0 has one bucket per round, and its clients get nothing, unless `sh-fallback` sends them on.
 */
import { NONE } from '../base/terms.ts';
import { foldClient, hash32 } from './addressHash.ts';
import type { DestinationList, ScheduleRequest, Scheduler, SchedulerPlugin } from './contract.ts';
import { FlagBit, flagBits } from './flags.ts';
import { isUsable } from './load.ts';

export const sh: SchedulerPlugin = {
  name: 'sh',
  description: 'source hashing: the client address chooses the real server, in proportion to weight',
  origin: 'kernel',
  flags: ['sh-fallback', 'sh-port'],
  create: (list, { flags }) => new SourceHashing(list, flags),
};

const BUCKET_BITS = 8;
const BUCKETS = 1 << BUCKET_BITS;

class SourceHashing implements Scheduler {
  readonly #list: DestinationList;
  readonly #buckets = new Int32Array(BUCKETS).fill(NONE);
  #isStale = true;
  #bits = 0;

  constructor(list: DestinationList, flags: readonly string[]) {
    this.#list = list;
    this.setFlags(flags);
  }

  pick(request: ScheduleRequest): number {
    this.prepare();
    const port = (this.#bits & FlagBit.second) === 0 ? 0 : request.clientPort;
    const hash = hash32(foldClient(request) + port, BUCKET_BITS);
    const d = this.#buckets[hash]!;
    if (d === NONE || isUsable(this.#list, d)) return d;
    return (this.#bits & FlagBit.first) === 0 ? NONE : this.#fallBack(hash);
  }

  added(): void {
    this.#isStale = true;
  }

  removing(): void {
    this.#isStale = true;
  }

  edited(): void {
    this.#isStale = true;
  }

  setFlags(names: readonly string[]): void {
    this.#bits = flagBits(sh, names);
  }

  prepare(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    const list = this.#list;
    const buckets = this.#buckets;
    let d = list.first();
    let dealt = 0;
    for (let i = 0; i < BUCKETS; i++) {
      buckets[i] = d;
      dealt++;
      if (d === NONE || dealt < list.weight(d)) continue;
      dealt = 0;
      d = list.next(d);
      if (d === NONE) d = list.first();
    }
  }

  /** The first usable one of the table from bucket 2 * hash on: the kernel adds the hash twice. */
  #fallBack(hash: number): number {
    for (let offset = 0; offset < BUCKETS; offset++) {
      const d = this.#buckets[(offset + 2 * hash) % BUCKETS]!;
      if (d === NONE || isUsable(this.#list, d)) return d;
    }
    return NONE;
  }
}
