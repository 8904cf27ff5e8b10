/** Lives of a service for schedulers: steps at random, and a scheduler or a model that goes through them. */
import fc from 'fast-check';
import { ManualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Family, NONE, Protocol } from '../../src/base/terms.ts';
import { ScheduleRequest, type Scheduler, type SchedulerOptions } from '../../src/scheduler/contract.ts';
import { TestDestinations } from '../support/testDestinations.ts';

/** A change of the list, of its load or of the flags, time that passes, or a new connection. */
export interface Step {
  readonly kind: 'add' | 'remove' | 'weigh' | 'load' | 'overload' | 'flag' | 'wait' | 'pick';
  /** Which destination: the index into the list, modulo its length. Of an addition: its name, if that is not listed. */
  readonly at: number;
  readonly value: number;
}

const KINDS = ['add', 'add', 'remove', 'weigh', 'load', 'load', 'overload', 'flag', 'wait', ...Array(7).fill('pick')];

/** Any life of a service. */
export const churn: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...(KINDS as Step['kind'][])),
    at: fc.nat(7),
    value: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(12), fc.constantFrom(100, 1000, 65535, 0x7fffffff)),
  }),
  { maxLength: 80, size: 'max' },
);

/** How often a property is tried: less often where each change means a table of thousands of entries. */
export function runsOf(name: string, usual: number): number {
  const slowness: Readonly<Record<string, number>> = { mh: 8, maglev: 40 };
  return Math.ceil(usual / (slowness[name] ?? 1));
}

/** An hour and ten minutes. */
export const TEST_SETTINGS = { lblcExpirationSeconds: 3600, lblcrExpirationSeconds: 600 } as const;

export const FLAG_SETS: readonly (readonly string[])[] = [[], ['flag-1'], ['flag-2'], ['flag-1', 'flag-2']];

/** Options with everything left out at a usual value. */
export function optionsWith(options: Partial<SchedulerOptions> = {}): SchedulerOptions {
  return {
    flags: [],
    family: Family.v4,
    random: new SeededRandom(7),
    clock: new ManualClock(),
    settings: TEST_SETTINGS,
    ...options,
  };
}

/** A request of the n-th client, which asks for one of eight addresses. */
export function requestOf(n: number, family: Family = Family.v4): ScheduleRequest {
  const client = Math.imul(n + 1, 0x9e3779b1);
  const fields = { family, protocol: Protocol.tcp, client3: client, clientPort: 1024 + (n % 60_000), targetPort: 80 };
  const words = { client0: 0x20010db8, client1: n, client2: ~client, target0: 0x20010db8 };
  const request = Object.assign(new ScheduleRequest(), fields, { target3: 0x0ac80000 + (n % 8) });
  return family === Family.v4 ? request : Object.assign(request, words);
}

type Create = (list: TestDestinations, options: SchedulerOptions) => Scheduler;

/** One scheduler, or one model of it, in its own service. */
export class Life {
  readonly list: TestDestinations;
  readonly scheduler: Scheduler;
  readonly #clock = new ManualClock();
  readonly #family: Family;
  #requests = 0;

  constructor(create: Create, options: Partial<SchedulerOptions> = {}) {
    this.#family = options.family ?? Family.v4;
    this.list = new TestDestinations(this.#family);
    this.scheduler = create(this.list, optionsWith({ clock: this.#clock, ...options }));
  }

  /** @returns the pick, or undefined when the step was none */
  take({ kind, at, value }: Step): number | undefined {
    const { list, scheduler } = this;
    const d = list.listed[at % Math.max(list.listed.length, 1)] ?? NONE;
    switch (kind) {
      case 'pick':
        return this.#pick(value);
      case 'add':
        this.#add(at, value);
        break;
      case 'wait':
        this.#clock.advance((value % 5000) * 1000);
        break;
      case 'flag':
        scheduler.setFlags?.(FLAG_SETS[value % FLAG_SETS.length]!);
        break;
      default:
        if (d !== NONE) this.#change(kind, d, value);
    }
    return undefined;
  }

  #pick(value: number): number {
    const n = this.#requests++;
    const d = this.scheduler.pick(requestOf((value + n * 13) % 10_000, this.#family));
    // Every other connection stays for a while.
    if (d !== NONE && n % 2 === 0) this.list.set(d, { active: this.list.active(d) + 1 });
    return d;
  }

  #add(at: number, weight: number): void {
    const { list } = this;
    const isTaken = list.listed.some((d) => list.get(d).name === at + 1);
    this.scheduler.added(isTaken ? list.add(weight) : list.add(weight, at + 1));
  }

  #change(kind: 'remove' | 'weigh' | 'load' | 'overload', d: number, value: number): void {
    const { list, scheduler } = this;
    if (kind === 'remove') {
      scheduler.removing(d);
      list.remove(d);
    } else if (kind === 'weigh') {
      list.set(d, { weight: value });
      scheduler.edited(d);
    } else if (kind === 'load') list.set(d, { active: value % 1000, inactive: value % 7 });
    else list.set(d, { overloaded: value % 2 === 0 });
  }
}
