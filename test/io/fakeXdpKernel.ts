/**
 * The kernel's end of the rings of an AF_XDP port, and what a network may do to it: send part of what is asked, refuse, keep frames
 * for as long as it likes. It checks that a frame which is being sent does not change; where all chunks are it tells the test.
 */
import { expect } from 'vitest';
import type { InterfaceFacts } from '../../src/io/interfaceFacts.ts';
import type { XdpOpenOptions, XdpRingPlace, XdpSocket } from '../../src/io/native.ts';
import { CHUNK_BYTES, FRAME_IN_CHUNK, type XdpMemory } from '../../src/io/xdpMemory.ts';
import { XdpPort } from '../../src/io/xdpPort.ts';

export const FRAME_BYTES = 60;
/** Of a frame's bytes behind the Ethernet header: all alike. */
const MARK_AT = 14;
const TEST_TYPE = 0x88b5;
const PAGE_BYTES = 4096;
const ADDRESS_WORDS = 2;
const DESCRIPTOR_WORDS = 4;
const LENGTH = 2;
const NEED_WAKEUP = 1;
const WORDS = { receive: DESCRIPTOR_WORDS, transmit: DESCRIPTOR_WORDS, fill: ADDRESS_WORDS, completion: ADDRESS_WORDS } as const;
type RingName = keyof typeof WORDS;

export class FakeXdpKernel {
  readonly port: XdpPort;
  /** Frames that one system call sends at most. */
  framesPerCall = 32;
  /** With which errno they fail; 0 = they do not. */
  errno = 0;
  /** Marks of the frames that were sent, in order. */
  readonly sent: number[] = [];
  kicks = 0;
  readonly #memory: XdpMemory;
  readonly #flying: { readonly address: number; readonly mark: number }[] = [];
  #rings: Readonly<Record<RingName, XdpRingPlace>> | undefined;

  constructor(memory: XdpMemory, facts: Partial<InterfaceFacts> = {}) {
    this.#memory = memory;
    this.port = new XdpPort(memory, {
      interface: FACTS.name,
      kernel: {
        facts: { ...FACTS, ...facts },
        pageBytes: PAGE_BYTES,
        xdpOpen: (_arena, options) => this.#open(options),
        xdpKick: (_fd, attempts) => this.#kick(attempts),
        xdpWake: () => {},
        xdpStatistics: () => ({ receiveDropped: 0, receiveRingFull: 0, invalidDescriptors: 0 }),
        checksum: () => 0,
        closeFd: () => {},
      },
    });
  }

  /** A frame arrives. @returns false when there is no chunk for it */
  deliver(mark: number): boolean {
    const [address] = this.#take('fill', 1);
    if (address === undefined) return false;
    writeFrame(this.#memory.arena.bytes, this.#memory.at + address + FRAME_IN_CHUNK, mark);
    this.#put('receive', address + FRAME_IN_CHUNK);
    return true;
  }

  /** The oldest `count` of the frames in flight have left the host. */
  complete(count: number): void {
    for (const { address, mark } of this.#flying.splice(0, count)) {
      expect(markOf(this.#memory.arena.bytes, this.#memory.at + address)).toBe(mark);
      this.#put('completion', address);
    }
  }

  /** The chunks of each half that are in rings or in flight. */
  chunks(): { readonly receiving: readonly number[]; readonly transmitting: readonly number[] } {
    const chunksIn = (name: RingName) => this.#waiting(name).map((address) => Math.floor(address / CHUNK_BYTES));
    const flying = this.#flying.map(({ address }) => Math.floor(address / CHUNK_BYTES));
    return {
      receiving: [...chunksIn('fill'), ...chunksIn('receive')],
      transmitting: [...chunksIn('transmit'), ...flying, ...chunksIn('completion')],
    };
  }

  #open(o: XdpOpenOptions): XdpSocket {
    const { words } = this.#memory.arena;
    const place = (at: number, entries: number): XdpRingPlace => {
      words[(at + 128) >> 2] = NEED_WAKEUP;
      return { producerAt: at, consumerAt: at + 64, flagsAt: at + 128, entriesAt: at + PAGE_BYTES, entries };
    };
    this.#rings = {
      receive: place(o.receiveAt, o.receiveEntries),
      transmit: place(o.transmitAt, o.transmitEntries),
      fill: place(o.fillAt, o.fillEntries),
      completion: place(o.completionAt, o.completionEntries),
    };
    return { fd: 100, ...this.#rings };
  }

  #kick(attempts: number): number {
    this.kicks++;
    if (this.errno !== 0) return -this.errno;
    for (const address of this.#take('transmit', attempts * this.framesPerCall)) {
      const mark = markOf(this.#memory.arena.bytes, this.#memory.at + address);
      this.#flying.push({ address, mark });
      this.sent.push(mark);
    }
    return 0;
  }

  /** Addresses that the other end has put in and this one has not taken. */
  #waiting(name: RingName): number[] {
    const { producerAt, consumerAt, entriesAt, entries } = this.#rings![name];
    const { words } = this.#memory.arena;
    const from = words[consumerAt >> 2]!;
    const count = (words[producerAt >> 2]! - from) | 0;
    expect(count).toBeLessThanOrEqual(entries);
    return Array.from({ length: count }, (_, i) => words[(entriesAt >> 2) + ((from + i) & (entries - 1)) * WORDS[name]]!);
  }

  #take(name: RingName, most: number): number[] {
    const addresses = this.#waiting(name).slice(0, most);
    const at = this.#rings![name].consumerAt >> 2;
    this.#memory.arena.words[at] = (this.#memory.arena.words[at]! + addresses.length) | 0;
    return addresses;
  }

  #put(name: RingName, address: number): void {
    const { producerAt, entriesAt, entries } = this.#rings![name];
    const { words } = this.#memory.arena;
    expect(this.#waiting(name).length).toBeLessThan(entries);
    const producer = words[producerAt >> 2]!;
    const entry = (entriesAt >> 2) + (producer & (entries - 1)) * WORDS[name];
    words[entry] = address;
    if (WORDS[name] === DESCRIPTOR_WORDS) words[entry + LENGTH] = FRAME_BYTES;
    words[producerAt >> 2] = (producer + 1) | 0;
  }
}

/** Writes a frame of FRAME_BYTES that is told from others by its mark, 0 to 255. */
export function writeFrame(arena: Uint8Array, at: number, mark: number): void {
  arena.fill(mark, at, at + FRAME_BYTES);
  arena[at + MARK_AT - 2] = TEST_TYPE >> 8;
  arena[at + MARK_AT - 1] = TEST_TYPE & 0xff;
}

/** Of a frame that is whole. */
function markOf(arena: Uint8Array, at: number): number {
  const marks = new Set(arena.subarray(at + MARK_AT, at + FRAME_BYTES));
  expect(marks.size).toBe(1);
  return arena[at + MARK_AT]!;
}

const FACTS: InterfaceFacts = {
  name: 'fake0',
  index: 1,
  mtu: 1500,
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  macHigh: 0x0200,
  macLow: 1,
  flags: 1,
  type: 1,
  isUp: true,
  isEthernet: true,
  driver: 'fake',
  receiveQueues: 1,
  txChecksum: false,
  tso: false,
  gro: false,
};
