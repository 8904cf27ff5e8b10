// hot path

/**
 * AF_XDP: frames by descriptor through four rings, for many small packets. The XDP program that picks frames for the socket is
 * KernelSelector's: after opening, `selector.registerSocket(port.interface.index, port.queue, port.fileDescriptor)`.
 *
 *     memory.take -> fill ring -> kernel -> receive ring -> worker -> transmit ring -> kernel -> completion ring -> memory.free
 *                                                              \---- release -----------------------------------/
 *
 * How many frames are in each half is bounded per port (RECEIVE_FRAMES, TRANSMIT_FRAMES), so ports that share a memory of
 * XDP_PORT_CHUNKS each cannot starve one another. The kernel says nothing of checksums: they are unknown.
 */
import { constants } from 'node:os';
import { UvsError } from '../base/errors.ts';
import { BURST_FRAMES, ChecksumState, NONE } from '../base/terms.ts';
import { type Burst, TAKEN } from '../memory/burst.ts';
import { ETHERNET_BYTES, fitsMtu } from './frameSlots.ts';
import { ethernetFacts, type InterfaceFacts } from './interfaceFacts.ts';
import { type NativeAddon, native } from './native.ts';
import { completeChecksum } from './partialChecksum.ts';
import { type Port, type PortCounters, type PortFacts, portCounters } from './port.ts';
import { VLAN_TAG_BYTES } from './vlanTag.ts';
import { CHUNK_FRAME_BYTES, FRAME_IN_CHUNK, RECEIVE_FRAMES, TRANSMIT_FRAMES, type XdpMemory } from './xdpMemory.ts';
import { XdpRing } from './xdpRing.ts';
import { openXdpSocket } from './xdpSocket.ts';

export interface XdpPortOptions {
  readonly interface: string;
  /** Receive queue; needed when the interface has several, for a port serves one. */
  readonly queue?: number;
  /** Takes the place of the kernel: for a port that only seems to be one. */
  readonly kernel?: XdpKernel;
}

/** What a port asks of the machine. */
export interface XdpKernel
  extends Pick<NativeAddon, 'pageBytes' | 'xdpOpen' | 'xdpKick' | 'xdpWake' | 'xdpStatistics' | 'checksum' | 'closeFd'> {
  readonly facts: InterfaceFacts;
}

/** The kernel sends 2^5 frames per call in copy mode. */
const KICK_SHIFT = 5;
const LAST_OF_KICK = (1 << KICK_SHIFT) - 1;

const { ENETDOWN, ENXIO, ENODEV } = constants.errno;

export class XdpPort implements Port {
  readonly facts: PortFacts;
  readonly interface: InterfaceFacts;
  readonly queue: number;
  readonly #native: Omit<XdpKernel, 'facts'>;
  readonly #memory: XdpMemory;
  readonly #counters = portCounters();
  readonly #fd: number;
  /** Our number in the memory. */
  readonly #id: number;
  readonly #receive: XdpRing;
  readonly #transmit: XdpRing;
  readonly #fill: XdpRing;
  readonly #completion: XdpRing;
  /** Frames between `memory.take` and the receive ring's far end; between the transmit ring and its completion. */
  #receiving = 0;
  #transmitting = 0;
  #isOpen = true;

