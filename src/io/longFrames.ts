// hot path

/**
 * Frames that no slot of a packet ring holds (super-frames of up to 64 KB): the kernel keeps them in the socket's queue without copying
 * them, and the worker copies each into a buffer of its own when its turn comes. So the copy is made by the processor that needs it, and
 * into memory that it has just used: the buffers are a stack, of which mostly the first few are in use and stay in the cache.
 */
import { BURST_FRAMES } from '../base/terms.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { FrameSlots } from './frameSlots.ts';
import type { NativeAddon } from './native.ts';
import { VIRTIO_HEADER_BYTES } from './virtioHeader.ts';

/** Of one burst; more would push each other out of a cache of 1 MB before they are sent. */
export const LONG_FRAMES_PER_BURST = 8;
/** What the queue may hold, as the kernel counts it: a thousand super-frames. */
export const LONG_QUEUE_BYTES = 64 << 20;
const LARGEST_PACKET_BYTES = 65_535;
/** An error of the interface (it went down) is told once, before the frames that are there all the same. */
const MOST_ERRORS = 2;

export class LongFrames {
  readonly #native: Pick<NativeAddon, 'packetReceive'>;
  readonly #arena: FrameArena;
  readonly #slots: FrameSlots;
  /** Pairs (offset, bytes), from the virtio header on. */
  readonly #batch = new Int32Array(2 * LONG_FRAMES_PER_BURST);

  /** @throws UvsError CAPACITY_EXCEEDED (arena too small) */
  constructor(kernel: Pick<NativeAddon, 'packetReceive'>, arena: FrameArena, owner: string) {
    this.#native = kernel;
    this.#arena = arena;
    this.#slots = new FrameSlots(arena, BURST_FRAMES, LARGEST_PACKET_BYTES, owner);
  }

  /** The longest that fits. */
  get frameBytes(): number {
    return this.#slots.frameBytes;
  }

  /** How many may be fetched now. */
  get room(): number {
    return Math.min(this.#slots.free, LONG_FRAMES_PER_BURST);
  }

  /**
   * Brings in the oldest `count` frames of socket `fd`; `count` is at most `room`.
   * @returns how many there were; to be read by `at` and `bytes` before the next call, and each given back by `give`
   */
  fetch(fd: number, count: number): number {
    const batch = this.#batch;
    for (let i = 0; i < count; i++) {
      batch[2 * i] = this.#slots.take() - VIRTIO_HEADER_BYTES;
      batch[2 * i + 1] = this.frameBytes + VIRTIO_HEADER_BYTES;
    }
    let fetched = 0;
    for (let errors = 0; fetched < count && errors < MOST_ERRORS; ) {
      const more = this.#native.packetReceive(fd, this.#arena.buffer, batch, fetched, count);
      if (more > 0) fetched += more;
      else errors++;
    }
    for (let i = fetched; i < count; i++) this.give(this.at(i));
    return fetched;
  }

  /** Offset of the Ethernet header of fetched frame `i`; the virtio header lies in front of it. */
  at(i: number): number {
    return this.#batch[2 * i]! + VIRTIO_HEADER_BYTES;
  }

  /** Length of the frame, which may be more than fits: then it is cut off. */
  bytes(i: number): number {
    return this.#batch[2 * i + 1]! - VIRTIO_HEADER_BYTES;
  }

  /** Frees the buffer that `at` lies in. Offsets elsewhere are left alone. */
  give(at: number): void {
    this.#slots.give(at);
  }
}
