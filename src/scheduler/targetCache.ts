// hot path

/**
 * What lblc and lblcr remember: for each address asked for, which destinations serve it (specs/ipvs.md section 4.12). Preallocated; an
 * entry that finds no room is not made.
 *
 * Entries that are long unused go in checks, one a minute: each 30th check looks at all entries, the others only when there are too many,
 * and then at a part. Checks that are due are made when the next request comes, as of the time when they were due: nothing happened
 * to the entries in between.
 */
import { NONE } from '../base/terms.ts';
import { foldTarget, hash32 } from './addressHash.ts';
import type { DestinationList, ScheduleRequest } from './contract.ts';
import { DestinationSets } from './destinationSets.ts';

const BUCKET_BITS = 10;
const BUCKETS = 1 << BUCKET_BITS;
/** More are too many, and are brought down to this. */
const MANY_ENTRIES = 16 * BUCKETS;
/** No more than these are made. */
const MAX_ENTRIES = MANY_ENTRIES + MANY_ENTRIES / 2;
/** Times are in ticks of 100 ms, so that they stay small integers for years. */
const CHECK_TICKS = 600;
const CHECKS_TO_FULL_CHECK = 30;
/** When there are too many, those unused for so long go. */
const UNUSED_TICKS = 3600;

export class TargetCache {
  readonly sets: DestinationSets;
  /** Entries at most. */
  readonly capacity = MAX_ENTRIES;
  /** First entry of each bucket. */
  readonly #heads = new Int32Array(BUCKETS).fill(NONE);
  readonly #nexts = new Int32Array(MAX_ENTRIES);
  /** Four words of address for each entry. */
  readonly #words = new Int32Array(MAX_ENTRIES * 4);
  readonly #sets = new Int32Array(MAX_ENTRIES).fill(NONE);
  readonly #usedAtTick = new Int32Array(MAX_ENTRIES);
  /** First free entry; free entries are linked by `next`. */
  #free = 0;
  #count = 0;
  #nextCheckAtTick: number;
  /** The number of the next check, 1 to CHECKS_TO_FULL_CHECK; checks of too many entries do not count. */
  #check = 1;
  /** The bucket looked at last. */
  #rover = 0;

  /** @param membersPerEntry room in the sets, on average */
  constructor(list: DestinationList, membersPerEntry: number, nowTick: number) {
    this.sets = new DestinationSets(list, MAX_ENTRIES * membersPerEntry);
    for (let entry = 0; entry < MAX_ENTRIES; entry++) this.#nexts[entry] = entry + 1 < MAX_ENTRIES ? entry + 1 : NONE;
    this.#nextCheckAtTick = nowTick + CHECK_TICKS;
  }

  /** Entries. */
  get count(): number {
    return this.#count;
  }

  /** The entry of the address that the request asks for, now used; or NONE. */
  use(request: ScheduleRequest, nowTick: number): number {
    const words = this.#words;
    for (let entry = this.#heads[bucketOf(request)]!; entry !== NONE; entry = this.#nexts[entry]!) {
      const at = entry * 4;
      if (
        words[at + 3] === targetWord3(request) &&
        words[at + 2] === targetWord2(request) &&
        words[at + 1] === targetWord1(request) &&
        words[at] === targetWord0(request)
      ) {
        this.#usedAtTick[entry] = nowTick;
        return entry;
      }
    }
    return NONE;
  }

  /** An entry for that address, which has none, with a set of this destination. @returns NONE when there is no room */
  insert(request: ScheduleRequest, d: number, nowTick: number): number {
    const entry = this.#free;
    if (entry === NONE || this.sets.isFull) return NONE;
    this.#free = this.#nexts[entry]!;
    const bucket = bucketOf(request);
    this.#nexts[entry] = this.#heads[bucket]!;
    this.#heads[bucket] = entry;
    const at = entry * 4;
    this.#words[at] = targetWord0(request);
    this.#words[at + 1] = targetWord1(request);
    this.#words[at + 2] = targetWord2(request);
    this.#words[at + 3] = targetWord3(request);
    this.#usedAtTick[entry] = nowTick;
    this.#sets[entry] = this.sets.add(NONE, d);
    this.#count++;
    return entry;
  }

  /** The set of an entry. */
  set(entry: number): number {
    return this.#sets[entry]!;
  }

  replaceSet(entry: number, set: number): void {
    this.#sets[entry] = set;
  }

  /**
   * Makes the checks that are due. The loop ends: with few entries one turn takes it to the last full check that is due; with too many,
   * those unused for six minutes go first, and nobody uses any.
   * @param expirationTicks the age at which a full check ends an entry
   */
  makeChecks(nowTick: number, expirationTicks: number): void {
    while (nowTick >= this.#nextCheckAtTick) {
      const due = Math.floor((nowTick - this.#nextCheckAtTick) / CHECK_TICKS) + 1;
      const beforeFull = CHECKS_TO_FULL_CHECK - this.#check;
      if (beforeFull > 0 && this.#count > MANY_ENTRIES) {
        this.#partialCheck(this.#nextCheckAtTick - UNUSED_TICKS);
        this.#nextCheckAtTick += CHECK_TICKS;
      } else if (due <= beforeFull) {
        this.#check += due;
        this.#nextCheckAtTick += due * CHECK_TICKS;
      } else {
        const skipped = this.#count > MANY_ENTRIES ? 0 : due - 1 - beforeFull;
        const lastFull = beforeFull + skipped - (skipped % CHECKS_TO_FULL_CHECK);
        this.#nextCheckAtTick += lastFull * CHECK_TICKS;
        for (let bucket = 0; bucket < BUCKETS; bucket++) this.#end(bucket, this.#nextCheckAtTick - expirationTicks);
        this.#nextCheckAtTick += CHECK_TICKS;
        this.#check = 1;
      }
    }
  }

  /** Ends a third more entries than there are too many, but at most half of those allowed, as far as they are old enough. */
  #partialCheck(unusedSinceTick: number): void {
    let goal = Math.min(Math.floor(((this.#count - MANY_ENTRIES) * 4) / 3), MANY_ENTRIES / 2);
    for (let i = 0; i < BUCKETS && goal > 0; i++) {
      this.#rover = (this.#rover + 1) % BUCKETS;
      goal -= this.#end(this.#rover, unusedSinceTick);
    }
  }

  /** Ends the entries of a bucket that were used last at this time or before. @returns how many */
  #end(bucket: number, unusedSinceTick: number): number {
    let ended = 0;
    let before = NONE;
    for (let entry = this.#heads[bucket]!; entry !== NONE; ) {
      const after = this.#nexts[entry]!;
      if (this.#usedAtTick[entry]! > unusedSinceTick) before = entry;
      else {
        if (before === NONE) this.#heads[bucket] = after;
        else this.#nexts[before] = after;
        this.sets.clear(this.#sets[entry]!);
        this.#sets[entry] = NONE;
        this.#nexts[entry] = this.#free;
        this.#free = entry;
        ended++;
      }
      entry = after;
    }
    this.#count -= ended;
    return ended;
  }
}

function bucketOf(request: ScheduleRequest): number {
  return hash32(foldTarget(request), BUCKET_BITS);
}

function targetWord0(request: ScheduleRequest): number {
  return request.quotesReply ? request.client0 : request.target0;
}

function targetWord1(request: ScheduleRequest): number {
  return request.quotesReply ? request.client1 : request.target1;
}

function targetWord2(request: ScheduleRequest): number {
  return request.quotesReply ? request.client2 : request.target2;
}

function targetWord3(request: ScheduleRequest): number {
  return request.quotesReply ? request.client3 : request.target3;
}
