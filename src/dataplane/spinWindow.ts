// hot path

/**
 * For how long a worker asks on before it sleeps, learned from how the pauses between frames ended:
 *
 *     a pause ended                         then
 *     while we spun                         the window is right: a point for it
 *     after we slept, within LONGEST_MS     a longer window would have met it: spin for LONGEST_MS, and a point against it
 *     later                                 nobody spins for that long: SHORTEST_MS
 *
 * When a long window goes on missing, the frames come only because we sleep: whoever brings them (the kernel's receive thread) waits for
 * our core. Then there is no spinning at all for FUTILE_MS.
 */

/** Worth it whatever comes: about what a sleep and a wake-up cost. */
export const SHORTEST_MS = 0.05;
/** Pauses up to this long are spun through, so from about 3000 frames/s on a core is busy and delays are those of spinning. */
export const LONGEST_MS = 0.3;
export const FUTILE_MS = 100;

const MOST_POINTS = 8;
const POINTS_PER_MISS = 2;

export class SpinWindow {
  /** 0 = sleep at once. */
  ms = SHORTEST_MS;
  #points = MOST_POINTS;
  #futileUntil = 0;

  /** Frames came while the worker spun. */
  met(): void {
    if (this.#points < MOST_POINTS) this.#points++;
  }

  /** Frames came only after the worker had gone to sleep. @param pauseMs since the last frame @param nowMs of the same clock */
  slept(pauseMs: number, nowMs: number): void {
    if (this.ms === 0) {
      if (nowMs < this.#futileUntil) return;
      this.#points = MOST_POINTS;
    }
    if (pauseMs > LONGEST_MS + SHORTEST_MS) {
      this.ms = SHORTEST_MS;
      return;
    }
    this.#points -= POINTS_PER_MISS;
    this.ms = LONGEST_MS;
    if (this.#points > 0) return;
    this.ms = 0;
    this.#futileUntil = nowMs + FUTILE_MS;
  }
}
