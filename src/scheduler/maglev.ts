// hot path

/**
 * Maglev hashing of our own, for clusters of directors; the kernel's is `mh`. The client's address names an entry of a table that the
 * destinations filled by turns (preferences.ts). The table depends on the addresses, ports and weights of the destinations and on nothing
 * else: not on the order in which they were configured, nor on what they were before. So every director of a cluster picks the same.
 */
import { finish, mix } from '../base/hash.ts';
import { NONE } from '../base/terms.ts';
import { apportion } from './apportion.ts';
import type { DestinationList, ScheduleRequest, Scheduler, SchedulerPlugin } from './contract.ts';
import { FlagBit, flagBits } from './flags.ts';
import { isUsable } from './load.ts';
import { Preferences } from './preferences.ts';

export const maglev: SchedulerPlugin = {
  name: 'maglev',
  description: 'Maglev hashing for clusters: as mh, but directors agree whatever the order of configuration',
  origin: 'ours',
  flags: ['maglev-fallback', 'maglev-port', 'maglev-large'],
  create: (list, { flags }) => new Maglev(list, flags),
};

/** Primes, as in the paper: shares are even to 1 % for up to 650 destinations, and up to 6500. */
const TABLE_SIZE = 65_537;
const LARGE_TABLE_SIZE = 655_373;
/** Begin the hashes of clients, of where destinations begin, of how far they skip. Changing one moves every client. */
const CLIENT_SEED = 0x636c6965;
const BEGIN_SEED = 0x62656769;
const SKIP_SEED = 0x736b6970;

class Maglev implements Scheduler {
  readonly #list: DestinationList;
  #table = new Int32Array(0);
  /** Destination -> its weight in the table. */
  readonly #weights = new Map<number, number>();
  #isStale = true;
  #bits = 0;

  constructor(list: DestinationList, flags: readonly string[]) {
    this.#list = list;
    this.setFlags(flags);
  }

  pick(request: ScheduleRequest): number {
    this.prepare();
    const port = (this.#bits & FlagBit.second) === 0 ? 0 : request.clientPort;
    const high = mix(mix(CLIENT_SEED, request.client0), request.client1);
    const low = mix(mix(high, request.client2), request.client3);
    const entry = (finish(mix(low, port)) >>> 0) % this.#table.length;
    const d = this.#table[entry]!;
    if (d === NONE || isUsable(this.#list, d)) return d;
    return (this.#bits & FlagBit.first) === 0 ? NONE : this.#fallBack(entry);
  }

  added(): void {
    this.#isStale = true;
  }

  removing(): void {
    this.#isStale = true;
  }

  edited(d: number): void {
    if (this.#weights.get(d) !== this.#list.weight(d)) this.#isStale = true;
  }

  setFlags(names: readonly string[]): void {
    this.#bits = flagBits(maglev, names);
    const size = (this.#bits & FlagBit.third) === 0 ? TABLE_SIZE : LARGE_TABLE_SIZE;
    if (this.#table.length === size) return;
    this.#table = new Int32Array(size);
    this.#isStale = true;
  }

  prepare(): void {
    if (this.#isStale) this.#fill();
  }

  /** Apart from `prepare`, which every pick calls: a function with a closure in it allocates when it is entered. */
  #fill(): void {
    this.#isStale = false;
    const list = this.#list;
    const members: number[] = [];
    this.#weights.clear();
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      this.#weights.set(d, list.weight(d));
      if (list.weight(d) > 0) members.push(d);
    }
    members.sort((a, b) => compare(list, a, b));
    fillTable(this.#table, list, members.slice(0, this.#table.length));
  }

  /** The owner of the next entry whose owner is usable: neighbouring entries have nothing to do with each other. */
  #fallBack(entry: number): number {
    const list = this.#list;
    let d = list.first();
    while (d !== NONE && !isUsable(list, d)) d = list.next(d);
    if (d === NONE) return NONE;
    const table = this.#table;
    for (let offset = 1; offset < table.length; offset++) {
      const other = table[(entry + offset) % table.length]!;
      if (isUsable(list, other)) return other;
    }
    return NONE;
  }
}

/**
 * Rounds of turns in which each member keeps pace with its share: with equal weights one entry each, as in the paper.
 * @param members at most as many as the table has entries
 */
function fillTable(table: Int32Array, list: DestinationList, members: readonly number[]): void {
  const size = table.length;
  const preferences = new Preferences(table, members.length);
  for (const d of members) {
    const begin = (hashOf(list, d, BEGIN_SEED) >>> 0) % size;
    preferences.add(d, begin, ((hashOf(list, d, SKIP_SEED) >>> 0) % (size - 1)) + 1);
  }
  const weights = members.map((d) => list.weight(d));
  takeShares(preferences, apportion(size, weights));
}

/** Lets each member of `preferences` take its share of the entries, in even rounds. */
export function takeShares(preferences: Preferences, shares: readonly number[]): void {
  const rounds = Math.ceil(shares.reduce((sum, share) => sum + share, 0) / shares.length);
  const taken = shares.map(() => 0);
  for (let round = 1; round <= rounds; round++) {
    for (let i = 0; i < shares.length; i++) {
      const due = Math.ceil((shares[i]! * round) / rounds);
      for (; taken[i]! < due; taken[i]!++) preferences.take(i);
    }
  }
}

function hashOf(list: DestinationList, d: number, seed: number): number {
  let hash = mix(seed, list.family(d));
  for (let i = 0; i < 4; i++) hash = mix(hash, list.addressWord(d, i));
  return finish(mix(hash, list.port(d)));
}

/** By family, address and port: the order in which members take turns. */
function compare(list: DestinationList, a: number, b: number): number {
  let order = list.family(a) - list.family(b);
  for (let i = 0; i < 4 && order === 0; i++) order = (list.addressWord(a, i) >>> 0) - (list.addressWord(b, i) >>> 0);
  return order === 0 ? list.port(a) - list.port(b) : order;
}
