// hot path

/**
 * TPACKET_V2 receive ring of an AF_PACKET socket: kernel memory, mapped into the arena. A slot holds one frame of ordinary length, or
 * the beginning of a longer one that waits whole in the socket's queue (longFrames.ts), so the order of all frames is that of the slots:
 *
 *     | status, lengths | free: HEADROOM | virtio header 10 | frame ...       | next slot
 *     ^ int32 words                                         ^ at: tp_mac; the IP header behind it is 4-aligned
 *
 * Whose slot it is says the status word: 0 the kernel's, bit 0 ours to read, HELD given to the worker. The kernel stops at a slot that
 * is not 0, so a frame in the worker's hands is never overwritten.
 *
 * Slots are an odd number of sixteenths of a page long. Were they a power of two, the first lines of all of them would compete for a few
 * sets of the processor's caches.
 */
import { BURST_FRAMES } from '../base/terms.ts';
import type { FrameArena } from '../memory/frameArena.ts';

/** The kernel takes memory for so many slots at a time, whole pages. */
export const SLOTS_PER_BLOCK = 16;
/** Makes tp_mac = 154: HEADROOM and a VLAN tag behind the 52 bytes of the kernel's header, and 168, the IP header, a multiple of 4. */
export const RESERVE_BYTES = 78;
const FRAME_IN_SLOT = 154;

// struct tpacket2_hdr in int32 words; the last two hold two 16-bit fields each.
const STATUS = 0;
const FRAME_BYTES = 1;
const CAPTURED_BYTES = 2;
const MAC_AND_NET = 3;
const VLAN = 6;

const STATUS_KERNEL = 0;
const STATUS_USER = 1;
const STATUS_COPY = 2;
const STATUS_LOSING = 4;
const STATUS_VLAN_VALID = 16;
const STATUS_VLAN_TYPE_VALID = 64;
/** Ours: no bit of the kernel's, and not 0. */
const HELD = 1 << 24;
const DEFAULT_TAG_TYPE = 0x8100;

/** Bytes of a slot for frames of up to `frameBytes`. */
export function slotBytesFor(frameBytes: number, pageBytes: number): number {
  const step = pageBytes / SLOTS_PER_BLOCK;
  return (Math.ceil((FRAME_IN_SLOT + frameBytes) / step) | 1) * step;
}

/** Slots are named by their byte offset in the arena. */
export class PacketRing {
  /** Frames that wait, as `look` found them, and how many of them are long. */
  waiting = 0;
  longWaiting = 0;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #end: number;
  readonly #slotBytes: number;
  readonly #slots: number;
  readonly #fence = new Int32Array(1);
  /** The slot that the kernel fills next, as far as we know. */
  #nextAt: number;

  constructor(arena: FrameArena, at: number, slots: number, slotBytes: number) {
    this.#words = arena.words;
    this.#at = at;
    this.#end = at + slots * slotBytes;
    this.#slotBytes = slotBytes;
    this.#slots = slots;
    this.#nextAt = at;
  }

  /** Sets `waiting`: how many slots the kernel has filled, at most a burst; it stops before long frame `mostLong + 1`. */
  look(mostLong: number): void {
    const words = this.#words;
    const most = Math.min(BURST_FRAMES, this.#slots);
    let slotAt = this.#nextAt;
    let long = 0;
    let i = 0;
    for (; i < most; i++) {
      const status = words[(slotAt >> 2) + STATUS]!;
      if ((status & STATUS_USER) === 0) break;
      if ((status & STATUS_COPY) !== 0) {
        if (long === mostLong) break;
        long++;
      }
      slotAt = this.#after(slotAt);
    }
    this.waiting = i;
    this.longWaiting = long;
    // Status words first, then what they guard: on a processor that reorders loads this is where the order is made.
    if (i > 0) Atomics.load(this.#fence, 0);
  }

  /** @returns the oldest waiting slot, which is then for `hold` or `give` */
  shift(): number {
    const slotAt = this.#nextAt;
    this.#nextAt = this.#after(slotAt);
    return slotAt;
  }

  isLong(slotAt: number): boolean {
    return (this.#words[(slotAt >> 2) + STATUS]! & STATUS_COPY) !== 0;
  }

  /** Whether the kernel has lost frames since it was last asked for its statistics. */
  isLosing(slotAt: number): boolean {
    return (this.#words[(slotAt >> 2) + STATUS]! & STATUS_LOSING) !== 0;
  }

  frameAt(slotAt: number): number {
    return slotAt + (this.#words[(slotAt >> 2) + MAC_AND_NET]! & 0xffff);
  }

  frameBytes(slotAt: number): number {
    return this.#words[(slotAt >> 2) + FRAME_BYTES]!;
  }

  /** How many of them are in the slot. */
  capturedBytes(slotAt: number): number {
    return this.#words[(slotAt >> 2) + CAPTURED_BYTES]!;
  }

  /** The VLAN tag that the kernel took out of the frame, as it was on the wire: type in the upper half; 0 = none. */
  vlanTag(slotAt: number): number {
    const status = this.#words[(slotAt >> 2) + STATUS]!;
    if ((status & STATUS_VLAN_VALID) === 0) return 0;
    const tag = this.#words[(slotAt >> 2) + VLAN]!;
    return (status & STATUS_VLAN_TYPE_VALID) !== 0 ? tag : (DEFAULT_TAG_TYPE << 16) | (tag & 0xffff);
  }

  /** The frame in this slot is the worker's, until `release`. */
  hold(slotAt: number): void {
    this.#words[(slotAt >> 2) + STATUS] = HELD;
  }

  /** The slot is the kernel's again. */
  give(slotAt: number): void {
    this.#words[(slotAt >> 2) + STATUS] = STATUS_KERNEL;
  }

  /** To be called before frames are released. */
  beginRelease(): void {
    // All reads of the frames come before the kernel may write there again.
    Atomics.add(this.#fence, 0, 1);
  }

  /** Gives back the slot that `at` lies in, if the worker holds it. @returns false when `at` is not in the ring */
  release(at: number): boolean {
    if (at < this.#at || at >= this.#end) return false;
    const slotAt = this.#at + Math.floor((at - this.#at) / this.#slotBytes) * this.#slotBytes;
    if (this.#words[(slotAt >> 2) + STATUS] === HELD) this.give(slotAt);
    return true;
  }

  #after(slotAt: number): number {
    const next = slotAt + this.#slotBytes;
    return next === this.#end ? this.#at : next;
  }
}
