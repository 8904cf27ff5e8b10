// hot path

/**
 * What a worker does between bursts. Spinning costs a core and answers in microseconds; sleeping costs nothing and a wake-up of 20 to
 * 30 microseconds. Adaptive does the one while frames keep coming and the other when they do not:
 *
 *     frames -> breathe on                     no clock, no system call
 *     none   -> breathe on for SPIN_MS         the clock every 16 breaths
 *     none   -> sleep until a port, a message or SLEEP_MS; woken by the time alone: one breath, and sleep again
 */
import type { Waiter } from '../io/waiter.ts';
import type { IdleMode } from './messages.ts';

/** A wake-up costs about this much: waiting longer by spinning does not pay. */
const SPIN_MS = 0.05;
/** Connections are timed in ticks of 100 ms. */
const SLEEP_MS = 100;
const BREATHS_PER_LOOK = 16;

export class Idle {
  readonly #mode: IdleMode;
  readonly #waiter: Pick<Waiter, 'wait'>;
  /** Breaths without a frame since the last one with. */
  #quiet = 0;
  #since = 0;
  /** Nothing came during the last sleep. */
  #isResting = false;

  constructor(mode: IdleMode, waiter: Pick<Waiter, 'wait'>) {
    this.#mode = mode;
    this.#waiter = waiter;
  }

  /** A breath brought frames. */
  busy(): void {
    this.#quiet = 0;
    this.#isResting = false;
  }

  /** A breath brought nothing. @returns whether it slept, so that much may have happened meanwhile */
  quiet(): boolean {
    if (!this.#mustSleep()) return false;
    this.#isResting = !this.#waiter.wait(SLEEP_MS);
    this.#quiet = 0;
    return true;
  }

  #mustSleep(): boolean {
    if (this.#mode !== 'adaptive') return this.#mode === 'block';
    if (this.#isResting) return true;
    if (this.#quiet === 0) this.#since = performance.now();
    this.#quiet++;
    return this.#quiet % BREATHS_PER_LOOK === 0 && performance.now() - this.#since > SPIN_MS;
  }
}
