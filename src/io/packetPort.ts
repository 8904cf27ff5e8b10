// hot path

/**
 * AF_PACKET: works on every Ethernet interface, and carries super-frames of 64 KB with partial checksums whole (GSO), which is what
 * makes bulk transfers on veth, virtio and bridges fast.
 *
 * Received frames lie in the kernel's own ring, mapped into the arena (packetRing.ts); super-frames, which would make its slots 68 KB
 * long, come through the socket's queue (longFrames.ts). Transmission is one sendmmsg per burst from where frames lie, with a
 * virtio header just in front of each.
 */
import { constants } from 'node:os';
import { assert } from '../base/assert.ts';
import { UvsError } from '../base/errors.ts';
import { BURST_FRAMES, ChecksumState, NONE } from '../base/terms.ts';
import { type Burst, SegmentKind, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { ETHERNET_BYTES, fitsMtu } from './frameSlots.ts';
import { ethernetFacts, type InterfaceFacts } from './interfaceFacts.ts';
import { LONG_QUEUE_BYTES, LongFrames } from './longFrames.ts';
import { asking, type NativeAddon, native } from './native.ts';
import { PacketRing, RESERVE_BYTES, SLOTS_PER_BLOCK, slotBytesFor } from './packetRing.ts';
import { type Port, type PortCounters, type PortFacts, portCounters } from './port.ts';
import { headerBytes, readVirtioHeader, VIRTIO_HEADER_BYTES, writeVirtioHeader } from './virtioHeader.ts';
import { insertVlanTag, VLAN_TAG_BYTES } from './vlanTag.ts';

export interface PacketPortOptions {
  readonly interface: string;
  /** Slots of the receive ring, a multiple of 16; default 256. */
  readonly slots?: number;
  /** Receives super-frames; default true. Without, turn GRO and the peer's TSO off, or they are lost. */
  readonly superFrames?: boolean;
  /** Receive nothing until KernelSelector.attachPacket has given the socket its filter; default false. */
  readonly dropUntilFiltered?: boolean;
  /** Takes the place of the kernel: for a port that only seems to be one. */
  readonly kernel?: PacketKernel;
}

/** What a port asks of the machine. */
export interface PacketKernel
  extends Pick<
    NativeAddon,
    'pageBytes' | 'packetOpen' | 'packetSend' | 'packetReceive' | 'packetStatistics' | 'packetFanout' | 'closeFd'
  > {
  readonly facts: InterfaceFacts;
}

const DEFAULT_SLOTS = 256;
const LARGEST_FRAME_BYTES = 65_535 + ETHERNET_BYTES + VLAN_TAG_BYTES;
const SEND_BUFFER_BYTES = 64 << 20;

const { EAGAIN, ENOBUFS, ENETDOWN, ENXIO, ENODEV, EMSGSIZE } = constants.errno;

export class PacketPort implements Port {
  readonly facts: PortFacts;
  readonly interface: InterfaceFacts;
  readonly #native: Omit<PacketKernel, 'facts'>;
  readonly #arena: FrameArena;
  readonly #counters = portCounters();
  readonly #ring: PacketRing;
  readonly #long: LongFrames | undefined;
  readonly #fd: number;
  /** Pairs (offset, bytes) for sendmmsg. */
  readonly #batch = new Int32Array(2 * BURST_FRAMES);
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
    const slotBytes = slotBytesFor(mtu + ETHERNET_BYTES + VLAN_TAG_BYTES, this.#native.pageBytes);
    const ringAt = arena.reserve(slots * slotBytes, this.#native.pageBytes);
    if (ringAt === NONE) throw arenaTooSmall(name, slots * slotBytes, arena.free);
    this.#ring = new PacketRing(arena, ringAt, slots, slotBytes);
    this.#long = superFrames ? new LongFrames(this.#native, arena, name) : undefined;
    this.#fd = asking(`AF_PACKET on ${name}`, () =>
      this.#native.packetOpen(arena.buffer, ringAt, {
        interfaceIndex: index,
        slotBytes,
        slots,
        slotsPerBlock: SLOTS_PER_BLOCK,
        reserveBytes: RESERVE_BYTES,
        vnetHeader: true,
        dropAll: dropUntilFiltered,
        sendBufferBytes: SEND_BUFFER_BYTES,
        receiveBufferBytes: superFrames ? LONG_QUEUE_BYTES : 0,
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
    const ring = this.#ring;
    const long = this.#long;
    ring.look(long === undefined ? 0 : long.room);
    const { waiting, longWaiting } = ring;
    const fetched = longWaiting === 0 ? 0 : long!.fetch(this.#fd, longWaiting);
    let longSeen = 0;
    let isLosing = false;
    for (let i = 0; i < waiting; i++) {
      const slotAt = ring.shift();
      isLosing ||= ring.isLosing(slotAt);
      if (ring.isLong(slotAt)) this.#takeLong(burst, slotAt, longSeen++, fetched);
      else this.#take(burst, slotAt);
    }
    this.#counters.received += burst.count;
    if (isLosing) this.#counters.receiveMissed += this.#native.packetStatistics(this.#fd);
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
    this.#ring.beginRelease();
    for (let i = 0; i < burst.count; i++) {
      const at = burst.at[i]!;
      if (!this.#ring.release(at)) this.#long?.give(at);
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
    const ring = this.#ring;
    const bytes = ring.frameBytes(slotAt);
    if (ring.capturedBytes(slotAt) < bytes) {
      // With a queue for long frames, one that is cut off found the queue full.
      if (this.#long === undefined) this.#counters.frameTooLong++;
      else this.#counters.receiveMissed++;
      ring.give(slotAt);
      return;
    }
    this.#push(burst, ring.frameAt(slotAt), bytes, ring.vlanTag(slotAt));
    ring.hold(slotAt);
  }

  /** The same for long frame `k` of the `fetched` ones, of which the slot has the beginning. */
  #takeLong(burst: Burst, slotAt: number, k: number, fetched: number): void {
    const long = this.#long!;
    const tag = this.#ring.vlanTag(slotAt);
    this.#ring.give(slotAt);
    if (k >= fetched) {
      this.#counters.receiveMissed++;
    } else if (long.bytes(k) > long.frameBytes) {
      this.#counters.frameTooLong++;
      long.give(long.at(k));
    } else {
      this.#push(burst, long.at(k), long.bytes(k), tag);
    }
  }

  #push(burst: Burst, at: number, bytes: number, tag: number): void {
    const i = burst.push(at, bytes);
    readVirtioHeader(this.#arena.view, at - VIRTIO_HEADER_BYTES, burst, i, 0);
    if (tag !== 0) insertVlanTag(this.#arena.bytes, burst, i, tag >>> 16, tag & 0xffff);
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

function arenaTooSmall(name: string, needed: number, free: number): UvsError {
  const message = `the receive ring of ${name} needs ${needed} bytes of frame memory, ${free} are free`;
  return new UvsError('CAPACITY_EXCEEDED', message, { hint: 'Give the port fewer slots, or make the arena larger.' });
}
