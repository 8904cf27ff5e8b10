// hot path

/**
 * Frames of the engine's own, for what it sends beside the frame it was given: fragments, segments, released fragments. The worker
 * transmits and clears them after the frame that made them, so order is kept.
 */
import { BURST_FRAMES, NONE } from '../base/terms.ts';
import { Burst } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';

/** Enough for a 64 KB super-frame of 536-byte segments. */
export const SCRATCH_BURSTS = 2;

export class Scratch {
  readonly bursts: readonly Burst[];
  /** Bursts that hold frames, counted from the first. */
  used = 0;
  /** Burst of the frame last pushed, and its index there. */
  last: Burst;
  index = 0;
  readonly #start: number;
  readonly #frameBytes: number;
  readonly #headroom: number;
  #next = 0;

  /**
   * @param frameBytes the longest frame it must hold, Ethernet header included
   * @param headroom bytes kept free in front of each
   */
  constructor(arena: FrameArena, frameBytes: number, headroom: number) {
    this.bursts = Array.from({ length: SCRATCH_BURSTS }, () => new Burst());
    this.last = this.bursts[0]!;
    this.#headroom = headroom;
    this.#frameBytes = Math.ceil((headroom + frameBytes) / 64) * 64;
    this.#start = arena.reserve(this.#frameBytes * SCRATCH_BURSTS * BURST_FRAMES);
  }

  /** Whether the arena had room for it. */
  get reserved(): boolean {
    return this.#start !== NONE;
  }

  /** Longest frame that fits. */
  get capacityBytes(): number {
    return this.#frameBytes - this.#headroom;
  }

  /** Frames that can still be taken before `clear`. */
  get free(): number {
    return SCRATCH_BURSTS * BURST_FRAMES - this.#next;
  }

  /** Byte offset of a fresh frame, or NONE when all are taken. Give its length and way out by `push`. */
  take(): number {
    if (this.#next >= SCRATCH_BURSTS * BURST_FRAMES) return NONE;
    return this.#start + this.#next * this.#frameBytes + this.#headroom;
  }

  /** Adds the frame last taken, which begins at `at` (its headroom may have been used). @returns its burst and sets `index` */
  push(at: number, bytes: number): Burst {
    const burst = this.bursts[this.#next >> 6]!;
    this.last = burst;
    this.index = burst.push(at, bytes);
    this.used = (this.#next >> 6) + 1;
    this.#next++;
    return burst;
  }

  /** Forgets all frames, once they are transmitted. */
  clear(): void {
    for (let i = 0; i < this.used; i++) this.bursts[i]!.count = 0;
    this.used = 0;
    this.#next = 0;
  }
}
