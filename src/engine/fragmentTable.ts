// hot path

/**
 * Which way the first fragment of a datagram went, so that the later ones, which have no ports, can follow; and the few later ones
 * that came before their first. Four entries share a set; the oldest one gives way.
 *
 *     key (10 words: family and protocol, identification, source, target) -> outcome of the first fragment, time of forgetting
 */
import { finish, mix } from '../base/hash.ts';
import { NONE } from '../base/terms.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { layout } from '../memory/layout.ts';
import type { Flow } from '../packet/flow.ts';

const ENTRY = layout('kind', 'id', 's0', 's1', 's2', 's3', 't0', 't1', 't2', 't3', 'outcome', 'until');
const WAYS = 4;
/** As net.ipv4.ipfrag_time. */
const LIFETIME_MS = 30_000;
/** A first fragment that does not come within this is lost; held frames are few. */
const HOLD_MS = 1_000;
const FREE = 0;

export class FragmentTable {
  readonly #rows: Int32Array;
  readonly #setMask: number;
  readonly #held: Int32Array;
  readonly #heldAt: Int32Array;
  readonly #heldBytes: Int32Array;
  readonly #heldIngress: Int32Array;
  readonly #slots: number;
  readonly #start: number;
  readonly #slotBytes: number;
  readonly #arena: FrameArena;
  #heldCount = 0;

  /**
   * @param entries datagrams remembered, a power of two
   * @param slots fragments held at most
   * @param frameBytes longest frame that can be held
   */
  constructor(entries: number, slots: number, frameBytes: number, arena: FrameArena) {
    this.#rows = new Int32Array(entries * ENTRY.words);
    this.#setMask = entries / WAYS - 1;
    this.#held = new Int32Array(slots * ENTRY.words);
    this.#heldAt = new Int32Array(slots);
    this.#heldBytes = new Int32Array(slots);
    this.#heldIngress = new Int32Array(slots);
    this.#slots = slots;
    this.#slotBytes = Math.ceil(frameBytes / 64) * 64;
    this.#arena = arena;
    this.#start = arena.reserve(this.#slotBytes * slots);
  }

  /** Fragments that wait for their first. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** The outcome of the first fragment of this datagram; NONE while it has not been seen. */
  find(flow: Flow, nowMilliseconds: number): number {
    const row = this.#rowOf(flow);
    return row === NONE || ((this.#rows[row + ENTRY.until]! - nowMilliseconds) | 0) < 0 ? NONE : this.#rows[row + ENTRY.outcome]!;
  }

  /** Remembers where the first fragment went. */
  remember(flow: Flow, outcome: number, nowMilliseconds: number): void {
    let row = this.#rowOf(flow);
    if (row === NONE) row = this.#oldestOf(flow);
    writeKey(this.#rows, row, flow);
    this.#rows[row + ENTRY.outcome] = outcome;
    this.#rows[row + ENTRY.until] = nowMilliseconds + LIFETIME_MS;
  }

  /** Keeps a copy of a later fragment. @returns false when all slots are taken or the frame is too long (see `fits`) */
  hold(flow: Flow, at: number, bytes: number, ingress: number, nowMilliseconds: number): boolean {
    if (!this.fits(bytes)) return false;
    for (let slot = 0; slot < this.#slots; slot++) {
      const row = slot * ENTRY.words;
      if (this.#held[row + ENTRY.kind] !== FREE) continue;
      writeKey(this.#held, row, flow);
      this.#held[row + ENTRY.until] = nowMilliseconds + HOLD_MS;
      this.#heldAt[slot] = this.#start + slot * this.#slotBytes;
      this.#heldBytes[slot] = bytes;
      this.#heldIngress[slot] = ingress;
      this.#arena.bytes.copyWithin(this.#heldAt[slot]!, at, at + bytes);
      this.#heldCount++;
      return true;
    }
    return false;
  }

  /** Whether a frame of that length can be held at all. */
  fits(bytes: number): boolean {
    return this.#start !== NONE && bytes <= this.#slotBytes;
  }

  /** A held fragment of the same datagram, or NONE. Free it by `release` once copied. */
  nextHeld(flow: Flow): number {
    if (this.#heldCount === 0) return NONE;
    for (let slot = 0; slot < this.#slots; slot++) if (sameKey(this.#held, slot * ENTRY.words, flow)) return slot;
    return NONE;
  }

  heldAt(slot: number): number {
    return this.#heldAt[slot]!;
  }

  heldBytes(slot: number): number {
    return this.#heldBytes[slot]!;
  }

  heldIngress(slot: number): number {
    return this.#heldIngress[slot]!;
  }

  release(slot: number): void {
    this.#held[slot * ENTRY.words + ENTRY.kind] = FREE;
    this.#heldCount--;
  }

  /** Gives up the fragments whose first did not come. @returns how many */
  expire(nowMilliseconds: number): number {
    if (this.#heldCount === 0) return 0;
    let expired = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      const row = slot * ENTRY.words;
      if (this.#held[row + ENTRY.kind] === FREE || ((this.#held[row + ENTRY.until]! - nowMilliseconds) | 0) >= 0) continue;
      this.release(slot);
      expired++;
    }
    return expired;
  }

  #rowOf(flow: Flow): number {
    const first = this.#setOf(flow);
    for (let way = 0; way < WAYS; way++) {
      const row = first + way * ENTRY.words;
      if (sameKey(this.#rows, row, flow)) return row;
    }
    return NONE;
  }

  #oldestOf(flow: Flow): number {
    const first = this.#setOf(flow);
    let oldest = first;
    for (let way = 0; way < WAYS; way++) {
      const row = first + way * ENTRY.words;
      if (this.#rows[row + ENTRY.kind] === FREE) return row;
      if (((this.#rows[row + ENTRY.until]! - this.#rows[oldest + ENTRY.until]!) | 0) < 0) oldest = row;
    }
    return oldest;
  }

  #setOf(flow: Flow): number {
    const hash = finish(mix(mix(mix(flow.fragmentId, flow.source3), flow.target3), flow.source0));
    return (hash & this.#setMask) * WAYS * ENTRY.words;
  }
}

/** Family and protocol in one word that is never FREE. */
function kindOf(flow: Flow): number {
  return (flow.family << 8) | flow.protocol;
}

function writeKey(rows: Int32Array, row: number, flow: Flow): void {
  rows[row + ENTRY.kind] = kindOf(flow);
  rows[row + ENTRY.id] = flow.fragmentId;
  rows[row + ENTRY.s0] = flow.source0;
  rows[row + ENTRY.s1] = flow.source1;
  rows[row + ENTRY.s2] = flow.source2;
  rows[row + ENTRY.s3] = flow.source3;
  rows[row + ENTRY.t0] = flow.target0;
  rows[row + ENTRY.t1] = flow.target1;
  rows[row + ENTRY.t2] = flow.target2;
  rows[row + ENTRY.t3] = flow.target3;
}

function sameKey(rows: Int32Array, row: number, flow: Flow): boolean {
  return (
    rows[row + ENTRY.kind] === kindOf(flow) &&
    rows[row + ENTRY.id] === flow.fragmentId &&
    rows[row + ENTRY.s3] === flow.source3 &&
    rows[row + ENTRY.t3] === flow.target3 &&
    rows[row + ENTRY.s0] === flow.source0 &&
    rows[row + ENTRY.s1] === flow.source1 &&
    rows[row + ENTRY.s2] === flow.source2 &&
    rows[row + ENTRY.t0] === flow.target0 &&
    rows[row + ENTRY.t1] === flow.target1 &&
    rows[row + ENTRY.t2] === flow.target2
  );
}
