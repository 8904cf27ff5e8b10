// hot path

/**
 * A lazy timer wheel: it says which entries to look at, the owner knows when each one really expires.
 *
 *     slot    0    1    2   ...  cursor        ...  4095
 *                                  |  due: handed out by `takeDue`
 *             each slot: head <-> entry <-> entry        (rows of four words: next, previous, due tick, spare)
 *
 * Pushing an expiry back, which every packet does, does not touch the wheel: the entry waits in its old slot, is handed out when that
 * comes due, and the owner puts it where it now belongs. Only an earlier expiry moves an entry at once. Further away than the wheel
 * is long, an entry waits in the farthest slot and is moved when that comes due.
 *
 * Ticks are int32 and wrap (of 100 ms, after 6.8 years): compare by subtraction only, `(a - b) | 0`, and keep times that meet less
 * than 2^31 ticks apart.
 */
import { assert } from '../base/assert.ts';
import { NONE } from '../base/terms.ts';

/** Milliseconds in one tick. */
export const TICK_MS = 100;

/** Slots of a wheel, a power of two: 409.6 s of 100 ms. */
export const WHEEL_SLOTS = 4096;

const SLOT_MASK = WHEEL_SLOTS - 1;
/** Farthest slot ahead of the cursor that is not the cursor's own. */
const REACH = WHEEL_SLOTS - 1;

const WORDS = 4;
const NEXT = 0;
const PREVIOUS = 1;
const DUE = 2;
/** In `previous`: heads no list, waits nowhere. */
const UNLINKED = -2;

export class TimerWheel {
  readonly #heads = new Int32Array(WHEEL_SLOTS).fill(NONE);
  readonly #rows: Int32Array;
  /** The tick whose slot is handed out next. */
  #cursor = 0;
  #count = 0;

  /** @param capacity entries are 0 to capacity - 1 */
  constructor(capacity: number) {
    assert(capacity > 0 && capacity <= 1 << 28, 'a wheel has 1 to 2^28 entries');
    this.#rows = new Int32Array(capacity * WORDS);
    for (let entry = 0; entry < capacity; entry++) this.#rows[entry * WORDS + PREVIOUS] = UNLINKED;
  }

  /** Entries that wait. */
  get count(): number {
    return this.#count;
  }

  waits(entry: number): boolean {
    return this.#rows[entry * WORDS + PREVIOUS] !== UNLINKED;
  }

  /** The tick at which `takeDue` will hand out this waiting entry: never later than the one it was placed for. */
  dueTick(entry: number): number {
    return this.#rows[entry * WORDS + DUE]!;
  }

  /** Makes the entry wait for `tick`, wherever it waited before. */
  place(entry: number, tick: number, nowTick: number): void {
    if (this.waits(entry)) this.remove(entry);
    // Nothing waits, so nothing can be missed: the cursor need not walk over the idle time.
    if (this.#count === 0) this.#cursor = nowTick | 0;
    const ahead = (tick - this.#cursor) | 0;
    this.#link(entry, (this.#cursor + Math.min(Math.max(ahead, 0), REACH)) | 0);
  }

  /** Ends the waiting; does nothing when the entry does not wait. */
  remove(entry: number): void {
    const rows = this.#rows;
    const at = entry * WORDS;
    const previous = rows[at + PREVIOUS]!;
    if (previous === UNLINKED) return;
    const next = rows[at + NEXT]!;
    if (previous === NONE) this.#heads[rows[at + DUE]! & SLOT_MASK] = next;
    else rows[previous * WORDS + NEXT] = next;
    if (next !== NONE) rows[next * WORDS + PREVIOUS] = previous;
    rows[at + PREVIOUS] = UNLINKED;
    this.#count--;
  }

  /**
   * Takes an entry whose slot has come due off the wheel; the caller places it again, or is done with it. Looks at each slot once per
   * turn at most.
   * @returns NONE when no entry is due
   */
  takeDue(nowTick: number): number {
    if (this.#count === 0) return NONE;
    // After a pause longer than one turn every slot is due, and one turn finds them all.
    if (((nowTick - this.#cursor) | 0) > REACH) this.#cursor = (nowTick - REACH) | 0;
    for (let step = 0; step < WHEEL_SLOTS && ((nowTick - this.#cursor) | 0) >= 0; step++) {
      const entry = this.#heads[this.#cursor & SLOT_MASK]!;
      if (entry !== NONE) {
        this.remove(entry);
        return entry;
      }
      this.#cursor = (this.#cursor + 1) | 0;
    }
    return NONE;
  }

  #link(entry: number, dueTick: number): void {
    const rows = this.#rows;
    const slot = dueTick & SLOT_MASK;
    const head = this.#heads[slot]!;
    const at = entry * WORDS;
    rows[at + NEXT] = head;
    rows[at + PREVIOUS] = NONE;
    rows[at + DUE] = dueTick;
    if (head !== NONE) rows[head * WORDS + PREVIOUS] = entry;
    this.#heads[slot] = entry;
    this.#count++;
  }
}
