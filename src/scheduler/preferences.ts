// hot path

/**
 * Lookup tables by turns (Eisenbud and others, "Maglev", NSDI 2016, section 3.4). Each member has an order of preference over the entries
 * of the table, given by where it begins and how far it skips; the size is prime, so each order has every entry once. Members take turns
 * in taking the entry that they like best of those that are left:
 *
 *     size 7    begin  skip    order                takes    entry    0 1 2 3 4 5 6
 *     A         3      4       3 0 4 1 5 2 6        3 1 6    member   B A B A C C A
 *     B         0      2       0 2 4 6 1 3 5        0 2
 *     C         3      1       3 4 5 6 0 1 2        4 5
 *
 * When a member goes, the others hardly move, for they like what they liked before.
 */
import { NONE } from '../base/terms.ts';

/** The members of one table while it is being filled. Used between changes, not by picks. */
export class Preferences {
  readonly #table: Int32Array;
  readonly #members: Int32Array;
  /** The entry that each member looks at next. */
  readonly #nexts: Int32Array;
  readonly #skips: Int32Array;
  #count = 0;

  /** @param table entry -> member, a prime number of entries; becomes empty */
  constructor(table: Int32Array, capacity: number) {
    this.#table = table;
    table.fill(NONE);
    this.#members = new Int32Array(capacity);
    this.#nexts = new Int32Array(capacity);
    this.#skips = new Int32Array(capacity);
  }

  /** @param begin 0 to size - 1 @param skip 1 to size - 1 */
  add(member: number, begin: number, skip: number): void {
    const i = this.#count++;
    this.#members[i] = member;
    this.#nexts[i] = begin;
    this.#skips[i] = skip;
  }

  /** The `i`-th member takes what it likes best. The table must have an entry left. */
  take(i: number): void {
    const table = this.#table;
    const skip = this.#skips[i]!;
    let next = this.#nexts[i]!;
    while (table[next] !== NONE) {
      next += skip;
      if (next >= table.length) next -= table.length;
    }
    table[next] = this.#members[i]!;
    this.#nexts[i] = next;
  }
}
