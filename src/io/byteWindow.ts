/**
 * A bounded window onto a stream of bytes that is read once, forwards: a file of any size in constant memory. Readers of file formats
 * ask for so many bytes, look at them in place and move on.
 */
import { assert } from '../base/assert.ts';

/** Writes at most `length` bytes into `into` from index `at` on. @returns how many; 0 at the end of the stream (for now) */
export type ByteSource = (into: Uint8Array, at: number, length: number) => number;

export class ByteWindow {
  /** What the bytes come from, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #source: ByteSource;
  #at = 0;
  #end = 0;
  #consumed = 0;

  /** @param capacity the most that `has` will be asked for */
  constructor(name: string, source: ByteSource, capacity: number) {
    this.name = name;
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
    this.#source = source;
  }

  /** Index in `bytes` and `view` of the first byte not skipped; good until the next `has`. */
  get at(): number {
    return this.#at;
  }

  /** Offset of that byte in the whole stream. */
  get offset(): number {
    return this.#consumed;
  }

  /** Bytes that are in the window already. */
  get available(): number {
    return this.#end - this.#at;
  }

  /** Makes `count` bytes readable at `at`, which may change. @returns false when the stream ends before */
  has(count: number): boolean {
    assert(count <= this.bytes.length, 'a reader asks for no more than its window holds');
    if (this.#at + count > this.bytes.length) {
      this.bytes.copyWithin(0, this.#at, this.#end);
      this.#end -= this.#at;
      this.#at = 0;
    }
    while (this.available < count) {
      const got = this.#source(this.bytes, this.#end, this.bytes.length - this.#end);
      if (got === 0) return false;
      this.#end += got;
    }
    return true;
  }

  /** Moves over `count` bytes, which may be more than the window holds. @returns false when the stream ends before */
  skip(count: number): boolean {
    let left = count;
    while (left > 0) {
      if (this.available === 0 && !this.has(1)) return false;
      const step = Math.min(left, this.available);
      this.#at += step;
      this.#consumed += step;
      left -= step;
    }
    return true;
  }
}
