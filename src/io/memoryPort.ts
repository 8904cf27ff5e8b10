// hot path

/**
 * A port whose far side is a test: `inject` puts a frame on its wire, `take` picks one off. Needs nothing but memory, so it also runs
 * in a browser page. Both directions have a fixed number of frame slots in the arena; nothing is allocated once it is open, except by
 * `take`, whose copies belong to the caller.
 *
 *     inject --copy--> receive slots --receive/release--> engine
 *     take  <--copy--  transmit slots <--copy-- transmit --'
 */
import { parseMac } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { BURST_FRAMES, ChecksumState, NONE } from '../base/terms.ts';
import { Burst, SegmentKind, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { FrameQueue } from './frameQueue.ts';
import { ETHERNET_BYTES, FrameSlots, fitsMtu } from './frameSlots.ts';
import { type Port, type PortFacts, portCounters } from './port.ts';

export interface MemoryPortOptions {
  /** Default `memory`. */
  readonly name?: string;
  /** Such as `02:00:00:00:00:01`; none by default. */
  readonly mac?: string;
  /** Default 1500. */
  readonly mtu?: number;
  /** Frames that may wait to be received or be in the engine's hands. Default 256. */
  readonly receiveFrames?: number;
  /** Frames that may wait to be taken. Default 256. */
  readonly transmitFrames?: number;
  /** Takes partial checksums and super-frames; then slots are 64 KiB, so ask for few. Default false. */
  readonly offloads?: boolean;
}

/** What goes with a frame besides its bytes; see the columns of Burst. */
export interface Offload {
  readonly checksum?: ChecksumState;
  readonly checksumStart?: number;
  readonly checksumOffset?: number;
  readonly segmentKind?: SegmentKind;
  readonly segmentBytes?: number;
}

const DEFAULT_FRAMES = 256;
const SUPER_FRAME_BYTES = 65_535;

export class MemoryPort implements Port {
  readonly facts: PortFacts;
  readonly counters = portCounters();
  readonly fileDescriptor = NONE;
  readonly arena: FrameArena;
  readonly #receiveSlots: FrameSlots;
  readonly #receiveQueue: FrameQueue;
  readonly #transmitSlots: FrameSlots;
  readonly #transmitQueue: FrameQueue;
  /** For the descriptor of one frame on its way between the far side and a queue. */
  readonly #one = new Burst();
  #isOpen = true;

  /** @param arena the port reserves its slots here; UvsError (CAPACITY_EXCEEDED) when it is too small */
  constructor(arena: FrameArena, options: MemoryPortOptions = {}) {
    const {
      name = 'memory',
      mtu = 1500,
      receiveFrames = DEFAULT_FRAMES,
      transmitFrames = DEFAULT_FRAMES,
      offloads = false,
    } = options;
    const mac = options.mac === undefined ? { high: 0, low: 0 } : parseMac(options.mac);
    assert(mac !== undefined, `"${options.mac}" is a MAC address`);
    this.facts = { name, mtu, macHigh: mac.high, macLow: mac.low, offloads };
    this.arena = arena;
    const packetBytes = offloads ? Math.max(mtu, SUPER_FRAME_BYTES) : mtu;
    this.#receiveSlots = new FrameSlots(arena, receiveFrames, packetBytes, name);
    this.#receiveQueue = new FrameQueue(receiveFrames);
    this.#transmitSlots = new FrameSlots(arena, transmitFrames, packetBytes, name);
    this.#transmitQueue = new FrameQueue(transmitFrames);
  }

  receive(burst: Burst): number {
    burst.count = 0;
    while (this.#isOpen && burst.count < BURST_FRAMES && this.#receiveQueue.count > 0) {
      this.#receiveQueue.peek(burst);
      this.#receiveQueue.drop();
    }
    this.counters.received += burst.count;
    return burst.count;
  }

  transmit(burst: Burst, index: number): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.output[i] === index && burst.at[i] !== TAKEN) this.#send(burst, i);
    }
  }

  release(burst: Burst): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.at[i] !== TAKEN) this.#receiveSlots.give(burst.at[i]!);
    }
  }

  close(): void {
    this.#isOpen = false;
  }

  /**
   * Far side: puts a frame on the wire. It waits until the engine receives it.
   * @returns false, and counts receiveMissed or frameTooLong, when no slot is free or the frame is longer than one
   */
  inject(bytes: Uint8Array, offload?: Offload): boolean {
    const one = this.#one;
    one.count = 0;
    one.push(0, bytes.length);
    assert(offload === undefined || this.facts.offloads, 'only a port opened with offloads is given an offload');
    one.checksum[0] = offload?.checksum ?? ChecksumState.complete;
    one.checksumStart[0] = offload?.checksumStart ?? 0;
    one.checksumOffset[0] = offload?.checksumOffset ?? 0;
    one.segmentKind[0] = offload?.segmentKind ?? SegmentKind.none;
    one.segmentBytes[0] = offload?.segmentBytes ?? 0;
    return this.#accept(bytes, one);
  }

  /** Far side: the oldest transmitted frame, a copy that the caller owns; undefined when there is none. */
  take(): Uint8Array | undefined {
    return this.takeWithOffload()?.bytes;
  }

  /** As `take`, with what the engine said of the frame besides. */
  takeWithOffload(): { readonly bytes: Uint8Array; readonly offload: Required<Offload> } | undefined {
    const one = this.#one;
    one.count = 0;
    if (!this.#isOpen || this.#transmitQueue.count === 0) return undefined;
    this.#transmitQueue.peek(one);
    const bytes = this.arena.bytes.slice(one.at[0]!, one.at[0]! + one.bytes[0]!);
    const offload = {
      checksum: one.checksum[0] as ChecksumState,
      checksumStart: one.checksumStart[0]!,
      checksumOffset: one.checksumOffset[0]!,
      segmentKind: one.segmentKind[0] as SegmentKind,
      segmentBytes: one.segmentBytes[0]!,
    };
    this.dropOldest();
    return { bytes, offload };
  }

  /** Far side: transmitted frames that nobody has taken yet. */
  get pending(): number {
    return this.#isOpen ? this.#transmitQueue.count : 0;
  }

  /** Far side: injected frames that the engine has not received yet. */
  get waiting(): number {
    return this.#isOpen ? this.#receiveQueue.count : 0;
  }

  /** Far side: where in `arena` the oldest transmitted frame lies; NONE when there is none. */
  get oldestAt(): number {
    return this.#isOpen ? this.#transmitQueue.oldestAt : NONE;
  }

  /** Far side: injects the oldest transmitted frame, which is kept, into another port. @returns as `inject`; false when there is none */
  copyOldestTo(other: MemoryPort): boolean {
    if (this.pending === 0) return false;
    const one = this.#one;
    one.count = 0;
    this.#transmitQueue.peek(one);
    return other.#accept(this.arena.bytes, one);
  }

  /** Far side: forgets the oldest transmitted frame, if there is one. */
  dropOldest(): void {
    if (this.pending === 0) return;
    this.#transmitSlots.give(this.#transmitQueue.oldestAt);
    this.#transmitQueue.drop();
  }

  #accept(source: Uint8Array, one: Burst): boolean {
    if (!this.#isOpen) return false;
    const bytes = one.bytes[0]!;
    if (bytes > this.#receiveSlots.frameBytes) {
      this.counters.frameTooLong++;
      return false;
    }
    const at = this.#receiveSlots.take();
    if (at === NONE) {
      this.counters.receiveMissed++;
      return false;
    }
    const from = one.at[0]!;
    if (source === this.arena.bytes) source.copyWithin(at, from, from + bytes);
    else this.arena.bytes.set(source.subarray(from, from + bytes), at);
    return this.#receiveQueue.push(one, 0, at);
  }

  #send(burst: Burst, i: number): void {
    const from = burst.at[i]!;
    const bytes = burst.bytes[i]!;
    if (bytes < ETHERNET_BYTES || !this.#canCarry(burst, i)) {
      this.counters.transmitFailed++;
      return;
    }
    const isSuperFrame = burst.segmentKind[i] !== SegmentKind.none;
    const fits = isSuperFrame ? bytes <= this.#transmitSlots.frameBytes : fitsMtu(this.arena.view, from, bytes, this.facts.mtu);
    if (!fits) {
      this.counters.frameTooLong++;
      return;
    }
    const at = this.#transmitSlots.take();
    if (at === NONE) {
      this.counters.transmitRingFull++;
      return;
    }
    this.arena.bytes.copyWithin(at, from, from + bytes);
    this.#transmitQueue.push(burst, i, at);
    this.counters.transmitted++;
  }

  /** A port without offloads has nobody behind it who would complete a checksum or cut a super-frame. */
  #canCarry(burst: Burst, i: number): boolean {
    return this.facts.offloads || (burst.checksum[i] !== ChecksumState.partial && burst.segmentKind[i] === SegmentKind.none);
  }
}
