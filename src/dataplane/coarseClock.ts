/**
 * The time of a worker, read from the machine only when `refresh` is called: ticks of connections have 100 ms, and reading the clock
 * for every burst costs more than deciding about a frame.
 */
import type { Clock } from '../base/clock.ts';

export class CoarseClock implements Clock {
  #now = performance.now();
  #ahead = 0;

  now(): number {
    return this.#now;
  }

  refresh(): void {
    this.#now = performance.now() + this.#ahead;
  }

  /** Goes ahead of the machine's clock: the warm-up lets its connections age. */
  advance(milliseconds: number): void {
    this.#ahead += milliseconds;
    this.refresh();
  }
}

/** The machine's clock itself, which tells microseconds apart: for pauses, when there is nothing else to do. */
export const FINE_CLOCK: Clock = { now: () => performance.now() };
