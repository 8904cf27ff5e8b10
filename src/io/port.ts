/**
 * One interface, or one side of a test, as the engine sees it. Called once per burst, never per frame. Every implementation passes
 * the conformance suite in test/io/portConformance.ts.
 *
 * Every frame has an Ethernet header; a port without one (TUN) adds it on receive (zero MAC addresses) and leaves it out on transmit.
 * In front of every received frame there are at least HEADROOM bytes that the engine may use to encapsulate.
 */
import type { Burst } from '../memory/burst.ts';

/** Bytes that are free in front of a received frame: outer IPv6 40, UDP 8, GUE 4, a virtio_net_hdr and alignment. */
export const HEADROOM = 96;

/** What a port has done. Frames, not bytes; all from zero when it opens. */
export interface PortCounters {
  received: number;
  transmitted: number;
  /** The transmit ring was full and stayed so for this burst. */
  transmitRingFull: number;
  /** The frame is longer than the interface or a frame slot takes. */
  frameTooLong: number;
  /** The kernel refused the frame (interface down or gone). */
  transmitFailed: number;
  /** Lost before we saw them, as the kernel counts it (ring full). */
  receiveMissed: number;
}

export interface PortFacts {
  /** Interface name, or a label in tests. */
  readonly name: string;
  /** Largest IP packet it carries, bytes. */
  readonly mtu: number;
  /** High 16 and low 32 bits of its own MAC address; zero when it has none. */
  readonly macHigh: number;
  readonly macLow: number;
  /** Takes frames with partial checksums and super-frames (GSO), and may deliver them. */
  readonly offloads: boolean;
}

export interface Port {
  readonly facts: PortFacts;
  readonly counters: PortCounters;
  /** To wait on for received frames; NONE when there is nothing to wait on. */
  readonly fileDescriptor: number;
  /** Replaces the content of `burst` by the frames that wait, at most BURST_FRAMES, output NONE. @returns burst.count */
  receive(burst: Burst): number;
  /**
   * Sends each frame i of `burst` with output[i] === index and at[i] !== TAKEN, in order; one that cannot go is counted here.
   * Copies it out at once, or keeps it and writes TAKEN.
   */
  transmit(burst: Burst, index: number): void;
  /** Takes home the frames of a burst that this port received, except those TAKEN. */
  release(burst: Burst): void;
  /** Frees everything, once; later calls of any method do nothing. */
  close(): void;
}

/** Counters at zero. */
export function portCounters(): PortCounters {
  return { received: 0, transmitted: 0, transmitRingFull: 0, frameTooLong: 0, transmitFailed: 0, receiveMissed: 0 };
}
