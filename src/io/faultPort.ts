// hot path

/**
 * A port with a bad wire: received frames get lost, doubled, swapped, cut or bent, and the transmit ring is full at times, each with
 * its own probability and all from one seed. What happened is counted, so that a test can account for every frame.
 */
import type { Random } from '../base/random.ts';
import { BURST_FRAMES, NONE } from '../base/terms.ts';
import { Burst, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { ETHERNET_BYTES, FrameSlots } from './frameSlots.ts';
import { type Port, type PortCounters, type PortFacts, portCounters } from './port.ts';

/** Probability of each fault, 0 (default) to 1, per frame. */
export interface FaultRates {
  readonly drop?: number;
  /** The copy follows the frame, unless the burst is full. */
  readonly duplicate?: number;
  /** The frame changes places with the one before it in its burst. */
  readonly reorder?: number;
  /** The frame loses its end; the Ethernet header stays. */
  readonly truncate?: number;
  /** One bit of the frame is inverted. */
  readonly flip?: number;
  /** The transmit ring is full when this frame's turn comes. */
  readonly transmitRingFull?: number;
}

/** How often each fault has happened. */
export interface FaultCounters {
  dropped: number;
  duplicated: number;
  reordered: number;
  truncated: number;
  flipped: number;
  refused: number;
}

/** In `output` while the wrapped port transmits: not this one. */
const REFUSED = -3;

export class FaultPort implements Port {
  readonly faults: FaultCounters = { dropped: 0, duplicated: 0, reordered: 0, truncated: 0, flipped: 0, refused: 0 };
  readonly #inner: Port;
  readonly #arena: FrameArena;
  readonly #random: Random;
  readonly #rates: Required<FaultRates>;
  readonly #copies: FrameSlots;
  readonly #counters = portCounters();
  /** What the wrapped port has received, before it is passed on. */
  readonly #arrived = new Burst();
  /** What goes home to the wrapped port. */
  readonly #home = new Burst();
  #isOpen = true;

  /** @param arena the one that `inner` was opened with; slots for duplicates are reserved there */
  constructor(inner: Port, arena: FrameArena, random: Random, rates: FaultRates) {
    this.#inner = inner;
    this.#arena = arena;
    this.#random = random;
    this.#rates = { drop: 0, duplicate: 0, reorder: 0, truncate: 0, flip: 0, transmitRingFull: 0, ...rates };
    this.#copies = new FrameSlots(arena, BURST_FRAMES, inner.facts.mtu, inner.facts.name);
  }

  get facts(): PortFacts {
    return this.#inner.facts;
  }

  get fileDescriptor(): number {
    return this.#inner.fileDescriptor;
  }

  /** As the engine sees it: without what was dropped, with what was duplicated or refused. */
  get counters(): PortCounters {
    Object.assign(this.#counters, this.#inner.counters);
    this.#counters.received += this.faults.duplicated - this.faults.dropped;
    this.#counters.transmitRingFull += this.faults.refused;
    return this.#counters;
  }

  receive(burst: Burst): number {
    burst.count = 0;
    if (!this.#isOpen) return 0;
    this.#inner.receive(this.#arrived);
    this.#home.count = 0;
    for (let i = 0; i < this.#arrived.count; i++) {
      if (this.#happens(this.#rates.drop)) this.#drop(i);
      else this.#pass(i, burst);
    }
    this.#inner.release(this.#home);
    for (let i = 1; i < burst.count; i++) {
      if (this.#happens(this.#rates.reorder)) this.#swap(burst, i);
    }
    return burst.count;
  }

  transmit(burst: Burst, index: number): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.output[i] !== index || burst.at[i] === TAKEN || !this.#happens(this.#rates.transmitRingFull)) continue;
      burst.output[i] = REFUSED;
      this.faults.refused++;
    }
    this.#inner.transmit(burst, index);
    for (let i = 0; i < burst.count; i++) {
      if (burst.output[i] === REFUSED) burst.output[i] = index;
    }
  }

  release(burst: Burst): void {
    if (!this.#isOpen) return;
    this.#home.count = 0;
    for (let i = 0; i < burst.count; i++) {
      const at = burst.at[i]!;
      if (at === TAKEN) continue;
      if (this.#copies.owns(at)) this.#copies.give(at);
      else copyFrame(burst, i, this.#home);
    }
    this.#inner.release(this.#home);
  }

  close(): void {
    this.#isOpen = false;
    this.#inner.close();
  }

  #drop(i: number): void {
    this.faults.dropped++;
    copyFrame(this.#arrived, i, this.#home);
  }

  /** Frame `i` of those that arrived goes on, bent perhaps and perhaps twice. */
  #pass(i: number, burst: Burst): void {
    const passed = copyFrame(this.#arrived, i, burst);
    // Later frames come first: a copy may only take the room that they leave.
    const stillToCome = this.#arrived.count - 1 - i;
    if (this.#happens(this.#rates.duplicate) && burst.count + stillToCome < BURST_FRAMES) this.#duplicate(passed, burst);
    if (this.#happens(this.#rates.truncate)) this.#truncate(passed, burst);
    if (this.#happens(this.#rates.flip)) this.#flip(passed, burst);
  }

  #duplicate(passed: number, burst: Burst): void {
    const from = burst.at[passed]!;
    const bytes = burst.bytes[passed]!;
    if (bytes > this.#copies.frameBytes) return;
    const at = this.#copies.take();
    if (at === NONE) return;
    this.#arena.bytes.copyWithin(at, from, from + bytes);
    burst.at[copyFrame(burst, passed, burst)] = at;
    this.faults.duplicated++;
  }

  #truncate(passed: number, burst: Burst): void {
    const bytes = burst.bytes[passed]!;
    if (bytes <= ETHERNET_BYTES) return;
    burst.bytes[passed] = ETHERNET_BYTES + this.#random.below(bytes - ETHERNET_BYTES);
    this.faults.truncated++;
  }

  #flip(passed: number, burst: Burst): void {
    const bit = this.#random.below(burst.bytes[passed]! * 8);
    const at = burst.at[passed]! + (bit >>> 3);
    this.#arena.bytes[at] = this.#arena.bytes[at]! ^ (1 << (bit & 7));
    this.faults.flipped++;
  }

  /** Frames i - 1 and i change places, by way of the burst of arrivals, which is read by now. */
  #swap(burst: Burst, i: number): void {
    this.#arrived.count = 0;
    copyFrame(burst, i, this.#arrived);
    copyFrame(burst, i - 1, this.#arrived);
    const count = burst.count;
    burst.count = i - 1;
    copyFrame(this.#arrived, 0, burst);
    copyFrame(this.#arrived, 1, burst);
    burst.count = count;
    this.faults.reordered++;
  }

  #happens(probability: number): boolean {
    return this.#random.next() < probability * 0x1_0000_0000;
  }
}

/** Appends frame `i` of one burst to another, which may be the same. @returns its index there */
function copyFrame(from: Burst, i: number, to: Burst): number {
  const copy = to.push(from.at[i]!, from.bytes[i]!);
  to.checksum[copy] = from.checksum[i]!;
  to.checksumStart[copy] = from.checksumStart[i]!;
  to.checksumOffset[copy] = from.checksumOffset[i]!;
  to.segmentKind[copy] = from.segmentKind[i]!;
  to.segmentBytes[copy] = from.segmentBytes[i]!;
  return copy;
}
