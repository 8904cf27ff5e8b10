/** lblc and lblcr as plainly as specs/ipvs.md sections 4.12 and 4.13 say it: maps by name, and time that passes minute by minute. */
import { NONE } from '../../src/base/terms.ts';
import type { ScheduleRequest, Scheduler, SchedulerOptions } from '../../src/scheduler/contract.ts';
import type { TestDestinations } from '../support/testDestinations.ts';
import { firstLeast, overheadOf, usable } from './slowArithmetic.ts';

const MANY = 16_384;
const MOST = 24_576;

interface Entry {
  readonly bucket: number;
  lastUse: number;
  lastChange: number;
  /** Names of destinations, listed or removed, newest first. */
  servers: number[];
}

/** The entries by address asked for; those that are unused go in checks once a minute. Times in seconds. */
export class SlowCache {
  readonly entries = new Map<string, Entry>();
  readonly #clock: SchedulerOptions['clock'];
  #checkedAt: number;
  #counter = 1;
  #rover = 0;

  constructor(clock: SchedulerOptions['clock']) {
    this.#clock = clock;
    this.#checkedAt = clock.now() / 1000;
  }

  get now(): number {
    return this.#clock.now() / 1000;
  }

  /** All checks until now. */
  check(expiration: number): void {
    for (; this.#checkedAt + 60 <= this.now; ) {
      this.#checkedAt += 60;
      if (this.#counter % 30 === 0) {
        for (const [key] of this.#unusedFor(expiration)) this.entries.delete(key);
        this.#counter = 1;
      } else if (this.entries.size <= MANY) this.#counter++;
      else this.#endSome();
    }
  }

  make(request: ScheduleRequest, server: number): void {
    if (this.entries.size >= MOST) return;
    const words = wordsOf(request);
    const product = BigInt.asUintN(32, BigInt(words.reduce((a, b) => a ^ b)) * 0x61c88647n);
    const entry = { bucket: Number(product >> 22n), lastUse: this.now, lastChange: this.now, servers: [server] };
    this.entries.set(words.join(), entry);
  }

  use(request: ScheduleRequest): Entry | undefined {
    const entry = this.entries.get(wordsOf(request).join());
    if (entry !== undefined) entry.lastUse = this.now;
    return entry;
  }

  #unusedFor(age: number): [string, Entry][] {
    return [...this.entries].filter(([, { lastUse }]) => lastUse + age <= this.#checkedAt);
  }

  /** Bucket by bucket, from where the last such check stopped, until enough are gone. */
  #endSome(): void {
    let goal = Math.min(Math.floor(((this.entries.size - MANY) * 4) / 3), MANY / 2);
    const unused = Map.groupBy(this.#unusedFor(360), ([, { bucket }]) => bucket);
    for (let i = 0; i < 1024 && goal > 0; i++) {
      this.#rover = (this.#rover + 1) % 1024;
      const old = unused.get(this.#rover) ?? [];
      for (const [key] of old) this.entries.delete(key);
      goal -= old.length;
    }
  }
}

export function slowLblc(list: TestDestinations, { clock, settings }: SchedulerOptions): Scheduler {
  const cache = new SlowCache(clock);
  return forgetful((request) => {
    cache.check(settings.lblcExpirationSeconds);
    const entry = cache.use(request);
    const kept = entry === undefined ? NONE : listedAs(list, entry.servers[0]!);
    if (kept !== NONE && list.weight(kept) > 0 && !isBusy(list, kept)) return kept;
    const chosen = slowWlc(list);
    if (chosen === NONE) return NONE;
    if (entry === undefined) cache.make(request, list.get(chosen).name);
    else entry.servers = [list.get(chosen).name];
    return chosen;
  });
}

export function slowLblcr(list: TestDestinations, { clock, settings }: SchedulerOptions): Scheduler {
  const cache = new SlowCache(clock);
  /** Weights of those that were removed. */
  const weights = new Map<number, number>();
  const pick = (request: ScheduleRequest): number => {
    cache.check(settings.lblcrExpirationSeconds);
    const entry = cache.use(request);
    if (entry === undefined) {
      const chosen = slowWlc(list);
      if (chosen !== NONE) cache.make(request, list.get(chosen).name);
      return chosen;
    }
    const open = entry.servers.map((name) => listedAs(list, name)).filter((d) => d !== NONE && list.isUsable(d));
    const least = firstLeast(open, (d) => [overheadOf(list.get(d)), BigInt(list.weight(d))]);
    if (entry.servers.length > 1 && cache.now > entry.lastChange + settings.lblcrExpirationSeconds) shrink(entry);
    if (least !== undefined && !isBusy(list, least)) return least;
    const chosen = slowWlc(list);
    if (chosen !== NONE && !entry.servers.includes(list.get(chosen).name)) {
      entry.servers.unshift(list.get(chosen).name);
      entry.lastChange = cache.now;
    }
    return chosen;
  };
  const shrink = (entry: Entry): void => {
    const weight = (name: number) =>
      BigInt(listedAs(list, name) === NONE ? weights.get(name)! : list.weight(listedAs(list, name)));
    const load = (name: number) => {
      const d = listedAs(list, name);
      return overheadOf(d === NONE ? (list.trashed(name) ?? { active: 0, inactive: 0 }) : list.get(d));
    };
    const heavy = entry.servers.filter((name) => weight(name) > 0n);
    const most = firstLeast(heavy, (name) => [-load(name), weight(name)]);
    if (most === undefined) return;
    entry.servers = entry.servers.filter((name) => name !== most);
    entry.lastChange = cache.now;
  };
  return { ...forgetful(pick), removing: (d) => void weights.set(list.get(d).name, list.weight(d)) };
}

function forgetful(pick: (request: ScheduleRequest) => number): Scheduler {
  return { pick, added() {}, removing() {}, edited() {} };
}

function slowWlc(list: TestDestinations): number {
  return firstLeast(usable(list), (d) => [overheadOf(list.get(d)), BigInt(list.weight(d))]) ?? NONE;
}

function isBusy(list: TestDestinations, d: number): boolean {
  return list.active(d) > list.weight(d) && list.listed.some((other) => list.active(other) * 2 < list.weight(other));
}

function listedAs(list: TestDestinations, name: number): number {
  return list.listed.find((d) => list.get(d).name === name) ?? NONE;
}

function wordsOf({ target0, target1, target2, target3 }: ScheduleRequest): number[] {
  return [target0, target1, target2, target3];
}
