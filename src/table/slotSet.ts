// hot path

/**
 * A set of the integers below a size, whose next member is found in a few steps however empty it is: a bit for each integer, and above
 * every 32 words of bits a word that says which of them are not empty, up to one word.
 *
 *     level 1            ...0110           words 1 and 2 of level 0 hold something
 *     level 0   0000 0000|0001 0000|...
 */
import { assert } from '../base/assert.ts';
import { NONE } from '../base/terms.ts';

/** 32 to the fifth is above any size that fits an int32 index of slots. */
const MAX_SIZE = 1 << 25;

export class SlotSet {
  readonly size: number;
  #count = 0;
  readonly #levels: Int32Array[] = [];

  /** Empty. */
  constructor(size: number) {
    assert(size >= 0 && size <= MAX_SIZE, 'a set of slots has at most 2^25');
    this.size = size;
    for (let words = Math.ceil(size / 32); ; words = Math.ceil(words / 32)) {
      this.#levels.push(new Int32Array(Math.max(words, 1)));
      if (words <= 1) break;
    }
  }

  get count(): number {
    return this.#count;
  }

  has(slot: number): boolean {
    return (this.#levels[0]![slot >>> 5]! & (1 << (slot & 31))) !== 0;
  }

  /** Makes every slot a member. */
  fill(): void {
    let members = this.size;
    for (const words of this.#levels) {
      words.fill(-1, 0, members >>> 5);
      if ((members & 31) !== 0) words[members >>> 5] = (1 << (members & 31)) - 1;
      members = Math.ceil(members / 32);
    }
    this.#count = this.size;
  }

  /** Adding a member again changes nothing. */
  add(slot: number): void {
    if (this.has(slot)) return;
    this.#count++;
    let at = slot;
    // As many steps as there are levels.
    for (let level = 0; level < this.#levels.length; level++) {
      const words = this.#levels[level]!;
      words[at >>> 5]! |= 1 << (at & 31);
      at >>>= 5;
    }
  }

  /** Removing what is no member changes nothing. */
  delete(slot: number): void {
    if (!this.has(slot)) return;
    this.#count--;
    let at = slot;
    for (let level = 0; level < this.#levels.length; level++) {
      const words = this.#levels[level]!;
      words[at >>> 5]! &= ~(1 << (at & 31));
      if (words[at >>> 5] !== 0) return;
      at >>>= 5;
    }
  }

  /** The smallest member from `from` on, or NONE. */
  next(from: number): number {
    let at = from;
    for (let level = 0; level < this.#levels.length; level++) {
      const words = this.#levels[level]!;
      const index = at >>> 5;
      if (index >= words.length) return NONE;
      const rest = words[index]! & (-1 << (at & 31));
      if (rest !== 0) return this.#descend(level, (index << 5) | lowestBit(rest));
      at = index + 1;
    }
    return NONE;
  }

  /** The smallest member below the bit `at` of that level, which is set. */
  #descend(level: number, at: number): number {
    let slot = at;
    for (let below = level - 1; below >= 0; below--) slot = (slot << 5) | lowestBit(this.#levels[below]![slot]!);
    return slot;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
