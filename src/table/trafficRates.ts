// hot path

/**
 * How much passes per second, as the kernel estimates it (specs/ipvs.md section 7.1): every two seconds a sample, and a quarter of
 * its distance to the estimate is added to the estimate. In fixed point, connections and packets times 2^10, bytes times 2^5:
 *
 *     sample = delta << 9  or  delta << 4           per second, scaled; two seconds are one of the shifts
 *     estimate += (sample - estimate) >> 2          rounded down, also below zero
 *     shown = (estimate + 511) >> 10  or  (estimate + 15) >> 5
 *
 * A steady 100 connections per second are shown as 25, 44, 58, 68, 76, 82, 87, 90, 92, 94, 96, 97 ...
 */
import { BYTE_SCALE, COUNT_SCALE, type Rates } from '../base/shownRates.ts';
import { TRAFFIC } from './trafficRow.ts';

/** Time between two samples. */
export const RATE_PERIOD_MS = 2000;
/** After so many samples of nothing every estimate is nothing: no need to catch up with more. */
const MAX_SAMPLES_AT_ONCE = 64;

/** Per second; fractions of the fixed point. Those of several workers may be added. `shownRates` (base) rounds. */
export type TrafficRates = Rates;

const WORDS = TRAFFIC.words;
const COUNT_SAMPLE = 2 ** 9;
const BYTE_SAMPLE = 2 ** 4;

/** The estimates of a table of counters, row by row. Doubles hold the kernel's 64-bit integers exactly up to 2^53. */
export class RateRows {
  readonly #totals: Float64Array;
  /** At the last sample. */
  readonly #last: Float64Array;
  readonly #estimates: Float64Array;
  /** No row from here on was ever used. */
  #used = 0;

  /** @param totals rows of TRAFFIC that somebody else counts in */
  constructor(totals: Float64Array) {
    this.#totals = totals;
    this.#last = new Float64Array(totals.length);
    this.#estimates = new Float64Array(totals.length);
  }

  /** Estimates a row from nothing; what was counted so far is no traffic of the next sample. Also begins the use of a row. */
  restart(row: number): void {
    const at = row * WORDS;
    for (let i = at; i < at + WORDS; i++) {
      this.#last[i] = this.#totals[i]!;
      this.#estimates[i] = 0;
    }
    if (row >= this.#used) this.#used = row + 1;
  }

  /** What the rows held at the last sample. */
  get sampled(): Float64Array {
    return this.#last;
  }

  /** One sample of every row in use. */
  sample(): void {
    sampleRows(this.#totals, this.#last, this.#estimates, this.#used);
  }

  of(row: number): TrafficRates {
    const at = row * WORDS;
    return {
      connections: this.#estimates[at + TRAFFIC.connections]! / COUNT_SCALE,
      inPackets: this.#estimates[at + TRAFFIC.inPackets]! / COUNT_SCALE,
      outPackets: this.#estimates[at + TRAFFIC.outPackets]! / COUNT_SCALE,
      inBytes: this.#estimates[at + TRAFFIC.inBytes]! / BYTE_SCALE,
      outBytes: this.#estimates[at + TRAFFIC.outBytes]! / BYTE_SCALE,
    };
  }
}

function sampleRows(totals: Float64Array, last: Float64Array, estimates: Float64Array, rows: number): void {
  for (let at = 0; at < rows * WORDS; at += WORDS) {
    for (let word = 0; word < WORDS; word++) {
      const i = at + word;
      const delta = totals[i]! - last[i]!;
      const estimate = estimates[i]!;
      if (delta === 0 && estimate === 0) continue;
      const isBytes = word === TRAFFIC.inBytes || word === TRAFFIC.outBytes;
      estimates[i] = estimate + Math.floor((delta * (isBytes ? BYTE_SAMPLE : COUNT_SAMPLE) - estimate) / 4);
      last[i] = totals[i]!;
    }
  }
}

/** When the next sample is due. */
export class RateSchedule {
  #dueMs: number | undefined;

  /** @param nowMs never goes back @returns how many samples to take now; one that is late does not shift those after it */
  due(nowMs: number): number {
    this.#dueMs ??= nowMs + RATE_PERIOD_MS;
    if (nowMs < this.#dueMs) return 0;
    const samples = Math.floor((nowMs - this.#dueMs) / RATE_PERIOD_MS) + 1;
    this.#dueMs += samples * RATE_PERIOD_MS;
    return Math.min(samples, MAX_SAMPLES_AT_ONCE);
  }
}
