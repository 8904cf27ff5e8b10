// hot path

/**
 * The frame memory (UMEM) that all AF_XDP ports of a worker share, so that a frame received on one leaves by another as a descriptor
 * of 16 bytes, uncopied. One chunk holds one frame:
 *
 *     | kernel's 256 | ours 2 | ethernet 14 | IP ...          | next chunk, 2048 further
 *     |<------ HEADROOM ----->^ at: the IP header behind it is 4-aligned
 *
 * Each chunk is in one place at a time, and `#holder` says in which: 0 free (on the stack), +n in a ring of port n, -n received by
 * port n and in the worker's hands. So nothing is freed twice, and what a port held can be found when it closes.
 */
import { assert } from '../base/assert.ts';
import { UvsError } from '../base/errors.ts';
import { NONE } from '../base/terms.ts';
import type { FrameArena } from '../memory/frameArena.ts';

export const CHUNK_BYTES = 2048;
const CHUNK_SHIFT = 11;
/** On top of the 256 bytes that the kernel leaves in front of each frame. */
export const CHUNK_HEADROOM_BYTES = 2;
/** Where the kernel puts a received frame, and we one that is copied in. */
export const FRAME_IN_CHUNK = 256 + CHUNK_HEADROOM_BYTES;

/** The longest frame that a chunk takes, Ethernet header and VLAN tag included. */
export const CHUNK_FRAME_BYTES = CHUNK_BYTES - FRAME_IN_CHUNK;

/** Frames of one port that wait to be filled or to be received, at most. */
export const RECEIVE_FRAMES = 2048;
/** Frames of one port that are being sent, at most. */
export const TRANSMIT_FRAMES = 2048;
/** Chunks per port with which no port can starve another: both halves, and what the worker has in its hands. */
export const XDP_PORT_CHUNKS = RECEIVE_FRAMES + TRANSMIT_FRAMES + 256;

const ALIGNMENT = 65_536;
const MAX_PORTS = 127;

export class XdpMemory {
  readonly arena: FrameArena;
  /** Offset of the first chunk in the arena. */
  readonly at: number;
  readonly bytes: number;
  readonly chunkCount: number;
  /** Sockets that use this memory, for those that come to share it. */
  readonly sockets: number[] = [];
  readonly #free: Int32Array;
  readonly #holder: Int8Array;
  #freeCount: number;
  #portCount = 0;

  /** @param chunkCount XDP_PORT_CHUNKS per port; with fewer, a busy port may starve the others. @throws UvsError CAPACITY_EXCEEDED when the arena is too small */
  constructor(arena: FrameArena, chunkCount: number) {
    this.arena = arena;
    this.bytes = Math.ceil((chunkCount * CHUNK_BYTES) / ALIGNMENT) * ALIGNMENT;
    this.chunkCount = this.bytes / CHUNK_BYTES;
    this.at = arena.reserve(this.bytes, ALIGNMENT);
    if (this.at === NONE) {
      const message = `AF_XDP needs ${this.bytes} bytes of frame memory, ${arena.free} are free`;
      throw new UvsError('CAPACITY_EXCEEDED', message, { hint: 'Make the arena larger, or use fewer AF_XDP ports.' });
    }
    this.#free = new Int32Array(this.chunkCount);
    for (let i = 0; i < this.chunkCount; i++) this.#free[i] = this.chunkCount - 1 - i;
    this.#freeCount = this.chunkCount;
    this.#holder = new Int8Array(this.chunkCount);
  }

  /** A number for one more port, from 1. */
  addPort(): number {
    this.#portCount++;
    assert(this.#portCount <= MAX_PORTS, 'a worker has at most 127 AF_XDP ports');
    return this.#portCount;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** Gives a free chunk to a ring of `port`. @returns its offset in this memory; NONE when there is none */
  take(port: number): number {
    if (this.#freeCount === 0) return NONE;
    const chunk = this.#free[--this.#freeCount]!;
    this.#holder[chunk] = port;
    return chunk << CHUNK_SHIFT;
  }

  /** The chunk of this address (offset in this memory) came out of a receive ring of `port`; now the worker has it. */
  hold(address: number, port: number): void {
    this.#holder[address >> CHUNK_SHIFT] = -port;
  }

  /**
   * Gives the frame to a ring of `port`, if it is one of ours, in the worker's hands, and lies within one chunk.
   * @param at offset in the arena
   */
  move(at: number, bytes: number, port: number): boolean {
    const address = at - this.at;
    if (address < 0 || address >= this.bytes) return false;
    const chunk = address >> CHUNK_SHIFT;
    if (this.#holder[chunk]! >= 0 || (address & (CHUNK_BYTES - 1)) + bytes > CHUNK_BYTES) return false;
    this.#holder[chunk] = port;
    return true;
  }

  /** A chunk that came out of a ring is free. */
  free(address: number): void {
    const chunk = address >> CHUNK_SHIFT;
    if (this.#holder[chunk]! > 0) this.#push(chunk);
  }

  /** The worker gives a frame back. Offsets elsewhere, and frames that are not in its hands, are left alone. */
  release(at: number): void {
    const address = at - this.at;
    if (address < 0 || address >= this.bytes) return;
    const chunk = address >> CHUNK_SHIFT;
    if (this.#holder[chunk]! < 0) this.#push(chunk);
  }

  /** Frees all that is in the rings of `port` or was received by it and not given back: when it has closed. */
  freeAllOf(port: number): void {
    for (let chunk = 0; chunk < this.chunkCount; chunk++) {
      if (Math.abs(this.#holder[chunk]!) === port) this.#push(chunk);
    }
  }

  /** How many chunks are in rings of `port` or, with -port, in the worker's hands; looks at every chunk. */
  countHeldBy(port: number): number {
    return this.#holder.reduce((sum, holder) => sum + (holder === port ? 1 : 0), 0);
  }

  #push(chunk: number): void {
    this.#holder[chunk] = 0;
    this.#free[this.#freeCount++] = chunk;
  }
}
