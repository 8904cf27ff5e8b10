/**
 * A port between two capture files: the frames of one are received, transmitted ones are written to the other. For trying a
 * configuration on recorded traffic; `clock` then tells the time of the recording.
 *
 * A capture of IP packets without link headers (LINKTYPE_RAW) is received with a synthetic Ethernet header of zero addresses, and is
 * written without it. Frames that were captured in part are received in part.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { UvsError } from '../base/errors.ts';
import { BURST_FRAMES, Family, NONE } from '../base/terms.ts';
import { type Burst, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { type CaptureReader, LinkType } from './captureRecord.ts';
import { ETHERNET_BYTES, FrameSlots, fitsMtu } from './frameSlots.ts';
import { openCapture } from './openCapture.ts';
import { PcapWriter } from './pcapFile.ts';
import { type Port, type PortFacts, portCounters } from './port.ts';

export interface PcapPortOptions {
  /** Default: the file that is read, or the one that is written. */
  readonly name?: string;
  /** The capture to receive from, pcap or pcapng; without it nothing is received. */
  readonly read?: string;
  /** The capture to write, replaced when it exists; without it transmitted frames are only counted. */
  readonly write?: string;
  /** Stamps the written frames, milliseconds since 1970. Default: the port's own `clock`. */
  readonly clock?: Clock;
  /** LinkType of the written capture, ethernet (default) or raw. */
  readonly writeLinkType?: number;
  /** Default 1500; longer frames are counted, not received. */
  readonly mtu?: number;
  /** Frames in the engine's hands at most. Default BURST_FRAMES; with 1, `clock` is exact for each frame. */
  readonly frames?: number;
}

const ETHER_TYPE = 12;
const ETHER_TYPE_IPV4 = 0x0800;
const ETHER_TYPE_IPV6 = 0x86dd;

export class PcapPort implements Port {
  readonly facts: PortFacts;
  readonly counters = portCounters();
  readonly fileDescriptor = NONE;
  /** The time of the newest frame received, milliseconds since 1970; never goes back, though captures do. */
  readonly clock: Clock;
  readonly #arena: FrameArena;
  readonly #slots: FrameSlots;
  readonly #stamps: Clock;
  readonly #input: CaptureReader | undefined;
  readonly #writer: PcapWriter | undefined;
  readonly #descriptors: number[] = [];
  #newestMs = 0;
  #fault: unknown;
  #isAtEnd = false;
  #isOpen = true;

