/**
 * The time of a worker, read from the machine only when `refresh` is called: ticks of connections have 100 ms, and reading the clock
 * for every burst costs more than deciding about a frame. Whole numbers, for V8 makes an object of every other one that a function
 * returns, unless its best compiler has seen both sides.
 */
import type { Clock } from '../base/clock.ts';
import { native } from '../io/native.ts';

export class CoarseClock implements Clock {
  #now = Math.floor(performance.now());
  #ahead = 0;

  now(): number {
    return this.#now;
  }

  refresh(): void {
    this.#now = Math.floor(performance.now()) + this.#ahead;
  }

  /** Goes ahead of the machine's clock: the warm-up lets its connections age. */
  advance(milliseconds: number): void {
    this.#ahead += milliseconds;
    this.refresh();
  }
}

/** The machine's clock itself, with fractions. */
export const FINE_CLOCK: Clock = { now: () => performance.now() };

/** For pauses between frames, which last microseconds. */
export interface PauseClock {
  /** Microseconds since an arbitrary start modulo 2^32, as int32: `(later - earlier) | 0` is the time between, up to 35 minutes. */
  now(): number;
}

/** The machine's. */
export const PAUSE_CLOCK: PauseClock = { now: () => native().microseconds() };
