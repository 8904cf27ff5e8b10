/**
 * The schedulers that hash or draw lots, as plainly as specs/ipvs.md sections 4.9 to 4.11 and 4.14 (and, for maglev, the paper) say it.
 * Tables are made anew after every change, from lists.
 */
import { finish, mix } from '../../src/base/hash.ts';
import { NONE } from '../../src/base/terms.ts';
import type { ScheduleRequest, Scheduler, SchedulerOptions } from '../../src/scheduler/contract.ts';
import type { TestDestinations } from '../support/testDestinations.ts';
import { gcd, overheadOf, usable } from './slowArithmetic.ts';

const WORD = 2n ** 32n;
const MASK_64 = 2n ** 64n - 1n;

/** A table of the destinations on the list, and how a request finds its entry and the entries to fall back on. */
interface Hashing {
  /** Made anew: after any change, or only when the list changed. */
  readonly isMadeOnEdit: boolean;
  table(listed: readonly number[]): readonly number[];
  entry(request: ScheduleRequest, isPortUsed: boolean, added: number): number;
  /** What is added in the n-th try to fall back, when entry 0 was `first`. */
  fallback(n: number, first: number): number;
}

function hashing(list: TestDestinations, names: readonly string[], { isMadeOnEdit, table, entry, fallback }: Hashing): Scheduler {
  let owners = table(list.listed);
  let flags = names;
  return {
    pick(request) {
      const isPortUsed = flags.includes('flag-2');
      const first = entry(request, isPortUsed, 0);
      const owner = owners[first] ?? NONE;
      if (owner === NONE || list.isUsable(owner)) return owner;
      if (!flags.includes('flag-1') || !usable(list).some((d) => owners.includes(d))) return NONE;
      for (let n = 0; n < owners.length; n++) {
        const other = owners[entry(request, isPortUsed, fallback(n, first))]!;
        if (list.isUsable(other)) return other;
      }
      return NONE;
    },
    added() {
      owners = table(list.listed);
    },
    removing(d) {
      owners = table(list.listed.filter((other) => other !== d));
    },
    edited() {
      if (isMadeOnEdit) owners = table(list.listed);
    },
    setFlags(changed) {
      flags = changed;
    },
  };
}

export function slowDh(list: TestDestinations): Scheduler {
  return hashing(list, [], {
    isMadeOnEdit: false,
    table: (listed) => Array.from({ length: 256 }, (_, i) => listed[i % listed.length] ?? NONE),
    entry: (r) => Number(((fold(r.target0, r.target1, r.target2, r.target3) * 0x61c88647n) % WORD) >> 24n),
    fallback: () => 0,
  });
}

export function slowSh(list: TestDestinations, { flags }: SchedulerOptions): Scheduler {
  return hashing(list, flags, {
    isMadeOnEdit: true,
    table: (listed) => {
      const row = listed.flatMap((d) => Array<number>(Math.min(Math.max(list.weight(d), 1), 256)).fill(d));
      return Array.from({ length: 256 }, (_, i) => row[i % row.length] ?? NONE);
    },
    entry: (r, isPortUsed, added) => {
      const sum = (fold(r.client0, r.client1, r.client2, r.client3) + BigInt(isPortUsed ? r.clientPort : 0)) % WORD;
      return (added + Number(((sum * 0x61c88647n) % WORD) >> 24n)) % 256;
    },
    fallback: (n, first) => (n + first) % 256,
  });
}

export function slowMh(list: TestDestinations, { flags }: SchedulerOptions): Scheduler {
  const size = 4093;
  return hashing(list, flags, {
    isMadeOnEdit: true,
    table: (listed) => {
      const weights = listed.map((d) => list.lastWeight(d));
      const divisor = weights.reduce((a, b) => gcd(a, b), 0);
      const bits = (Math.max(0, ...weights) / divisor).toString(2).length;
      const turns = weights.map((weight) => weight && Math.max(1, Math.floor(weight / divisor / 2 ** Math.max(0, bits - 6))));
      const orders = listed.map((d) => {
        const name = fold(...([0, 1, 2, 3].map((i) => list.addressWord(d, i)) as Words)) + 80n;
        return order(size, slowSip(name, 2654435761n) % size, (slowSip(name, 2654446892n) % (size - 1)) + 1);
      });
      return byTurns(size, listed, orders, () => turns);
    },
    entry: (r, isPortUsed, added) => {
      const sum = BigInt(added) + BigInt(isPortUsed ? r.clientPort : 0) + fold(r.client0, r.client1, r.client2, r.client3);
      return slowSip(sum, 2654435761n) % size;
    },
    fallback: (n, first) => (n + first) % size,
  });
}

