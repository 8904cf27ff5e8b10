/**
 * The counts of connections in a walk, relative to its start. They are sums over all connections, so where walks share a director an
 * entry that an earlier walk left behind may expire during a later one: exactly when, the guest's clock knew (golden/ipvs/README.md,
 * last line on what cannot be compared). So many may be missing, and no more.
 */

import { TICKS_PER_SECOND } from '../../src/protocol/timeouts.ts';
import { ConnectionFlag } from '../../src/table/connectionFlags.ts';
import { connectionCounts, entries } from './engineView.ts';
import type { Rig } from './rig.ts';

export type Counts = readonly [active: number, inactive: number];

/** An entry that an earlier walk left behind. */
interface Remainder {
  readonly name: string;
  /** Tick. */
  readonly expiresAt: number;
  readonly isActive: boolean;
}

/** Lateness of the kernel's timers, and how far its clock may be from ours after a number of seconds. */
const SLACK_TICKS = 30;
const SLACK_SHARE = 0.5;

/** What the walks on one director have left behind. */
export class EarlierWalks {
  readonly #rig: Rig;
  #remainders: Remainder[] = [];

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** To be called when a walk begins. @returns what compares its counts */
  begin(): WalkCounts {
    const now = this.#remaindersNow();
    const names = new Set(now.map(({ name }) => name));
    this.#remainders = [...now, ...this.#remainders.filter(({ name }) => !names.has(name))];
    return new WalkCounts(this.#rig, this.#remainders);
  }

  #remaindersNow(): Remainder[] {
    const { connections } = this.#rig.director.state.tables;
    return entries(this.#rig).map(({ conn, client, virtual, destination }) => ({
      name: `${client} ${virtual} ${destination}`,
      expiresAt: connections.expiresAtTick(conn),
      isActive: (connections.flags(conn) & ConnectionFlag.inactive) === 0,
    }));
  }
}

/** The counts of one walk. */
export class WalkCounts {
  readonly #rig: Rig;
  readonly #remainders: readonly Remainder[];
  readonly #before: Counts;
  /** Tick. */
  readonly #startedAt: number;

  constructor(rig: Rig, remainders: readonly Remainder[]) {
    this.#rig = rig;
    this.#remainders = remainders;
    this.#before = connectionCounts(rig);
    this.#startedAt = rig.director.state.nowTick;
  }

  /** Since the start of the walk. @param recorded returned as it is when ours differ by no more than may have expired */
  changeLike(recorded: Counts): Counts {
    const now = connectionCounts(this.#rig);
    const change: Counts = [now[0] - this.#before[0], now[1] - this.#before[1]];
    const isEqual = change[0] === recorded[0] && change[1] === recorded[1];
    return isEqual || !this.#mayBe(recorded, change) ? change : recorded;
  }

  #mayBe(recorded: Counts, change: Counts): boolean {
    const now = this.#rig.director.state.nowTick;
    const slack = SLACK_TICKS + SLACK_SHARE * this.#rig.seconds * TICKS_PER_SECOND;
    return [0, 1].every((column) => {
      const isActive = column === 0;
      const gone = this.#count(isActive, this.#startedAt, now);
      const perhaps = this.#count(isActive, this.#startedAt - slack, now + slack);
      const own = change[column]! + gone;
      return recorded[column]! <= own && recorded[column]! >= own - perhaps;
    });
  }

  /** Remainders that expire between two moments. */
  #count(isActive: boolean, from: number, to: number): number {
    return this.#remainders.filter((entry) => entry.isActive === isActive && entry.expiresAt > from && entry.expiresAt <= to)
      .length;
  }
}
