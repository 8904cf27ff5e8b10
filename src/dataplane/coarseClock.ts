/**
 * The time of a worker, read from the machine only when `refresh` is called: ticks of connections have 100 ms, and reading the clock
 * for every burst costs more than deciding about a frame.
 */
import type { Clock } from '../base/clock.ts';

export class CoarseClock implements Clock {
  #now = performance.now();

  now(): number {
    return this.#now;
  }

  refresh(): void {
    this.#now = performance.now();
  }
}
