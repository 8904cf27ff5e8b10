// hot path

/**
 * Small sets of destinations, newest member first, linked through one preallocated pool. A set is the index of its first node, or NONE.
 *
 * Members outlive their destination: one that leaves the list becomes a ghost, with a negative number, and its members wake up when a
 * destination of the same address and port comes, as they do in the kernel, where the set holds on to the removed one
 * (specs/ipvs.md section 1.2, trash).
 */
import { NONE } from '../base/terms.ts';
import type { DestinationList } from './contract.ts';
import { overhead } from './load.ts';

/** Members -1 and below are ghosts: this less their number. */
const FIRST_GHOST = -2;

interface Ghost {
  readonly identity: string;
  /** Its row, which still has its connections unless somebody else has it now. */
  readonly row: number;
  readonly weight: number;
}

export class DestinationSets {
  readonly #list: DestinationList;
  readonly #members: Int32Array;
  readonly #nexts: Int32Array;
  /** First free node; free nodes are linked by `next`, and their member is NONE. */
  #free = 0;
  /** By number; numbers of ghosts that nobody remembers are used again. */
  readonly #ghosts: (Ghost | undefined)[] = [];

  constructor(list: DestinationList, capacity: number) {
    this.#list = list;
    this.#members = new Int32Array(capacity).fill(NONE);
    this.#nexts = new Int32Array(capacity);
    for (let node = 0; node < capacity; node++) this.#nexts[node] = node + 1 < capacity ? node + 1 : NONE;
  }

  get isFull(): boolean {
    return this.#free === NONE;
  }

  /** A destination on the list, or the negative number of a ghost. */
  member(node: number): number {
    return this.#members[node]!;
  }

  /** The next node of the set, or NONE. */
  next(node: number): number {
    return this.#nexts[node]!;
  }

  /** Puts a member in front; there must be room. @returns the set */
  add(set: number, member: number): number {
    const node = this.#free;
    this.#free = this.#nexts[node]!;
    this.#members[node] = member;
    this.#nexts[node] = set;
    return node;
  }

  has(set: number, member: number): boolean {
    for (let node = set; node !== NONE; node = this.#nexts[node]!) if (this.#members[node] === member) return true;
    return false;
  }

  /** Takes a member out. @returns the set */
  remove(set: number, member: number): number {
    let before = NONE;
    for (let node = set; node !== NONE; node = this.#nexts[node]!) {
      if (this.#members[node] === member) {
        const after = this.#nexts[node]!;
        this.#release(node);
        if (before === NONE) return after;
        this.#nexts[before] = after;
        return set;
      }
      before = node;
    }
    return set;
  }

  /** Ends a set. */
  clear(set: number): void {
    for (let node = set; node !== NONE; ) {
      const after = this.#nexts[node]!;
      this.#release(node);
      node = after;
    }
  }

  /** The load of a member; a ghost has that of the connections it still has. */
  load(member: number): number {
    if (member >= 0) return overhead(this.#list, member);
    const { row } = this.#ghosts[FIRST_GHOST - member]!;
    return this.#list.available(row) ? 0 : overhead(this.#list, row);
  }

  /** The weight of a member; a ghost keeps its last one. */
  weight(member: number): number {
    return member >= 0 ? this.#list.weight(member) : this.#ghosts[FIRST_GHOST - member]!.weight;
  }

  /** `d` leaves the list: its members become a ghost's. */
  destinationRemoving(d: number): void {
    this.#forgetGhosts();
    const free = this.#ghosts.indexOf(undefined);
    const number = free < 0 ? this.#ghosts.length : free;
    if (this.#rename(d, FIRST_GHOST - number) === 0) return;
    this.#ghosts[number] = { identity: this.#identity(d), row: d, weight: this.#list.weight(d) };
  }

  /** `d` came to the list: wakes its ghost, if it has one. */
  destinationAdded(d: number): void {
    const number = this.#ghosts.findIndex((ghost) => ghost?.identity === this.#identity(d));
    if (number < 0) return;
    this.#rename(FIRST_GHOST - number, d);
    this.#ghosts[number] = undefined;
  }

  #release(node: number): void {
    this.#members[node] = NONE;
    this.#nexts[node] = this.#free;
    this.#free = node;
  }

  /** @returns how many members were renamed */
  #rename(from: number, to: number): number {
    let count = 0;
    for (let node = 0; node < this.#members.length; node++) {
      if (this.#members[node] !== from) continue;
      this.#members[node] = to;
      count++;
    }
    return count;
  }

  #forgetGhosts(): void {
    const remembered = new Set(this.#members);
    for (let number = 0; number < this.#ghosts.length; number++) {
      if (!remembered.has(FIRST_GHOST - number)) this.#ghosts[number] = undefined;
    }
  }

  #identity(d: number): string {
    const list = this.#list;
    return [list.family(d), ...[0, 1, 2, 3].map((i) => list.addressWord(d, i)), list.port(d)].join(' ');
  }
}