  /** @throws UvsError CAPTURE_INVALID (file), USAGE (both files are one), CAPACITY_EXCEEDED (arena) */
  constructor(arena: FrameArena, options: PcapPortOptions) {
    const { read, write, mtu = 1500, frames = BURST_FRAMES, writeLinkType = LinkType.ethernet } = options;
    this.facts = { name: options.name ?? read ?? write ?? 'pcap', mtu, macHigh: 0, macLow: 0, offloads: false };
    this.clock = { now: () => this.#newestMs };
    this.#stamps = options.clock ?? this.clock;
    this.#arena = arena;
    this.#slots = new FrameSlots(arena, frames, mtu, this.facts.name);
    try {
      if (read !== undefined) this.#input = this.#openInput(read);
      if (write !== undefined) this.#writer = this.#openOutput(write, writeLinkType);
    } catch (error) {
      this.#closeFiles();
      throw error;
    }
  }

  /** Every frame of the capture has been received. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** @throws UvsError at a broken record, after everything in front of it was received; the capture ends there */
  receive(burst: Burst): number {
    burst.count = 0;
    if (!this.#isOpen || this.#input === undefined) return 0;
    if (this.#fault === undefined) this.#readRecords(burst);
    if (this.#fault !== undefined && burst.count === 0) this.#throwFault();
    this.counters.received += burst.count;
    return burst.count;
  }

  transmit(burst: Burst, index: number): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.output[i] === index && burst.at[i] !== TAKEN) this.#write(burst.at[i]!, burst.bytes[i]!);
    }
  }

  release(burst: Burst): void {
    if (!this.#isOpen) return;
    for (let i = 0; i < burst.count; i++) {
      if (burst.at[i] !== TAKEN) this.#slots.give(burst.at[i]!);
    }
  }

  /** Brings what was transmitted to the file; `close` does so too. */
  flush(): void {
    if (this.#isOpen) this.#writer?.flush();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.flush();
    this.#isOpen = false;
    this.#closeFiles();
  }

  /** At most BURST_FRAMES records, though some may be too long to deliver. */
  #readRecords(burst: Burst): void {
    try {
      for (let i = 0; i < BURST_FRAMES && this.#slots.free > 0; i++) {
        this.#isAtEnd = !this.#input!.next();
        if (this.#isAtEnd) return;
        this.#deliver(burst);
      }
    } catch (error) {
      this.#isAtEnd = false;
      this.#fault = error;
    }
  }

  #deliver(burst: Burst): void {
    const { record, window } = this.#input!;
    const linkBytes = record.linkType === LinkType.ethernet ? 0 : ETHERNET_BYTES;
    this.#newestMs = Math.max(this.#newestMs, record.timeMs);
    if (record.bytes + linkBytes > this.#slots.frameBytes) {
      this.counters.frameTooLong++;
      return;
    }
    const at = this.#slots.take();
    this.#arena.bytes.set(window.bytes.subarray(record.at, record.at + record.bytes), at + linkBytes);
    if (linkBytes > 0) writeLinkHeader(this.#arena.view, at, record.bytes);
    burst.push(at, record.bytes + linkBytes);
  }

  #write(at: number, bytes: number): void {
    if (bytes < ETHERNET_BYTES) {
      this.counters.transmitFailed++;
      return;
    }
    if (!fitsMtu(this.#arena.view, at, bytes, this.facts.mtu)) {
      this.counters.frameTooLong++;
      return;
    }
    const linkBytes = this.#writer === undefined || this.#writer.linkType === LinkType.ethernet ? 0 : ETHERNET_BYTES;
    this.#writer?.write(this.#stamps.now(), this.#arena.view, at + linkBytes, bytes - linkBytes);
    this.counters.transmitted++;
  }

  /** Once; the capture is at its end then. */
  #throwFault(): void {
    if (this.#isAtEnd) return;
    this.#isAtEnd = true;
    throw this.#fault;
  }

  #openInput(path: string): CaptureReader {
    const descriptor = attempt('read', path, () => openSync(path, 'r'));
    this.#descriptors.push(descriptor);
    return openCapture(path, (into, at, length) => attempt('read', path, () => readSync(descriptor, into, at, length, null)));
  }

  #openOutput(path: string, linkType: number): PcapWriter {
    // Opened for appending and emptied later: so nothing is destroyed when it turns out to be the input.
    const descriptor = attempt('write', path, () => openSync(path, 'a'));
    this.#descriptors.push(descriptor);
    const [input] = this.#descriptors;
    if (input !== undefined && input !== descriptor && isSameFile(input, descriptor)) {
      throw new UvsError('USAGE', 'the capture to write is the one to read', {
        place: { file: path },
        hint: 'Name another file.',
      });
    }
    attempt('write', path, () => fstatSync(descriptor).isFile() && ftruncateSync(descriptor, 0));
    return new PcapWriter(linkType, (bytes) => attempt('write', path, () => writeWhole(descriptor, bytes)));
  }

  #closeFiles(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }
}

/** Zero addresses, and the EtherType that the version of the IP header calls for; 0 when there is no such version. */
function writeLinkHeader(v: DataView, at: number, bytes: number): void {
  const version = bytes === 0 ? 0 : v.getUint8(at + ETHERNET_BYTES) >>> 4;
  v.setInt32(at, 0);
  v.setInt32(at + 4, 0);
  v.setInt32(at + 8, 0);
  v.setUint16(at + ETHER_TYPE, version === Family.v4 ? ETHER_TYPE_IPV4 : version === Family.v6 ? ETHER_TYPE_IPV6 : 0);
}

function isSameFile(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)];
  return a.isFile() && a.ino === b.ino && a.dev === b.dev;
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
}

function attempt<T>(verb: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint = 'Check the path, its permissions and the space left.';
    throw new UvsError('CAPTURE_INVALID', `cannot ${verb} the capture: ${reason}`, { place: { file: path }, hint, cause });
  }
}
