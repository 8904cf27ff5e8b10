// hot path

/**
 * For how long a worker asks on before it sleeps, learned from how the pauses between frames ended:
 *
 *     a pause ended                   then
 *     while we spun                   the window is right: a point for it
 *     after we slept, within LONGEST  a longer window would have met it: spin for LONGEST, and a point against it
 *     later                           nobody spins for that long: SHORTEST
 *
 * When a long window goes on missing, the frames come only because we sleep: whoever brings them (the kernel's receive thread) waits for
 * our core. Then there is no spinning at all for FUTILE_MICROSECONDS.
 */

/** Worth it whatever comes: about what a sleep and a wake-up cost. */
export const SHORTEST_MICROSECONDS = 50;
/** Pauses up to this long are spun through, so from about 3000 frames/s on a core is busy and delays are those of spinning. */
export const LONGEST_MICROSECONDS = 300;
export const FUTILE_MICROSECONDS = 100_000;

const MOST_POINTS = 8;
const POINTS_PER_MISS = 2;

export class SpinWindow {
  /** 0 = sleep at once. */
  microseconds = SHORTEST_MICROSECONDS;
  #points = MOST_POINTS;
  #futileSince = 0;

  /** Frames came while the worker spun. */
  met(): void {
    if (this.#points < MOST_POINTS) this.#points++;
  }

  /**
   * Frames came only after the worker had gone to sleep.
   * @param pause microseconds since the last frame @param now of a PauseClock
   */
  slept(pause: number, now: number): void {
    if (this.microseconds === 0) {
      const spunNot = (now - this.#futileSince) | 0;
      if (spunNot >= 0 && spunNot < FUTILE_MICROSECONDS) return;
      this.#points = MOST_POINTS;
    }
    if (pause > LONGEST_MICROSECONDS + SHORTEST_MICROSECONDS) {
      this.microseconds = SHORTEST_MICROSECONDS;
      return;
    }
    this.#points -= POINTS_PER_MISS;
    this.microseconds = LONGEST_MICROSECONDS;
    if (this.#points > 0) return;
    this.microseconds = 0;
    this.#futileSince = now;
  }
}
