// hot path

/**
 * The frames of one breath, as columns: entry i of every array belongs to frame i. A burst is filled by one port's `receive`,
 * worked on by the engine, and read by the `transmit` of every port. Reused for ever.
 *
 * Who owns a frame: from `receive` on, the worker. `transmit` either copies the frame out, or keeps it and writes TAKEN into `at`.
 * What is not TAKEN in the end goes home by `release` of the port that received it.
 */
import { BURST_FRAMES, NONE } from '../base/terms.ts';

/** In `at`: a port has kept this frame. */
export const TAKEN = -2;

/** How a super-frame is to be cut (the GSO types of struct virtio_net_hdr, without the ECN bit). */
export const SegmentKind = { none: 0, tcpv4: 1, udpFragments: 3, tcpv6: 4, udp: 5 } as const;
export type SegmentKind = (typeof SegmentKind)[keyof typeof SegmentKind];

export class Burst {
  count = 0;
  /** Byte offset of the Ethernet header in the arena, or TAKEN. */
  readonly at = new Int32Array(BURST_FRAMES);
  /** Length of the frame, Ethernet header included, without FCS. */
  readonly bytes = new Int32Array(BURST_FRAMES);
  /** Index of the port that is to send the frame; NONE when it ends here. */
  readonly output = new Int32Array(BURST_FRAMES);
  /** ChecksumState. */
  readonly checksum = new Uint8Array(BURST_FRAMES);
  /** With ChecksumState.partial: offset from `at` where summing begins (the transport header). */
  readonly checksumStart = new Int32Array(BURST_FRAMES);
  /** With ChecksumState.partial: offset from there of the checksum field (TCP 16, UDP 6). */
  readonly checksumOffset = new Int32Array(BURST_FRAMES);
  /** SegmentKind; anything but none means one frame that stands for many (GSO). */
  readonly segmentKind = new Uint8Array(BURST_FRAMES);
  /** Payload bytes of each segment of a super-frame. */
  readonly segmentBytes = new Int32Array(BURST_FRAMES);

  /** Adds an ordinary frame with a complete checksum and no output. The caller has seen that `count` < BURST_FRAMES. */
  push(at: number, bytes: number): number {
    const i = this.count++;
    this.at[i] = at;
    this.bytes[i] = bytes;
    this.output[i] = NONE;
    this.checksum[i] = 0;
    this.segmentKind[i] = 0;
    return i;
  }
}
