// hot path

/**
 * How many connections destinations have, and whether that is too many: in the rows of DestinationTable, and with several workers also in
 * counts that all of them see. What decides is what all have; what keeps a row alive is what this worker has.
 */
import { NONE } from '../base/terms.ts';
import { DESTINATION, OVERLOADED } from './destinationRows.ts';
import type { SharedLoads } from './sharedLoads.ts';

const { words: WORDS, total: TOTAL, active: ACTIVE, flags: FLAGS, upperThreshold: UPPER, lowerThreshold: LOWER } = DESTINATION;
/** One more than the slot: rows are zero at first. */
const SLOT = DESTINATION.loadSlot;

export class DestinationLoads {
  readonly #rows: Int32Array;
  #shared: SharedLoads | undefined;

  /** @param rows of DESTINATION */
  constructor(rows: Int32Array) {
    this.#rows = rows;
  }

  /** From now on destinations with a slot count there, too. Before the first destination comes. */
  share(loads: SharedLoads): void {
    this.#shared = loads;
  }

  /** Gives a destination its slot of the shared counts; NONE = none. */
  setSlot(d: number, slot: number): void {
    const rows = this.#rows;
    // Whoever had it before, in the trash by now, leaves it.
    for (let at = SLOT; slot !== NONE && at < rows.length; at += WORDS) if (rows[at] === slot + 1) rows[at] = 0;
    rows[d * WORDS + SLOT] = this.#shared === undefined ? 0 : slot + 1;
    this.#publish(d);
    this.judge(d);
  }

  /** A connection was made: counts it, and marks the destination overloaded when it was the last one allowed. */
  bind(d: number, isActive: boolean): void {
    this.#rows[d * WORDS + TOTAL]! += 1;
    if (isActive) this.#rows[d * WORDS + ACTIVE]! += 1;
    this.#publish(d);
    const upper = this.#rows[d * WORDS + UPPER]!;
    if (upper !== 0 && this.total(d) >= upper) this.#setOverloaded(d, true);
  }

  unbind(d: number, isActive: boolean): void {
    this.#rows[d * WORDS + TOTAL]! -= 1;
    if (isActive) this.#rows[d * WORDS + ACTIVE]! -= 1;
    this.#publish(d);
    if (this.overloaded(d)) this.#relieve(d);
  }

  setActive(d: number, isActive: boolean): void {
    this.#rows[d * WORDS + ACTIVE]! += isActive ? 1 : -1;
    this.#publish(d);
  }

  /** Thresholds have changed. */
  judge(d: number): void {
    const upper = this.#rows[d * WORDS + UPPER]!;
    if (upper === 0) this.#setOverloaded(d, false);
    else if (this.total(d) >= upper) this.#setOverloaded(d, true);
    else this.#relieve(d);
  }

  /** Active and inactive connections of all workers. */
  total(d: number): number {
    const slot = this.#slot(d);
    return slot === NONE ? this.#rows[d * WORDS + TOTAL]! : this.#shared!.total(slot);
  }

  /** Active connections of all workers. */
  active(d: number): number {
    const slot = this.#slot(d);
    return slot === NONE ? this.#rows[d * WORDS + ACTIVE]! : this.#shared!.active(slot);
  }

  inactive(d: number): number {
    return Math.max(this.total(d) - this.active(d), 0);
  }

  /** At its upper threshold, or not yet below the lower one again. */
  overloaded(d: number): boolean {
    const slot = this.#slot(d);
    return slot === NONE ? (this.#rows[d * WORDS + FLAGS]! & OVERLOADED) !== 0 : this.#shared!.overloaded(slot);
  }

  /** Ends the overload when the connections have fallen below the lower threshold, or below three quarters of the upper one. */
  #relieve(d: number): void {
    const upper = this.#rows[d * WORDS + UPPER]!;
    const lower = this.#rows[d * WORDS + LOWER]!;
    if (this.total(d) < (lower !== 0 ? lower : upper - (upper >> 2))) this.#setOverloaded(d, false);
  }

  #setOverloaded(d: number, on: boolean): void {
    const slot = this.#slot(d);
    const flags = this.#rows[d * WORDS + FLAGS]!;
    if (slot === NONE) this.#rows[d * WORDS + FLAGS] = on ? flags | OVERLOADED : flags & ~OVERLOADED;
    else this.#shared!.setOverloaded(slot, on);
  }

  #slot(d: number): number {
    return this.#rows[d * WORDS + SLOT]! - 1;
  }

  #publish(d: number): void {
    const slot = this.#slot(d);
    if (slot !== NONE) this.#shared!.publish(slot, this.#rows[d * WORDS + TOTAL]!, this.#rows[d * WORDS + ACTIVE]!);
  }
}
