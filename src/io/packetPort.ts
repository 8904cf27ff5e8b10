// hot path

/**
 * AF_PACKET: works on every Ethernet interface, and carries super-frames of 64 KB with partial checksums whole (GSO), which is what
 * makes bulk transfers on veth, virtio and bridges fast.
 *
 * Received frames lie in the kernel's own ring, mapped into the arena; one slot holds one frame:
 *
 *     | status, lengths | free: HEADROOM | virtio header 10 | frame ...       | next slot
 *     ^ int32 words                                         ^ at: tp_mac; the IP header behind it is 4-aligned
 *
 * Whose slot it is says the status word: 0 the kernel's, bit 0 ours to read, HELD given to the worker. The kernel stops at a slot that
 * is not 0, so a frame in the worker's hands is never overwritten. Transmission is one sendmmsg per burst from where frames lie.
 */
import { constants } from 'node:os';
import { assert } from '../base/assert.ts';
import { UvsError } from '../base/errors.ts';
import { BURST_FRAMES, ChecksumState, NONE } from '../base/terms.ts';
import { type Burst, SegmentKind, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { ETHERNET_BYTES, fitsMtu } from './frameSlots.ts';
import { ethernetFacts, type InterfaceFacts } from './interfaceFacts.ts';
import { asking, type NativeAddon, native } from './native.ts';
import { type Port, type PortCounters, type PortFacts, portCounters } from './port.ts';
import { headerBytes, readVirtioHeader, VIRTIO_HEADER_BYTES, writeVirtioHeader } from './virtioHeader.ts';
import { insertVlanTag, VLAN_TAG_BYTES } from './vlanTag.ts';

export interface PacketPortOptions {
  readonly interface: string;
  /** Slots of the receive ring, a multiple of 16; default 256. */
  readonly slots?: number;
  /** Room for super-frames, 68 KB per slot; default true. Without, turn GRO and the peer's TSO off, or they are lost. */
  readonly superFrames?: boolean;
  /** Receive nothing until KernelSelector.attachPacket has given the socket its filter; default false. */
  readonly dropUntilFiltered?: boolean;
  /** Takes the place of the kernel: for a port that only seems to be one. */
  readonly kernel?: PacketKernel;
}

/** What a port asks of the machine. */
export interface PacketKernel
  extends Pick<NativeAddon, 'pageBytes' | 'packetOpen' | 'packetSend' | 'packetStatistics' | 'packetFanout' | 'closeFd'> {
  readonly facts: InterfaceFacts;
}

const DEFAULT_SLOTS = 256;
const SLOTS_PER_BLOCK = 16;
/** A super-frame of 64 KB and all that lies in front of it; 16 of them fill whole pages of up to 64 KiB. */
const SUPER_SLOT_BYTES = 69_632;
const LARGEST_FRAME_BYTES = 65_535 + ETHERNET_BYTES + VLAN_TAG_BYTES;
const SMALLEST_SLOT_BYTES = 2048;
const SEND_BUFFER_BYTES = 64 << 20;
/** Makes tp_mac = 154: HEADROOM and a VLAN tag behind the 52 bytes of the kernel's header, and 168, the IP header, a multiple of 4. */
const RESERVE_BYTES = 78;
const FRAME_IN_SLOT = 154;

// struct tpacket2_hdr in int32 words; the last two hold two 16-bit fields each.
const STATUS = 0;
const FRAME_BYTES = 1;
const CAPTURED_BYTES = 2;
const MAC_AND_NET = 3;
const VLAN = 6;

const STATUS_KERNEL = 0;
const STATUS_USER = 1;
const STATUS_LOSING = 4;
const STATUS_VLAN_VALID = 16;
const STATUS_VLAN_TYPE_VALID = 64;
/** Ours: no bit of the kernel's, and not 0. */
const HELD = 1 << 24;

const { EAGAIN, ENOBUFS, ENETDOWN, ENXIO, ENODEV, EMSGSIZE } = constants.errno;

/** Bytes of arena that a port with these options takes, alignment included. */
export function packetPortBytes(options: Omit<PacketPortOptions, 'interface'> = {}, mtu = 1500): number {
  return (options.slots ?? DEFAULT_SLOTS) * slotBytes(options.superFrames ?? true, mtu) + native().pageBytes;
}

export class PacketPort implements Port {
  readonly facts: PortFacts;
  readonly interface: InterfaceFacts;
  readonly #native: Omit<PacketKernel, 'facts'>;
  readonly #arena: FrameArena;
  readonly #counters = portCounters();
  readonly #slots: number;
  readonly #slotBytes: number;
  readonly #ringAt: number;
  readonly #fd: number;
  /** Pairs (offset, bytes) for sendmmsg. */
  readonly #batch = new Int32Array(2 * BURST_FRAMES);
  readonly #fence = new Int32Array(1);
  /** The slot that the kernel fills next, as far as we know. */
  #next = 0;
  #isOpen = true;

  /**
   * Opens the interface, which must exist; it may be down.
   * @throws UvsError INTERFACE_UNKNOWN, INTERFACE_UNSUITABLE, NOT_ROOT, PORT_OPEN_FAILED, CAPACITY_EXCEEDED (arena too small)
   */
  constructor(arena: FrameArena, options: PacketPortOptions) {
    const { interface: name, slots = DEFAULT_SLOTS, superFrames = true, dropUntilFiltered = false } = options;
    assert(slots > 0 && slots % SLOTS_PER_BLOCK === 0, 'a packet ring has a multiple of 16 slots');
    this.#native = options.kernel ?? native();
    this.#arena = arena;
    this.interface = options.kernel?.facts ?? ethernetFacts(name);
    const { mtu, macHigh, macLow, index } = this.interface;
    this.facts = { name, mtu, macHigh, macLow, offloads: true };
    this.#slots = slots;
    this.#slotBytes = slotBytes(superFrames, mtu);
    this.#ringAt = arena.reserve(slots * this.#slotBytes, this.#native.pageBytes);
    if (this.#ringAt === NONE) throw arenaTooSmall(name, slots * this.#slotBytes, arena.free);
    this.#fd = asking(`AF_PACKET on ${name}`, () =>
      this.#native.packetOpen(arena.buffer, this.#ringAt, {
        interfaceIndex: index,
        slotBytes: this.#slotBytes,
        slots,
        slotsPerBlock: SLOTS_PER_BLOCK,
        reserveBytes: RESERVE_BYTES,
        vnetHeader: true,
        dropAll: dropUntilFiltered,
        sendBufferBytes: SEND_BUFFER_BYTES,
      }),
    );
  }

  get fileDescriptor(): number {
    return this.#isOpen ? this.#fd : NONE;
  }

  /** Asks the kernel for what it lost: not for every burst. */
  get counters(): PortCounters {
    if (this.#isOpen) this.#counters.receiveMissed += this.#native.packetStatistics(this.#fd);
    return this.#counters;
  }

  /**
   * Shares the frames of the interface with other sockets: each frame goes to one. Before the first frame, so with `dropUntilFiltered`.
   * @param group of the socket that came first; NONE for itself
   * @param program file descriptor of bpf/fanout.ts
   * @returns the group
   * @throws UvsError PORT_OPEN_FAILED
   */
  joinGroup(group: number, program: number): number {
    return asking(`AF_PACKET on ${this.facts.name}`, () => this.#native.packetFanout(this.#fd, group, program));
  }

  receive(burst: Burst): number {
    burst.count = 0;
    if (!this.#isOpen) return 0;
    const words = this.#arena.words;
    const waiting = countWaiting(words, this.#ringAt, this.#slotBytes, this.#slots, this.#next);
    if (waiting === 0) return 0;
    // Status words first, then what they guard: on a processor that reorders loads this is where the order is made.
    Atomics.load(this.#fence, 0);
    let statuses = 0;
    for (let i = 0; i < waiting; i++) {
      const slotAt = this.#ringAt + this.#next * this.#slotBytes;
      statuses |= words[(slotAt >> 2) + STATUS]!;
      this.#next = this.#next + 1 === this.#slots ? 0 : this.#next + 1;
      this.#take(burst, slotAt);
    }
    this.#counters.received += burst.count;
    if ((statuses & STATUS_LOSING) !== 0) this.#counters.receiveMissed += this.#native.packetStatistics(this.#fd);
    return burst.count;
  }

  transmit(burst: Burst, index: number): void {
    if (!this.#isOpen) return;
    const v = this.#arena.view;
    let count = 0;
    for (let i = 0; i < burst.count; i++) {
      const at = burst.at[i]!;
      if (burst.output[i] !== index || at === TAKEN || !this.#canSend(burst, i)) continue;
      writeVirtioHeader(v, at - VIRTIO_HEADER_BYTES, burst, i, 0);
      this.#batch[2 * count] = at - VIRTIO_HEADER_BYTES;
      this.#batch[2 * count + 1] = burst.bytes[i]! + VIRTIO_HEADER_BYTES;
      count++;
    }
    if (count > 0) this.#send(count);
  }

  release(burst: Burst): void {
    if (!this.#isOpen) return;
    // All reads of the frames come before the kernel may write there again.
    Atomics.add(this.#fence, 0, 1);
    const end = this.#ringAt + this.#slots * this.#slotBytes;
    for (let i = 0; i < burst.count; i++) {
      const at = burst.at[i]!;
      if (at < this.#ringAt || at >= end) continue;
      const slot = Math.floor((at - this.#ringAt) / this.#slotBytes);
      const status = ((this.#ringAt + slot * this.#slotBytes) >> 2) + STATUS;
      if (this.#arena.words[status] === HELD) this.#arena.words[status] = STATUS_KERNEL;
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    void this.counters;
    this.#isOpen = false;
    this.#native.closeFd(this.#fd);
  }

  /** Puts the frame of one slot into the burst; one that was cut off goes straight back. */
  #take(burst: Burst, slotAt: number): void {
    const words = this.#arena.words;
    const word = slotAt >> 2;
    const bytes = words[word + FRAME_BYTES]!;
    if (words[word + CAPTURED_BYTES]! < bytes) {
      this.#counters.frameTooLong++;
      words[word + STATUS] = STATUS_KERNEL;
      return;
    }
    const status = words[word + STATUS]!;
    const at = slotAt + (words[word + MAC_AND_NET]! & 0xffff);
    const i = burst.push(at, bytes);
    readVirtioHeader(this.#arena.view, at - VIRTIO_HEADER_BYTES, burst, i, 0);
    if ((status & STATUS_VLAN_VALID) !== 0) {
      const type = (status & STATUS_VLAN_TYPE_VALID) !== 0 ? words[word + VLAN]! >>> 16 : 0x8100;
      insertVlanTag(this.#arena.bytes, burst, i, type, words[word + VLAN]! & 0xffff);
    }
    words[word + STATUS] = HELD;
  }

  /** Counts the frame when it cannot go. */
  #canSend(burst: Burst, i: number): boolean {
    const bytes = burst.bytes[i]!;
    if (bytes < ETHERNET_BYTES) {
      this.#counters.transmitFailed++;
      return false;
    }
    if (burst.segmentKind[i] === SegmentKind.none ? this.#fits(burst, i) : this.#superFrameFits(burst, i)) return true;
    this.#counters.frameTooLong++;
    return false;
  }

  #fits(burst: Burst, i: number): boolean {
    return fitsMtu(this.#arena.view, burst.at[i]!, burst.bytes[i]!, this.facts.mtu);
  }

  /** Each segment must fit the interface; the whole is cut by the kernel or the hardware. */
  #superFrameFits(burst: Burst, i: number): boolean {
    if (burst.bytes[i]! > LARGEST_FRAME_BYTES) return false;
    if (burst.checksum[i] !== ChecksumState.partial) return true;
    const segment = headerBytes(this.#arena.view, burst, i) + burst.segmentBytes[i]!;
    return segment <= this.facts.mtu + ETHERNET_BYTES + VLAN_TAG_BYTES;
  }

  /** Each round sends at least one frame or gives one up, so there are at most `count`. */
  #send(count: number): void {
    const counters = this.#counters;
    for (let from = 0; from < count; ) {
      const sent = this.#native.packetSend(this.#fd, this.#arena.buffer, this.#batch, from, count);
      if (sent > 0) {
        counters.transmitted += sent;
        from += sent;
      } else if (-sent === EAGAIN || -sent === ENOBUFS) {
        counters.transmitRingFull += count - from;
        return;
      } else if (-sent === ENETDOWN || -sent === ENXIO || -sent === ENODEV) {
        counters.transmitFailed += count - from;
        return;
      } else {
        if (-sent === EMSGSIZE) counters.frameTooLong++;
        else counters.transmitFailed++;
        from++;
      }
    }
  }
}

/** How many slots from `next` on the kernel has filled, at most a burst. */
function countWaiting(words: Int32Array, ringAt: number, slotBytes: number, slots: number, next: number): number {
  const most = Math.min(BURST_FRAMES, slots);
  let slot = next;
  for (let i = 0; i < most; i++) {
    if ((words[((ringAt + slot * slotBytes) >> 2) + STATUS]! & STATUS_USER) === 0) return i;
    slot = slot + 1 === slots ? 0 : slot + 1;
  }
  return most;
}

function slotBytes(superFrames: boolean, mtu: number): number {
  if (superFrames) return SUPER_SLOT_BYTES;
  const needed = FRAME_IN_SLOT + mtu + ETHERNET_BYTES + VLAN_TAG_BYTES;
  // 16 slots of a power of two from 4096 on fill pages of 64 KiB; of 2048, pages of up to 32 KiB.
  return Math.max(SMALLEST_SLOT_BYTES, 2 ** Math.ceil(Math.log2(needed)));
}

function arenaTooSmall(name: string, needed: number, free: number): UvsError {
  const message = `the receive ring of ${name} needs ${needed} bytes of frame memory, ${free} are free`;
  return new UvsError('CAPACITY_EXCEEDED', message, { hint: 'Give the port fewer slots, or make the arena larger.' });
}
