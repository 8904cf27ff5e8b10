/** Time is an argument: the worker passes the machine's, tests and the simulation pass one that they move by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
}

/** A clock that stands still until it is told to move. */
export class ManualClock implements Clock {
  #now: number;

  constructor(start = 0) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** Moves forward by `milliseconds`, at least 0. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
