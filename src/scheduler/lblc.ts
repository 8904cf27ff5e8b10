// hot path

/**
 * Locality-based least connections, for clusters of caches: an address that was asked for stays with its destination, until that has too
 * many connections while another has few; then `wlc` chooses anew (specs/ipvs.md section 4.12).
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
import { expirationTicks, isLocallyOverloaded, tickOf } from './locality.ts';
import { TargetCache } from './targetCache.ts';
import { leastLoadedByWeight } from './wlc.ts';

export const lblc: SchedulerPlugin = {
  name: 'lblc',
  description: 'locality: each address asked for stays with one real server until that is busy',
  origin: 'kernel',
  flags: [],
  create: (list, options) => new LocalityBased(list, options),
};

class LocalityBased implements Scheduler {
  readonly #list: DestinationList;
  readonly #clock: Clock;
  readonly #settings: SchedulerSettings;
  readonly #cache: TargetCache;

  constructor(list: DestinationList, { clock, settings }: SchedulerOptions) {
    this.#list = list;
    this.#clock = clock;
    this.#settings = settings;
    this.#cache = new TargetCache(list, 1, tickOf(clock));
  }

  pick(request: ScheduleRequest): number {
    const cache = this.#cache;
    const nowTick = tickOf(this.#clock);
    cache.makeChecks(nowTick, expirationTicks(this.#settings.lblcExpirationSeconds));
    const entry = cache.use(request, nowTick);
    const remembered = entry === NONE ? NONE : cache.sets.member(cache.set(entry));
    if (remembered >= 0 && this.#mayStay(remembered)) return remembered;
    const d = leastLoadedByWeight(this.#list);
    if (d === NONE || d === remembered) return d;
    if (entry !== NONE) this.#replace(entry, d);
    else if (cache.insert(request, d, nowTick) === NONE) request.cacheFull = true;
    return d;
  }

  added(d: number): void {
    this.#cache.sets.destinationAdded(d);
  }

  removing(d: number): void {
    this.#cache.sets.destinationRemoving(d);
  }

  edited(): void {}

  /** Thresholds do not end what is remembered. */
  #mayStay(d: number): boolean {
    return this.#list.weight(d) > 0 && !isLocallyOverloaded(this.#list, d);
  }

  #replace(entry: number, d: number): void {
    const { sets } = this.#cache;
    sets.clear(this.#cache.set(entry));
    this.#cache.replaceSet(entry, sets.add(NONE, d));
  }
}
