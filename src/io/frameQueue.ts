// hot path

/**
 * A bounded first-in, first-out queue of frame descriptors: what a Burst says of a frame, one row each. Its currency is the burst:
 * frames are pushed from one and shifted into one.
 */
import { NONE } from '../base/terms.ts';
import type { Burst } from '../memory/burst.ts';
import { layout } from '../memory/layout.ts';

const FRAME = layout('at', 'bytes', 'checksum', 'checksumStart', 'checksumOffset', 'segmentKind', 'segmentBytes', 'spare');

export class FrameQueue {
  readonly capacity: number;
  readonly #rows: Int32Array;
  #head = 0;
  #count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#rows = new Int32Array(capacity * FRAME.words);
  }

  get count(): number {
    return this.#count;
  }

  /** Offset of the oldest frame; NONE when the queue is empty. */
  get oldestAt(): number {
    return this.#count === 0 ? NONE : this.#rows[this.#head * FRAME.words + FRAME.at]!;
  }

  /** Appends what the burst says of frame `i`, which now lies at `at`. @returns false when the queue is full */
  push(burst: Burst, i: number, at: number): boolean {
    if (this.#count === this.capacity) return false;
    const row = ((this.#head + this.#count) % this.capacity) * FRAME.words;
    this.#count++;
    this.#rows[row + FRAME.at] = at;
    this.#rows[row + FRAME.bytes] = burst.bytes[i]!;
    this.#rows[row + FRAME.checksum] = burst.checksum[i]!;
    this.#rows[row + FRAME.checksumStart] = burst.checksumStart[i]!;
    this.#rows[row + FRAME.checksumOffset] = burst.checksumOffset[i]!;
    this.#rows[row + FRAME.segmentKind] = burst.segmentKind[i]!;
    this.#rows[row + FRAME.segmentBytes] = burst.segmentBytes[i]!;
    return true;
  }

  /** Appends the oldest frame to `burst`, which has room, and keeps it. The caller has seen that the queue is not empty. */
  peek(burst: Burst): number {
    const row = this.#head * FRAME.words;
    const i = burst.push(this.#rows[row + FRAME.at]!, this.#rows[row + FRAME.bytes]!);
    burst.checksum[i] = this.#rows[row + FRAME.checksum]!;
    burst.checksumStart[i] = this.#rows[row + FRAME.checksumStart]!;
    burst.checksumOffset[i] = this.#rows[row + FRAME.checksumOffset]!;
    burst.segmentKind[i] = this.#rows[row + FRAME.segmentKind]!;
    burst.segmentBytes[i] = this.#rows[row + FRAME.segmentBytes]!;
    return i;
  }

  /** Forgets the oldest frame, if there is one. */
  drop(): void {
    if (this.#count === 0) return;
    this.#head = (this.#head + 1) % this.capacity;
    this.#count--;
  }
}
