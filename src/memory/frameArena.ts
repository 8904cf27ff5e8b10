/**
 * All frame memory of one worker: a single buffer, so that a frame is an integer (its byte offset), whichever port it came from,
 * and any port can send it.
 *
 *     0          ring of port 0         frames of port 1      scratch
 *     |----------|----------------------|---------------------|--------|
 *
 * Ports reserve their region when they open; nothing is reserved or freed later.
 */
import { assert } from '../base/assert.ts';

export class FrameArena {
  readonly buffer: ArrayBuffer;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  #reserved = 0;

  /** @param buffer its length a multiple of 4 and below 2 GiB; the native helper gives one whose pages are touched on use */
  constructor(buffer: ArrayBuffer) {
    assert(buffer.byteLength % 4 === 0 && buffer.byteLength < 0x8000_0000, 'an arena is a multiple of 4 bytes and below 2 GiB');
    this.buffer = buffer;
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /**
   * Takes the next free region.
   * @param alignment a power of two
   * @returns its byte offset, or NONE (-1) when the arena is too small
   */
  reserve(bytes: number, alignment = 64): number {
    const at = Math.ceil(this.#reserved / alignment) * alignment;
    if (at + bytes > this.buffer.byteLength) return -1;
    this.#reserved = at + bytes;
    return at;
  }

  /** Bytes that no region has taken. */
  get free(): number {
    return this.buffer.byteLength - this.#reserved;
  }
}
