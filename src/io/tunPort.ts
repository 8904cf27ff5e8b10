// hot path

/**
 * TUN and TAP devices: a way into the host's own stack (frames that the engine punts), and an engine that needs no hardware.
 *
 * A TUN device carries IP packets without link header. Received ones get an Ethernet header of zero addresses; on transmission the
 * virtio header is laid over the Ethernet header, whose end is where the packet begins:
 *
 *     frame      | destination 6, source 6, type 2 | IP ...        virtio header | IP ...
 *     at         ^                                                 ^ at + 4
 */
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { BURST_FRAMES, NONE } from '../base/terms.ts';
import { type Burst, SegmentKind, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { ETHERNET_BYTES, FrameSlots, fitsMtu } from './frameSlots.ts';
import { type InterfaceFacts, interfaceFacts } from './interfaceFacts.ts';
import { asking, type NativeAddon, native } from './native.ts';
import { type Port, type PortFacts, portCounters } from './port.ts';
import { readVirtioHeader, VIRTIO_HEADER_BYTES, writeVirtioHeader } from './virtioHeader.ts';
import { VLAN_TAG_BYTES } from './vlanTag.ts';

export interface TunPortOptions {
  /** Name of the device, which is made when there is none of that name; `uvs%d` lets the kernel number it. */
  readonly name: string;
  /** Ethernet frames (TAP) instead of IP packets; default false. */
  readonly tap?: boolean;
  /** Default 1500. */
  readonly mtu?: number;
  /** Frames in the engine's hands at most, at least 128; default 256. */
  readonly frames?: number;
  /** The kernel may hand over super-frames and partial checksums; slots are then 64 KB. Default false. It always takes them. */
  readonly receiveOffloads?: boolean;
  /** Several ports may open the device, one queue each; all of them must say so. Default false. */
  readonly multiQueue?: boolean;
  /** The device is up already: another port of it has been opened. Default false. */
  readonly joins?: boolean;
  /** IPv4 address of the device, int32 in host order; default none. */
  readonly address?: number;
  /** Takes the place of the kernel: for a port that only seems to be one. */
  readonly kernel?: TunKernel;
}

/** What a port asks of the machine. */
export interface TunKernel extends Pick<NativeAddon, 'tunOpen' | 'tunSteer' | 'tunRead' | 'tunWrite' | 'closeFd'> {
  readonly facts: InterfaceFacts;
}

const DEFAULT_FRAMES = 256;
const SUPER_PACKET_BYTES = 65_535;
const ETHER_TYPE = 12;
const ETHER_TYPE_IPV4 = 0x0800;
const ETHER_TYPE_IPV6 = 0x86dd;

const { EAGAIN, ENOBUFS } = constants.errno;
/** File descriptor in bad state: the device was deleted. Node does not name it. */
const EBADFD = 77;

export class TunPort implements Port {
  readonly facts: PortFacts;
  readonly interface: InterfaceFacts;
  readonly counters = portCounters();
  readonly #native: Omit<TunKernel, 'facts'>;
  readonly #arena: FrameArena;
  readonly #slots: FrameSlots;
  readonly #fd: number;
  readonly #isTap: boolean;
  /** Where what we read or write begins, from the frame's first byte. */
  readonly #headerShift: number;
  readonly #linkBytes: number;
  readonly #room: number;
  /** Pairs (offset, room) of slots that the next read fills; the first `#prepared` are set. */
  readonly #reads = new Int32Array(2 * BURST_FRAMES);
  readonly #writes = new Int32Array(2 * BURST_FRAMES);
  #prepared = 0;
  #isOpen = true;

  /** Makes the device and brings it up. @throws UvsError NOT_ROOT, PORT_OPEN_FAILED, CAPACITY_EXCEEDED (arena too small) */
  constructor(arena: FrameArena, options: TunPortOptions) {
    const { name, tap = false, mtu = 1500, frames = DEFAULT_FRAMES, receiveOffloads = false, multiQueue = false } = options;
    this.#native = options.kernel ?? native();
    this.#arena = arena;
    this.#isTap = tap;
    this.#linkBytes = tap ? 0 : ETHERNET_BYTES;
    this.#headerShift = this.#linkBytes - VIRTIO_HEADER_BYTES;
    // Each slot ends, and the first begins, with room for a virtio header: a frame that has used up its headroom has one too.
    arena.reserve(VIRTIO_HEADER_BYTES);
    const packetBytes = receiveOffloads ? SUPER_PACKET_BYTES : mtu;
    this.#slots = new FrameSlots(arena, frames, packetBytes + VIRTIO_HEADER_BYTES, name);
    this.#room = packetBytes + ETHERNET_BYTES + VLAN_TAG_BYTES - this.#headerShift;
    const opened = asking(`${tap ? 'TAP' : 'TUN'} device ${name}`, () =>
      this.#native.tunOpen(name, { tap, vnetHeader: true, multiQueue, receiveOffloads }),
    );
    this.#fd = opened.fd;
    try {
      this.interface = options.kernel?.facts ?? openedDevice(opened.name, mtu, options);
    } catch (error) {
      this.#native.closeFd(this.#fd);
      throw error;
    }
    const { macHigh, macLow } = this.interface;
    this.facts = { name: opened.name, mtu, macHigh: tap ? macHigh : 0, macLow: tap ? macLow : 0, offloads: true };
  }

  get fileDescriptor(): number {
    return this.#isOpen ? this.#fd : NONE;
  }

  /**
   * Chooses the queue of a device that has several, for each packet that the host sends into it.
   * @param program file descriptor of bpf/fanout.ts
   */
  steer(program: number): void {
    asking(`TUN device ${this.facts.name}`, () => this.#native.tunSteer(this.#fd, program));
  }

  receive(burst: Burst): number {
    burst.count = 0;
    if (!this.#isOpen) return 0;
    this.#prepare();
    const got = this.#native.tunRead(this.#fd, this.#arena.buffer, this.#reads, 0, this.#prepared);
    if (got <= 0) return 0;
    for (let i = 0; i < got; i++) this.#take(burst, this.#reads[2 * i]!, this.#reads[2 * i + 1]!);
    this.#reads.copyWithin(0, 2 * got, 2 * this.#prepared);
    this.#prepared -= got;
    this.counters.received += burst.count;
    return burst.count;
  }

  transmit(burst: Burst, index: number): void {
    if (!this.#isOpen) return;
    const v = this.#arena.view;
    let count = 0;
    for (let i = 0; i < burst.count; i++) {
      if (burst.output[i] !== index || burst.at[i] === TAKEN || !this.#canSend(burst, i)) continue;
      const at = burst.at[i]! + this.#headerShift;
      writeVirtioHeader(v, at, burst, i, this.#linkBytes);
      this.#writes[2 * count] = at;
      this.#writes[2 * count + 1] = burst.bytes[i]! - this.#headerShift;
      count++;
    }
    if (count > 0) this.#send(count);
  }

  release(burst: Burst): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.at[i] !== TAKEN) this.#slots.give(burst.at[i]!);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#native.closeFd(this.#fd);
  }

  /** Has a slot ready for each frame of a burst, as far as there are free ones. */
  #prepare(): void {
    while (this.#prepared < BURST_FRAMES) {
      const at = this.#slots.take();
      if (at === NONE) return;
      this.#reads[2 * this.#prepared] = at + this.#headerShift;
      this.#reads[2 * this.#prepared + 1] = this.#room;
      this.#prepared++;
    }
  }

  #take(burst: Burst, headerAt: number, got: number): void {
    const v = this.#arena.view;
    const at = headerAt - this.#headerShift;
    const bytes = got + this.#headerShift;
    // A read is cut off at the room of its slot, and says so only by filling it.
    if (got >= this.#room || bytes <= this.#linkBytes) {
      this.counters.frameTooLong++;
      this.#slots.give(at);
      return;
    }
    const i = burst.push(at, bytes);
    readVirtioHeader(v, headerAt, burst, i, this.#linkBytes);
    if (this.#isTap) return;
    const isIpv6 = v.getUint8(at + ETHERNET_BYTES) >> 4 === 6;
    v.setInt32(at, 0);
    v.setInt32(at + 4, 0);
    v.setInt32(at + 8, 0);
    v.setUint16(at + ETHER_TYPE, isIpv6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4);
  }

  /** Counts the frame when it cannot go. */
  #canSend(burst: Burst, i: number): boolean {
    const v = this.#arena.view;
    const at = burst.at[i]!;
    const bytes = burst.bytes[i]!;
    if (bytes < ETHERNET_BYTES || (!this.#isTap && !isIp(v, at, bytes))) {
      this.counters.transmitFailed++;
      return false;
    }
    const isSuperFrame = burst.segmentKind[i] !== SegmentKind.none;
    const fits = isSuperFrame
      ? bytes <= SUPER_PACKET_BYTES + ETHERNET_BYTES + VLAN_TAG_BYTES
      : fitsMtu(v, at, bytes, this.facts.mtu);
    if (!fits) this.counters.frameTooLong++;
    return fits;
  }

  /** Each round sends at least one frame or gives one up, so there are at most `count`. */
  #send(count: number): void {
    for (let from = 0; from < count; ) {
      const sent = this.#native.tunWrite(this.#fd, this.#arena.buffer, this.#writes, from, count);
      if (sent > 0) {
        this.counters.transmitted += sent;
        from += sent;
      } else if (-sent === EAGAIN || -sent === ENOBUFS) {
        this.counters.transmitRingFull += count - from;
        return;
      } else if (-sent === EBADFD) {
        this.counters.transmitFailed += count - from;
        return;
      } else {
        this.counters.transmitFailed++;
        from++;
      }
    }
  }
}

function isIp(v: DataView, at: number, bytes: number): boolean {
  const type = v.getUint16(at + ETHER_TYPE);
  return bytes > ETHERNET_BYTES && (type === ETHER_TYPE_IPV4 || type === ETHER_TYPE_IPV6);
}

function openedDevice(name: string, mtu: number, { joins = false, address }: TunPortOptions): InterfaceFacts {
  return joins ? interfaceFacts(name) : bringUp(name, mtu, address);
}

function bringUp(name: string, mtu: number, address: number | undefined): InterfaceFacts {
  // No link-local address, so no router solicitations into the engine; and what was punted came by another interface, so its
  // source is not expected here: loose reverse-path check, which the kernel grants only to devices with an address (RFC 7600: the
  // dummy one, which nobody else has). Where /proc is read-only the device still works.
  setKernelOption(`ipv6/conf/${name}/addr_gen_mode`, '1');
  setKernelOption(`ipv4/conf/${name}/rp_filter`, '2');
  asking(`interface ${name}`, () => native().setInterfaceMtu(name, mtu));
  if (address !== undefined) asking(`interface ${name}`, () => native().setInterfaceAddress(name, address));
  asking(`interface ${name}`, () => native().setInterfaceUp(name, true));
  return interfaceFacts(name);
}

function setKernelOption(path: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/net/${path}`, value);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
