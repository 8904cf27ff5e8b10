// hot path

/**
 * Locality-based least connections with replication: an address that was asked for has a set of destinations, which grows when its least
 * loaded member is overloaded and, after some time without growth, loses its most loaded one (specs/ipvs.md section 4.13).
 */
import type { Clock } from '../base/clock.ts';
import { NONE } from '../base/terms.ts';
import type {
  DestinationList,
  ScheduleRequest,
  Scheduler,
  SchedulerOptions,
  SchedulerPlugin,
  SchedulerSettings,
} from './contract.ts';
import type { DestinationSets } from './destinationSets.ts';
import { isUsable, overhead, productExceeds } from './load.ts';
import { expirationTicks, isLocallyOverloaded, tickOf } from './locality.ts';
import { TargetCache } from './targetCache.ts';
import { leastLoadedByWeight } from './wlc.ts';

export const lblcr: SchedulerPlugin = {
  name: 'lblcr',
  description: 'lblc with replication: each address asked for has a set of real servers that grows and shrinks',
  origin: 'kernel',
  flags: [],
  create: (list, options) => new Replicated(list, options),
};

/** Room in the sets, on average. */
const MEMBERS_PER_ENTRY = 2;

class Replicated implements Scheduler {
  readonly #list: DestinationList;
  readonly #clock: Clock;
  readonly #settings: SchedulerSettings;
  readonly #cache: TargetCache;
  /** By entry: when its set grew or shrank last. */
  readonly #changedAtTick: Int32Array;

  constructor(list: DestinationList, { clock, settings }: SchedulerOptions) {
    this.#list = list;
    this.#clock = clock;
    this.#settings = settings;
    this.#cache = new TargetCache(list, MEMBERS_PER_ENTRY, tickOf(clock));
    this.#changedAtTick = new Int32Array(this.#cache.capacity);
  }

  pick(request: ScheduleRequest): number {
    const cache = this.#cache;
    const nowTick = tickOf(this.#clock);
    const expiration = expirationTicks(this.#settings.lblcrExpirationSeconds);
    cache.makeChecks(nowTick, expiration);
    const entry = cache.use(request, nowTick);
    if (entry === NONE) return this.#begin(request, nowTick);
    const least = leastLoaded(this.#list, cache.sets, cache.set(entry));
    this.#shrink(entry, nowTick, expiration);
    if (least !== NONE && !isLocallyOverloaded(this.#list, least)) return least;
    const d = leastLoadedByWeight(this.#list);
    if (d !== NONE && !cache.sets.has(cache.set(entry), d)) this.#grow(request, entry, d, nowTick);
    return d;
  }

  added(d: number): void {
    this.#cache.sets.destinationAdded(d);
  }

  removing(d: number): void {
    this.#cache.sets.destinationRemoving(d);
  }

  edited(): void {}

  #begin(request: ScheduleRequest, nowTick: number): number {
    const d = leastLoadedByWeight(this.#list);
    if (d === NONE) return NONE;
    const entry = this.#cache.insert(request, d, nowTick);
    if (entry === NONE) request.cacheFull = true;
    else this.#changedAtTick[entry] = nowTick;
    return d;
  }

  #grow(request: ScheduleRequest, entry: number, d: number, nowTick: number): void {
    const { sets } = this.#cache;
    if (sets.isFull) {
      request.cacheFull = true;
      return;
    }
    this.#cache.replaceSet(entry, sets.add(this.#cache.set(entry), d));
    this.#changedAtTick[entry] = nowTick;
  }

  /** After a quiet time, the most loaded of several members goes; it may have been chosen a moment ago, and is still used this time. */
  #shrink(entry: number, nowTick: number, expiration: number): void {
    const { sets } = this.#cache;
    const set = this.#cache.set(entry);
    if (nowTick <= this.#changedAtTick[entry]! + expiration || sets.next(set) === NONE) return;
    const most = mostLoaded(sets, set);
    if (most === NONE) return;
    this.#cache.replaceSet(entry, sets.remove(set, most));
    this.#changedAtTick[entry] = nowTick;
  }
}

/** The usable member with the smallest load per weight, the newest of equals; or NONE. */
function leastLoaded(list: DestinationList, sets: DestinationSets, set: number): number {
  let best = NONE;
  for (let node = set; node !== NONE; node = sets.next(node)) {
    const d = sets.member(node);
    if (d < 0 || !isUsable(list, d)) continue;
    const isLess = best === NONE || productExceeds(overhead(list, best), list.weight(d), overhead(list, d), list.weight(best));
    if (isLess) best = d;
  }
  return best;
}

/** The member, removed or not, with the largest load per weight among those of weight above 0, the newest of equals; or NONE. */
function mostLoaded(sets: DestinationSets, set: number): number {
  let worst = NONE;
  for (let node = set; node !== NONE; node = sets.next(node)) {
    const member = sets.member(node);
    const weight = sets.weight(member);
    if (weight === 0) continue;
    const isMore = worst === NONE || productExceeds(sets.load(member), sets.weight(worst), sets.load(worst), weight);
    if (isMore) worst = member;
  }
  return worst;
}
