// hot path

/**
 * Counts of connections that several workers share, so that schedulers that compare loads, and thresholds, see what one director would:
 *
 *     slot      worker 0          worker 1                 one word
 *     0         total | active    total | active    ...    overloaded
 *     1         ...
 *
 * Each worker writes its own counts and reads the sum, without locks: a sum may lack what the others did in the last fraction of a
 * microsecond. So workers that choose in the same moment choose as if the others had not: a threshold may be passed by as many
 * connections as there are other workers, and no more. The overload word has many writers, which write the same from the same sum.
 *
 * Whose slot it is says the control side (dataplane/loadSlots.ts): one for each pair of service and destination.
 */
import { assert } from '../base/assert.ts';

const COUNTS = 2;
const ACTIVE = 1;

export class SharedLoads {
  readonly #words: Int32Array;
  readonly #slots: number;
  readonly #workers: number;
  readonly #own: number;
  readonly #overloadedAt: number;

  /** @param buffer of `sharedLoadBytes`, zero at first; the same for all workers @param worker which one this is */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer, slots: number, workers: number, worker: number) {
    assert(buffer.byteLength >= sharedLoadBytes(slots, workers) && worker < workers, 'the buffer has room for every worker');
    this.#words = new Int32Array(buffer);
    this.#slots = slots;
    this.#workers = workers;
    this.#own = worker * slots * COUNTS;
    this.#overloadedAt = workers * slots * COUNTS;
  }

  /** Says what this worker has. */
  publish(slot: number, total: number, active: number): void {
    assert(slot < this.#slots, 'a slot is within the limit');
    this.#words[this.#own + slot * COUNTS] = total;
    this.#words[this.#own + slot * COUNTS + ACTIVE] = active;
  }

  /** What all workers have. */
  total(slot: number): number {
    return this.#sum(slot * COUNTS);
  }

  active(slot: number): number {
    return this.#sum(slot * COUNTS + ACTIVE);
  }

  overloaded(slot: number): boolean {
    return this.#words[this.#overloadedAt + slot] !== 0;
  }

  setOverloaded(slot: number, on: boolean): void {
    this.#words[this.#overloadedAt + slot] = on ? 1 : 0;
  }

  #sum(at: number): number {
    let sum = 0;
    for (let worker = 0; worker < this.#workers; worker++) sum += this.#words[worker * this.#slots * COUNTS + at]!;
    return sum;
  }
}

/** What a buffer for so many must hold. */
export function sharedLoadBytes(slots: number, workers: number): number {
  return (workers * COUNTS + 1) * slots * Int32Array.BYTES_PER_ELEMENT;
}
