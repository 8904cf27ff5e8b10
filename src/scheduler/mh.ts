// hot path

/**
 * Maglev hashing as the kernel has it (specs/ipvs.md section 4.11): the client's address names an entry of a table that the destinations
 * filled by turns (preferences.ts). It differs from `maglev` in what it hashes (only folded addresses and list order count), in the
 * size of the table, in heavy destinations taking all their turns in a row, and in that weight 0 does not end a destination's share.
 */
import { Family, NONE } from '../base/terms.ts';
import { foldClient, foldDestination } from './addressHash.ts';
import type { DestinationList, ScheduleRequest, Scheduler, SchedulerOptions, SchedulerPlugin } from './contract.ts';
import { FlagBit, flagBits } from './flags.ts';
import { greatestCommonDivisor, isUsable } from './load.ts';
import { Preferences } from './preferences.ts';
import { sipHash13 } from './sipHash.ts';

export const mh: SchedulerPlugin = {
  name: 'mh',
  description: 'Maglev hashing of Linux: the client address chooses, and few clients move when real servers change',
  origin: 'kernel',
  flags: ['mh-fallback', 'mh-port'],
  create: (list, options) => new MaglevHashing(list, options),
};

const TABLE_SIZE = 4093;
/** Turns of a destination are cut to so many bits. */
const TURN_BITS = 6;
/** Keys of the two hash functions: both halves of each key are this word. */
const BEGIN_KEY = 2654435761 | 0;
const SKIP_KEY = 2654446892 | 0;

class MaglevHashing implements Scheduler {
  readonly #list: DestinationList;
  readonly #family: Family;
  readonly #table = new Int32Array(TABLE_SIZE).fill(NONE);
  #isStale = true;
  #bits = 0;

  constructor(list: DestinationList, { flags, family }: SchedulerOptions) {
    this.#list = list;
    this.#family = family;
    this.setFlags(flags);
  }

  pick(request: ScheduleRequest): number {
    this.prepare();
    const key = foldClient(request) + ((this.#bits & FlagBit.second) === 0 ? 0 : request.clientPort);
    const entry = entryOf(key);
    const d = this.#table[entry]!;
    if (d === NONE || isUsable(this.#list, d)) return d;
    return (this.#bits & FlagBit.first) === 0 ? NONE : this.#fallBack(key, entry);
  }

  added(): void {
    this.#isStale = true;
  }

  /** Its entries are given away at once, for a table of too many destinations is not filled anew. */
  removing(d: number): void {
    this.#isStale = true;
    for (let i = 0; i < TABLE_SIZE; i++) if (this.#table[i] === d) this.#table[i] = NONE;
  }

  edited(): void {
    this.#isStale = true;
  }

  setFlags(names: readonly string[]): void {
    this.#bits = flagBits(mh, names);
  }

  /** Fills the table by the latest weights that were not 0, unless there are more destinations than entries. */
  prepare(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    const list = this.#list;
    let [count, divisor, heaviest] = [0, 0, 0];
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      count++;
      if (list.lastWeight(d) > 0) divisor = greatestCommonDivisor(divisor, list.lastWeight(d));
      heaviest = Math.max(heaviest, list.lastWeight(d));
    }
    if (count > TABLE_SIZE) return;
    const preferences = new Preferences(this.#table, count);
    if (divisor === 0) return;
    const shift = Math.max(0, 32 - Math.clz32(heaviest / divisor) - TURN_BITS);
    this.#fill(preferences, divisor, shift);
  }

  #fill(preferences: Preferences, divisor: number, shift: number): void {
    const list = this.#list;
    const turns: number[] = [];
    for (let d = list.first(); d !== NONE; d = list.next(d)) {
      const weight = list.lastWeight(d);
      if (weight === 0) continue;
      const key = this.#foldByService(d) + list.port(d);
      preferences.add(d, entryOf(key), ((sipHash13(key | 0, SKIP_KEY, 0) >>> 0) % (TABLE_SIZE - 1)) + 1);
      turns.push(Math.max((weight / divisor) >> shift, 1));
    }
    let left = TABLE_SIZE;
    while (left > 0) {
      for (let i = 0; i < turns.length && left > 0; i++) {
        for (let turn = turns[i]!; turn > 0 && left > 0; turn--, left--) preferences.take(i);
      }
    }
  }

  /** An IPv4 service reads only the first word of an address, which is all that an IPv6 one behind a tunnel then gives. */
  #foldByService(d: number): number {
    const list = this.#list;
    const isCut = this.#family === Family.v4 && list.family(d) === Family.v6;
    return isCut ? list.addressWord(d, 0) : foldDestination(list, d);
  }

  /** Hashes again and again, with a number added, until a usable destination comes up. */
  #fallBack(key: number, entry: number): number {
    for (let offset = 0; offset < TABLE_SIZE; offset++) {
      const d = this.#table[entryOf(((offset + entry) % TABLE_SIZE) + key)]!;
      if (d === NONE || isUsable(this.#list, d)) return d;
    }
    return NONE;
  }
}

function entryOf(key: number): number {
  return (sipHash13(key | 0, BEGIN_KEY, 0) >>> 0) % TABLE_SIZE;
}
