// hot path

/**
 * One ring of an AF_XDP socket, mapped into the arena: two counters that only grow (mod 2^32), and entries at counter modulo size.
 * The kernel is at the other end of each. Counters are published once per burst with Atomics, which costs 20 ns; between, our own
 * counter is a private copy. Addresses have 64 bits, of which ours use the low 32.
 */
import type { XdpRingPlace } from './native.ts';

const NEED_WAKEUP = 1;
/** Fill and completion ring: an address. */
const ADDRESS_WORDS = 2;
/** Receive and transmit ring: address, length, options. */
const DESCRIPTOR_WORDS = 4;
const LENGTH = 2;
const OPTIONS = 3;

export class XdpRing {
  readonly entries: number;
  readonly #words: Int32Array;
  readonly #producerAt: number;
  readonly #consumerAt: number;
  readonly #flagsAt: number;
  readonly #entriesAt: number;
  readonly #mask: number;
  /** Our end: the counter that we move, with what is not published yet. */
  #ours: number;

  /** @param isProducer whether we put entries in (fill, transmit), or the kernel does (receive, completion) */
  constructor(words: Int32Array, place: XdpRingPlace, isProducer: boolean) {
    this.#words = words;
    this.entries = place.entries;
    this.#producerAt = place.producerAt >> 2;
    this.#consumerAt = place.consumerAt >> 2;
    this.#flagsAt = place.flagsAt >> 2;
    this.#entriesAt = place.entriesAt >> 2;
    this.#mask = place.entries - 1;
    this.#ours = words[isProducer ? this.#producerAt : this.#consumerAt]!;
  }

  /** As producer: entries that the kernel has not taken yet, those not published included. */
  get pending(): number {
    return (this.#ours - this.#words[this.#consumerAt]!) | 0;
  }

  /** As consumer: entries that the kernel has put in and we have not taken. */
  get waiting(): number {
    // A plain look first: most looks find nothing. Then the one that orders the reads of the entries behind it.
    if (this.#words[this.#producerAt] === this.#ours) return 0;
    return (Atomics.load(this.#words, this.#producerAt) - this.#ours) | 0;
  }

  get needsWakeup(): boolean {
    return (this.#words[this.#flagsAt]! & NEED_WAKEUP) !== 0;
  }

  putAddress(address: number): void {
    const entry = this.#entriesAt + (this.#ours & this.#mask) * ADDRESS_WORDS;
    this.#words[entry] = address;
    this.#words[entry + 1] = 0;
    this.#ours = (this.#ours + 1) | 0;
  }

  putDescriptor(address: number, bytes: number): void {
    const entry = this.#entriesAt + (this.#ours & this.#mask) * DESCRIPTOR_WORDS;
    this.#words[entry] = address;
    this.#words[entry + 1] = 0;
    this.#words[entry + LENGTH] = bytes;
    this.#words[entry + OPTIONS] = 0;
    this.#ours = (this.#ours + 1) | 0;
  }

  /** Shows the kernel what was put in. */
  publishPut(): void {
    Atomics.store(this.#words, this.#producerAt, this.#ours);
  }

  /** As producer of descriptors: takes back the last entry. The caller has seen that `pending` > 0 and that the kernel is not reading. */
  takeBack(): number {
    this.#ours = (this.#ours - 1) | 0;
    return this.#words[this.#entriesAt + (this.#ours & this.#mask) * DESCRIPTOR_WORDS]!;
  }

  /** As consumer: entry `i` of those that wait; address of a completion. */
  address(i: number): number {
    return this.#words[this.#entriesAt + ((this.#ours + i) & this.#mask) * ADDRESS_WORDS]!;
  }

  /** As consumer: address of received frame `i` of those that wait. */
  frameAddress(i: number): number {
    return this.#words[this.#entriesAt + ((this.#ours + i) & this.#mask) * DESCRIPTOR_WORDS]!;
  }

  frameBytes(i: number): number {
    return this.#words[this.#entriesAt + ((this.#ours + i) & this.#mask) * DESCRIPTOR_WORDS + LENGTH]!;
  }

  /** Gives `count` entries that waited back to the kernel. */
  publishTaken(count: number): void {
    this.#ours = (this.#ours + count) | 0;
    Atomics.store(this.#words, this.#consumerAt, this.#ours);
  }
}
