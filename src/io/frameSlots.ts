// hot path

/**
 * Equal frame slots in the arena for ports that copy their frames in (memory, pcap, cap): a region and a stack of those that are free.
 *
 *     slot                                                      next slot
 *     |<-- HEADROOM -->|2|ethernet 14|IP header ...            |<--
 *                        ^ at: the IP header behind it lies on a multiple of 16
 *
 * The engine may move a frame's offset within its slot; `release` finds the slot by division.
 */
import { UvsError } from '../base/errors.ts';
import { NONE } from '../base/terms.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { HEADROOM } from './port.ts';

/** Bytes of an Ethernet header without tags. */
export const ETHERNET_BYTES = 14;

const VLAN_TAG_BYTES = 4;
const ETHER_TYPE = 12;
const ETHER_TYPE_VLAN = 0x8100;
const ETHER_TYPE_SERVICE_VLAN = 0x88a8;
/** Two bytes more than asked, so that the IP header is aligned. */
const FRAME_AT = HEADROOM + 2;
const SLOT_ALIGNMENT = 64;

/** Whether an interface of this MTU carries the frame; as in the kernel, one VLAN tag does not count. */
export function fitsMtu(v: DataView, at: number, bytes: number, mtu: number): boolean {
  if (bytes <= mtu + ETHERNET_BYTES) return true;
  if (bytes > mtu + ETHERNET_BYTES + VLAN_TAG_BYTES) return false;
  const type = v.getUint16(at + ETHER_TYPE);
  return type === ETHER_TYPE_VLAN || type === ETHER_TYPE_SERVICE_VLAN;
}

export class FrameSlots {
  /** How many there are. */
  readonly count: number;
  /** The longest frame that a slot takes, Ethernet header and one VLAN tag included. */
  readonly frameBytes: number;
  readonly #slotBytes: number;
  readonly #base: number;
  /** Stack of the free slots; those in use are above `#free`. */
  readonly #stack: Int32Array;
  readonly #inUse: Uint8Array;
  #free: number;

  /**
   * Reserves `count` slots for frames of packets of up to `packetBytes`.
   * @param owner name of the port, for the message of the UvsError (CAPACITY_EXCEEDED) when the arena is too small
   */
  constructor(arena: FrameArena, count: number, packetBytes: number, owner: string) {
    this.count = count;
    this.frameBytes = packetBytes + ETHERNET_BYTES + VLAN_TAG_BYTES;
    this.#slotBytes = Math.ceil((FRAME_AT + this.frameBytes) / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
    const needed = count * this.#slotBytes;
    this.#base = arena.reserve(needed, SLOT_ALIGNMENT);
    if (this.#base === NONE) {
      const message = `the frames of port ${owner} need ${needed} bytes of frame memory, ${arena.free} are free`;
      throw new UvsError('CAPACITY_EXCEEDED', message, {
        hint: 'Give the port fewer or shorter frames, or make the arena larger.',
      });
    }
    this.#stack = new Int32Array(count);
    for (let i = 0; i < count; i++) this.#stack[i] = count - 1 - i;
    this.#inUse = new Uint8Array(count);
    this.#free = count;
  }

  /** How many are free. */
  get free(): number {
    return this.#free;
  }

  /** @returns the offset at which a frame is to be written, HEADROOM in front of it; NONE when no slot is free */
  take(): number {
    if (this.#free === 0) return NONE;
    const slot = this.#stack[--this.#free]!;
    this.#inUse[slot] = 1;
    return this.#base + slot * this.#slotBytes + FRAME_AT;
  }

  /** Whether `at` lies in a slot that was taken from here. */
  owns(at: number): boolean {
    const slot = Math.floor((at - this.#base) / this.#slotBytes);
    return slot >= 0 && slot < this.count && this.#inUse[slot] === 1;
  }

  /** Frees the slot that `at` lies in. Offsets elsewhere and slots that are free already are left alone. */
  give(at: number): void {
    if (!this.owns(at)) return;
    const slot = Math.floor((at - this.#base) / this.#slotBytes);
    this.#inUse[slot] = 0;
    this.#stack[this.#free++] = slot;
  }
}
