// hot path

/**
 * What a worker does between bursts. Spinning costs a core and answers in microseconds; sleeping costs nothing and a wake-up of tens of
 * microseconds. Adaptive does the one while frames keep coming and the other when they do not:
 *
 *     frames -> breathe on                        no clock, no system call
 *     none   -> breathe on, as long as it pays    the clock every 16 breaths; see SpinWindow
 *     none   -> sleep until a port, a message or SLEEP_MS; woken by the time alone: one breath, and sleep again
 */
import type { Waiter } from '../io/waiter.ts';
import type { PauseClock } from './coarseClock.ts';
import type { IdleMode } from './messages.ts';
import { SpinWindow } from './spinWindow.ts';

/** Connections are timed in ticks of 100 ms. */
const SLEEP_MS = 100;
const BREATHS_PER_LOOK = 16;

export class Idle {
  readonly #mode: IdleMode;
  readonly #waiter: Pick<Waiter, 'wait'>;
  readonly #clock: PauseClock;
  readonly #window = new SpinWindow();
  /** Breaths without a frame since the last one with, or since the last sleep. */
  #quiet = 0;
  #since = 0;
  /** Nothing came during the last sleep. */
  #isResting = false;

  /** @param clock asked only when there is nothing else to do */
  constructor(mode: IdleMode, waiter: Pick<Waiter, 'wait'>, clock: PauseClock) {
    this.#mode = mode;
    this.#waiter = waiter;
    this.#clock = clock;
  }

  /** A breath brought frames. */
  busy(): void {
    if (this.#quiet > 0) this.#window.met();
    this.#quiet = 0;
    this.#isResting = false;
  }

  /** A breath brought nothing. @returns whether it slept, so that much may have happened meanwhile */
  quiet(): boolean {
    if (!this.#mustSleep()) return false;
    const isWoken = this.#waiter.wait(SLEEP_MS);
    if (isWoken && this.#mode === 'adaptive' && !this.#isResting) {
      const now = this.#clock.now();
      this.#window.slept((now - this.#since) | 0, now);
    }
    this.#isResting = !isWoken;
    this.#quiet = 0;
    return true;
  }

  #mustSleep(): boolean {
    if (this.#mode !== 'adaptive') return this.#mode === 'block';
    if (this.#isResting) return true;
    if (this.#quiet === 0) this.#since = this.#clock.now();
    if (this.#window.microseconds === 0) return true;
    this.#quiet++;
    if (this.#quiet % BREATHS_PER_LOOK !== 0) return false;
    const pause = (this.#clock.now() - this.#since) | 0;
    // Negative: more than half an hour, as after a stop of the process.
    return pause > this.#window.microseconds || pause < 0;
  }
}