  /** @throws UvsError INTERFACE_UNKNOWN, INTERFACE_UNSUITABLE, NOT_ROOT, PORT_OPEN_FAILED, CAPACITY_EXCEEDED (arena too small) */
  constructor(memory: XdpMemory, options: XdpPortOptions) {
    this.#native = options.kernel ?? native();
    this.#memory = memory;
    this.interface = suitable(options.kernel?.facts ?? ethernetFacts(options.interface), options.queue);
    this.queue = options.queue ?? 0;
    const { name, mtu, macHigh, macLow } = this.interface;
    this.facts = { name, mtu, macHigh, macLow, offloads: false };
    const socket = openXdpSocket(memory, this.interface, this.queue, this.#native);
    this.#fd = socket.fd;
    this.#id = memory.addPort();
    const words = memory.arena.words;
    this.#receive = new XdpRing(words, socket.receive, false);
    this.#transmit = new XdpRing(words, socket.transmit, true);
    this.#fill = new XdpRing(words, socket.fill, true);
    this.#completion = new XdpRing(words, socket.completion, false);
    this.#refill();
  }

  get fileDescriptor(): number {
    return this.#isOpen ? this.#fd : NONE;
  }

  /** Asks the kernel for what it lost: not for every burst. */
  get counters(): PortCounters {
    if (!this.#isOpen) return this.#counters;
    const { receiveDropped, receiveRingFull } = this.#native.xdpStatistics(this.#fd);
    this.#counters.receiveMissed = receiveDropped + receiveRingFull;
    return this.#counters;
  }

  receive(burst: Burst): number {
    burst.count = 0;
    if (!this.#isOpen) return 0;
    this.#reap();
    if (this.#transmit.pending > 0) this.#kick();
    const count = Math.min(this.#receive.waiting, BURST_FRAMES);
    for (let k = 0; k < count; k++) {
      const address = this.#receive.frameAddress(k);
      this.#memory.hold(address, this.#id);
      const i = burst.push(this.#memory.at + address, this.#receive.frameBytes(k));
      burst.checksum[i] = ChecksumState.unknown;
    }
    if (count > 0) this.#receive.publishTaken(count);
    this.#receiving -= count;
    this.#counters.received += count;
    this.#refill();
    return count;
  }

  transmit(burst: Burst, index: number): void {
    if (!this.#isOpen) return;
    let queued = 0;
    for (let i = 0; i < burst.count; i++) {
      if (burst.output[i] !== index || burst.at[i] === TAKEN || !this.#canSend(burst, i)) continue;
      if (this.#queue(burst, i)) queued++;
      else this.#counters.transmitRingFull++;
    }
    if (queued === 0) return;
    this.#counters.transmitted += queued;
    this.#transmit.publishPut();
    this.#kick();
  }

  release(burst: Burst): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.at[i] !== TAKEN) this.#memory.release(burst.at[i]!);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    void this.counters;
    this.#isOpen = false;
    this.#native.closeFd(this.#fd);
    this.#memory.sockets.splice(this.#memory.sockets.indexOf(this.#fd), 1);
    this.#memory.freeAllOf(this.#id);
  }

  /** Where this port's frames are: for the check that none is lost. */
  get frames(): { readonly receiving: number; readonly transmitting: number } {
    return { receiving: this.#receiving, transmitting: this.#transmitting };
  }

  /** Counts the frame when it cannot go. */
  #canSend(burst: Burst, i: number): boolean {
    const bytes = burst.bytes[i]!;
    if (bytes < ETHERNET_BYTES) {
      this.#counters.transmitFailed++;
      return false;
    }
    if (fitsMtu(this.#memory.arena.view, burst.at[i]!, bytes, this.facts.mtu)) return true;
    this.#counters.frameTooLong++;
    return false;
  }

  /** Puts frame `i` into the transmit ring: by descriptor when it lies in our memory, else as a copy. */
  #queue(burst: Burst, i: number): boolean {
    if (this.#transmitting === TRANSMIT_FRAMES && !this.#makeRoom()) return false;
    const at = burst.at[i]!;
    const bytes = burst.bytes[i]!;
    const isPartial = burst.checksum[i] === ChecksumState.partial;
    if (!isPartial && this.#memory.move(at, bytes, this.#id)) {
      this.#transmit.putDescriptor(at - this.#memory.at, bytes);
      burst.at[i] = TAKEN;
    } else {
      const chunk = this.#memory.take(this.#id);
      if (chunk === NONE) return false;
      this.#copyInto(chunk + FRAME_IN_CHUNK, burst, i);
      this.#transmit.putDescriptor(chunk + FRAME_IN_CHUNK, bytes);
    }
    this.#transmitting++;
    return true;
  }

  #copyInto(address: number, burst: Burst, i: number): void {
    const { arena, at: base } = this.#memory;
    const from = burst.at[i]!;
    const to = base + address;
    const bytes = burst.bytes[i]!;
    arena.bytes.copyWithin(to, from, from + bytes);
    if (burst.checksum[i] !== ChecksumState.partial) return;
    const view = arena.view as DataView<ArrayBuffer>;
    completeChecksum(this.#native, view, to, bytes, burst.checksumStart[i]!, burst.checksumOffset[i]!);
  }

  /** The ring is full: sends what is in it and looks for completions once more. */
  #makeRoom(): boolean {
    this.#transmit.publishPut();
    this.#kick();
    this.#reap();
    return this.#transmitting < TRANSMIT_FRAMES;
  }

  #kick(): void {
    if (!this.#transmit.needsWakeup) return;
    // Whole numbers all the way: a fraction in between would be an object where the best compiler has not seen this.
    const attempts = 1 + ((this.#transmit.pending + LAST_OF_KICK) >> KICK_SHIFT);
    const answer = this.#native.xdpKick(this.#fd, attempts);
    if (answer === -ENETDOWN || answer === -ENXIO || answer === -ENODEV) this.#takeBack();
  }

  /** The interface is down or gone. In copy mode the kernel reads the ring only while it is kicked, so what is left in it is ours. */
  #takeBack(): void {
    const count = this.#transmit.pending;
    for (let i = 0; i < count; i++) this.#memory.free(this.#transmit.takeBack());
    this.#transmit.publishPut();
    this.#transmitting -= count;
    this.#counters.transmitted -= count;
    this.#counters.transmitFailed += count;
  }

  /** Brings home the frames that were sent. */
  #reap(): void {
    const count = this.#completion.waiting;
    if (count === 0) return;
    for (let i = 0; i < count; i++) this.#memory.free(this.#completion.address(i));
    this.#completion.publishTaken(count);
    this.#transmitting -= count;
  }

  /** Gives the kernel frames to receive into. */
  #refill(): void {
    let added = 0;
    while (this.#receiving < RECEIVE_FRAMES) {
      const chunk = this.#memory.take(this.#id);
      if (chunk === NONE) break;
      this.#fill.putAddress(chunk);
      this.#receiving++;
      added++;
    }
    if (added === 0) return;
    this.#fill.publishPut();
    if (this.#fill.needsWakeup) this.#native.xdpWake(this.#fd);
  }
}

/** @throws UvsError INTERFACE_UNSUITABLE */
function suitable(facts: InterfaceFacts, queue: number | undefined): InterfaceFacts {
  const { name, mtu, receiveQueues } = facts;
  const largestMtu = CHUNK_FRAME_BYTES - ETHERNET_BYTES - VLAN_TAG_BYTES;
  if (mtu > largestMtu) {
    throw new UvsError('INTERFACE_UNSUITABLE', `${name} has an MTU of ${mtu}; AF_XDP takes at most ${largestMtu}`, {
      hint: `Lower it (\`ip link set ${name} mtu 1500\`), or use --io packet.`,
    });
  }
  if (queue === undefined && receiveQueues > 1) {
    throw new UvsError('INTERFACE_UNSUITABLE', `${name} has ${receiveQueues} receive queues; an AF_XDP port serves one`, {
      hint: `Join them (\`ethtool -L ${name} combined 1\`), or use --io packet.`,
    });
  }
  if (queue !== undefined && queue >= receiveQueues) {
    throw new UvsError('INTERFACE_UNSUITABLE', `${name} has no receive queue ${queue}, it has ${receiveQueues}`);
  }
  return facts;
}
