/**
 * The portable slow port: libpcap through the npm package `cap`, which nothing else needs and which is therefore loaded only when
 * such a port is opened. Works on whatever libpcap can open, at a few hundred thousand frames a second.
 *
 * - Main thread only: the addon knows one event loop. Frames arrive while that runs, so a caller that polls `receive` must let it;
 *   they wait in a bounded queue.
 * - A tap: the host sees each frame too. Do not let it own the virtual address, or it answers besides us.
 * - Nobody tells about offloads: checksums may be partial (ChecksumState.unknown), super-frames are too long and dropped.
 * - libpcap warns on stderr when the interface has no IPv4 address; that is harmless.
 */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { formatMac, parseMac } from '../base/address.ts';
import { UvsError } from '../base/errors.ts';
import { BURST_FRAMES, ChecksumState, NONE } from '../base/terms.ts';
import { Burst, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { FrameQueue } from './frameQueue.ts';
import { ETHERNET_BYTES, FrameSlots, fitsMtu } from './frameSlots.ts';
import { type Port, type PortFacts, portCounters } from './port.ts';

export interface CapPortOptions {
  readonly interfaceName: string;
  /** Frames that may wait to be received or be in the engine's hands. Default 512. */
  readonly frames?: number;
  /** Default: what Linux says of the interface; elsewhere 1500. */
  readonly mtu?: number;
  /** Default: what Linux says of the interface; elsewhere none. */
  readonly mac?: string;
  /** Narrows what is received, in the language of pcap-filter(7). Default: everything. */
  readonly filter?: string;
}

/** As much of the package `cap` 0.2 as is used. */
export interface CapHandle {
  /** @returns the name of the link type */
  open(device: string, filter: string, bufferBytes: number, buffer: Uint8Array): string;
  on(event: 'packet', listener: (bytes: number, isTruncated: boolean) => void): void;
  send(buffer: Uint8Array, bytes: number): void;
  close(): void;
}

/** What `import('cap')` gives. */
export interface CapModule {
  readonly default: { readonly Cap: new () => CapHandle };
}

const INSTALL_HINT = '`npm run setup -- --with-cap` installs it, and the Debian package libpcap-dev that it is compiled against.';
const DEFAULT_FRAMES = 512;
/** Of the kernel's ring. Where offloads are on, each slot of it is 64 KiB: 512 frames. What it loses, `cap` does not tell. */
const RING_BYTES = 32 * 1024 * 1024;
/** The longest frame that `cap` asks libpcap for. */
const SNAP_BYTES = 65_535;

/**
 * Handles that were closed or could not be opened, never freed: `cap` leaves its poll handle in the event loop, and its destructor
 * stops one that was never started.
 */
const closedHandles: CapHandle[] = [];

/** Where a port is opened; tests pass a place of their own. */
export interface CapSurroundings {
  readonly isMainThread: boolean;
  /** Gives the package. */
  load(): Promise<CapModule>;
}

/** The name is a variable so that the compiler does not ask for a package that is optional. */
const PACKAGE: string = 'cap';
const HERE: CapSurroundings = { isMainThread, load: () => import(PACKAGE) };

/**
 * Opens a port on an interface.
 * @throws UvsError TOOL_MISSING (no package `cap`), PORT_OPEN_FAILED (libpcap refuses, or not in the main thread),
 *   INTERFACE_UNSUITABLE (not Ethernet)
 */
export async function openCapPort(arena: FrameArena, options: CapPortOptions, surroundings = HERE): Promise<Port> {
  // A worker can load the package, but its frames would be delivered to the event loop of the main thread, and crash there.
  if (!surroundings.isMainThread) {
    const hint = 'Choose another --io, or open this port in the main thread.';
    throw new UvsError('PORT_OPEN_FAILED', 'the npm package "cap" works in the main thread only', { hint });
  }
  const module = await surroundings.load().catch((cause: unknown) => {
    throw new UvsError('TOOL_MISSING', 'the npm package "cap" (libpcap) cannot be loaded', { hint: INSTALL_HINT, cause });
  });
  return new CapPort(arena, options, new module.default.Cap());
}

class CapPort implements Port {
  readonly facts: PortFacts;
  readonly counters = portCounters();
  readonly fileDescriptor = NONE;
  readonly #arena: FrameArena;
  readonly #slots: FrameSlots;
  readonly #queue: FrameQueue;
  readonly #handle: CapHandle;
  /** `cap` writes each frame here; it keeps only the address, so the port keeps the array. */
  readonly #inbox = Buffer.alloc(SNAP_BYTES);
  readonly #outbox = Buffer.alloc(SNAP_BYTES);
  readonly #one = new Burst();
  #isOpen = true;

  constructor(arena: FrameArena, options: CapPortOptions, handle: CapHandle) {
    const { interfaceName: name, frames = DEFAULT_FRAMES } = options;
    const mac = parseMac(options.mac ?? interfaceFile(name, 'address')) ?? { high: 0, low: 0 };
    const mtu = options.mtu ?? (Number(interfaceFile(name, 'mtu')) || 1500);
    this.facts = { name, mtu, macHigh: mac.high, macLow: mac.low, offloads: false };
    this.#arena = arena;
    this.#slots = new FrameSlots(arena, frames, mtu, name);
    this.#queue = new FrameQueue(frames);
    this.#handle = handle;
    const linkType = openHandle(handle, name, filterFor(mac, options.filter), this.#inbox);
    if (linkType !== 'ETHERNET') {
      this.close();
      throw new UvsError('INTERFACE_UNSUITABLE', `${name} is no Ethernet interface: its link type is ${linkType}`);
    }
    handle.on('packet', (bytes, isTruncated) => this.#accept(bytes, isTruncated));
  }

  receive(burst: Burst): number {
    burst.count = 0;
    while (this.#isOpen && burst.count < BURST_FRAMES && this.#queue.count > 0) {
      this.#queue.peek(burst);
      this.#queue.drop();
    }
    this.counters.received += burst.count;
    return burst.count;
  }

  transmit(burst: Burst, index: number): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.output[i] === index && burst.at[i] !== TAKEN) this.#send(burst.at[i]!, burst.bytes[i]!);
    }
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
    this.#handle.close();
    closedHandles.push(this.#handle);
  }

  #accept(bytes: number, isTruncated: boolean): void {
    if (!this.#isOpen) return;
    if (isTruncated || bytes > this.#slots.frameBytes) {
      this.counters.frameTooLong++;
      return;
    }
    const at = this.#slots.take();
    if (at === NONE) {
      this.counters.receiveMissed++;
      return;
    }
    this.#arena.bytes.set(this.#inbox.subarray(0, bytes), at);
    this.#one.count = 0;
    this.#one.push(at, bytes);
    this.#one.checksum[0] = ChecksumState.unknown;
    this.#queue.push(this.#one, 0, at);
  }

  #send(at: number, bytes: number): void {
    if (!fitsMtu(this.#arena.view, at, bytes, this.facts.mtu)) {
      this.counters.frameTooLong++;
      return;
    }
    this.#outbox.set(this.#arena.bytes.subarray(at, at + bytes));
    try {
      if (bytes < ETHERNET_BYTES) throw new RangeError('shorter than an Ethernet header');
      this.#handle.send(this.#outbox, bytes);
      this.counters.transmitted++;
    } catch {
      // The package tells a full queue from a missing interface only by the text of its message.
      this.counters.transmitFailed++;
    }
  }
}

/**
 * Without one, libpcap delivers also what the host sends and what we send. Direction is known on Linux only, and even there not for the
 * first frame, which libpcap filters itself: so frames for our own address are asked for before direction is.
 */
function filterFor(mac: { high: number; low: number }, filter: string | undefined): string {
  const own = formatMac(mac.high, mac.low);
  const incoming = process.platform === 'linux' ? `(ether dst ${own} or inbound)` : `not ether src ${own}`;
  return filter === undefined ? incoming : `${incoming} and (${filter})`;
}

function openHandle(handle: CapHandle, name: string, filter: string, inbox: Uint8Array): string {
  try {
    return handle.open(name, filter, RING_BYTES, inbox);
  } catch (cause) {
    closedHandles.push(handle);
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint = 'libpcap needs root or CAP_NET_RAW, an interface that is up, and a filter that it can compile.';
    throw new UvsError('PORT_OPEN_FAILED', `libpcap does not open ${name}: ${reason}`, { hint, cause });
  }
}

/** What Linux says of an interface; empty elsewhere. */
function interfaceFile(name: string, fact: 'mtu' | 'address'): string {
  try {
    return readFileSync(`/sys/class/net/${name}/${fact}`, 'utf8').trim();
  } catch {
    return '';
  }
}