/** The paper's tables; shares of unequal weights, which it leaves open, by whole rounds. */
export function slowMaglev(list: TestDestinations, { flags }: SchedulerOptions): Scheduler {
  const size = 65_537;
  return hashing(list, flags, {
    isMadeOnEdit: true,
    table: (listed) => {
      const members = listed.filter((d) => list.weight(d) > 0).sort((a, b) => list.get(a).name - list.get(b).name);
      const orders = members.map((d) => {
        const hash = (seed: number) =>
          finish(
            mix(
              [0, 1, 2, 3].reduce((h, i) => mix(h, list.addressWord(d, i)), mix(seed, list.family())),
              80,
            ),
          );
        return order(size, (hash(0x62656769) >>> 0) % size, ((hash(0x736b6970) >>> 0) % (size - 1)) + 1);
      });
      const shares = slowShares(
        size,
        members.map((d) => BigInt(list.weight(d))),
      );
      const rounds = Math.ceil(size / members.length);
      const due = (i: number, round: number) => Math.ceil((shares[i]! * round) / rounds);
      return byTurns(size, members, orders, (round) => members.map((_, i) => due(i, round + 1) - due(i, round)));
    },
    entry: (r, isPortUsed, added) => {
      const words = [r.client0, r.client1, r.client2, r.client3, isPortUsed ? r.clientPort : 0];
      return ((finish(words.reduce(mix, 0x636c6965)) >>> 0) + added) % size;
    },
    fallback: (n) => n,
  });
}

/** Each ticket in turn, from the newest usable on; the last 0 tickets go to the first. */
export function slowTwos(list: TestDestinations, { random }: SchedulerOptions): Scheduler {
  return {
    pick() {
      const tickets = usable(list).flatMap((d) => Array<number>(list.weight(d)).fill(d));
      if (tickets.length === 0) return NONE;
      tickets.unshift(tickets[0]!);
      const [one, other] = [tickets[random.below(tickets.length)]!, tickets[random.below(tickets.length)]!];
      const load = (d: number, by: number) => overheadOf(list.get(d)) * BigInt(list.weight(by));
      return load(one, other) > load(other, one) ? other : one;
    },
    added() {},
    removing() {},
    edited() {},
  };
}

type Words = [number, number, number, number];

function fold(...words: Words): bigint {
  return BigInt.asUintN(32, BigInt(words[0] ^ words[1] ^ words[2] ^ words[3]));
}

/** All entries, in a member's order of preference. */
function order(size: number, begin: number, skip: number): number[] {
  return Array.from({ length: size }, (_, j) => (begin + j * skip) % size);
}

/** Rounds over the members until the table is full; each takes the best that is left, as often as it has turns. */
function byTurns(
  size: number,
  members: readonly number[],
  orders: number[][],
  turns: (round: number) => readonly number[],
): number[] {
  const table = Array<number>(size).fill(NONE);
  const positions = members.map(() => 0);
  let left = turns(0).some((turn) => turn > 0) ? size : 0;
  for (let round = 0; left > 0; round++) {
    for (const [i, count] of turns(round).entries()) {
      for (let turn = 0; turn < count && left > 0; turn++, left--) {
        while (table[orders[i]![positions[i]!]!] !== NONE) positions[i]!++;
        table[orders[i]![positions[i]!]!] = members[i]!;
      }
    }
  }
  return table;
}

/** Proportional, whole, at least 1; what is left goes to the largest remainders, what is too much is taken from the largest. */
function slowShares(total: number, weights: readonly bigint[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0n);
  const exact = weights.map((weight) => weight * BigInt(total));
  const shares = exact.map((share) => Number(share / sum) || 1);
  const left = shares.reduce((rest, share) => rest - share, total);
  const by = (value: (i: number) => bigint) =>
    shares.map((_, i) => i).sort((a, b) => (value(a) === value(b) ? a - b : value(a) > value(b) ? -1 : 1));
  if (left > 0) for (const i of by((each) => exact[each]! % sum).slice(0, left)) shares[i]!++;
  if (left < 0) for (const i of by((each) => BigInt(shares[each]!)).slice(0, -left)) shares[i]!--;
  return shares;
}

/** SipHash-1-3 of one word of four bytes, by the book, with a key of twice the same 64 bits. @returns 32 bits */
function slowSip(word: bigint, key: bigint): number {
  let [a, b, c, d] = [0x736f6d6570736575n ^ key, 0x646f72616e646f6dn ^ key, 0x6c7967656e657261n ^ key, 0x7465646279746573n ^ key];
  const turned = (v: bigint, bits: bigint) => ((v << bits) | (v >> (64n - bits))) & MASK_64;
  const round = () => {
    a = (a + b) & MASK_64;
    b = turned(b, 13n) ^ a;
    a = turned(a, 32n);
    c = (c + d) & MASK_64;
    d = turned(d, 16n) ^ c;
    a = (a + d) & MASK_64;
    d = turned(d, 21n) ^ a;
    c = (c + b) & MASK_64;
    b = turned(b, 17n) ^ c;
    c = turned(c, 32n);
  };
  const block = (4n << 56n) | (word % WORD);
  d ^= block;
  round();
  a ^= block;
  c ^= 0xffn;
  for (let i = 0; i < 3; i++) round();
  return Number((a ^ b ^ c ^ d) & (WORD - 1n));
}
