// hot path

/**
 * struct virtio_net_hdr (VIRTIO 1.2, section 5.1.6): what goes with a frame between the kernel and us, ten bytes just in front of it.
 * Little endian. Its GSO types are our SegmentKind, plus a bit for ECN that the stack does not need back.
 *
 *     flags 1 | GSO type 1 | header bytes 2 | segment bytes 2 | checksum start 2 | checksum offset 2 | frame
 */
import { ChecksumState } from '../base/terms.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';

export const VIRTIO_HEADER_BYTES = 10;

const FLAGS = 0;
const SEGMENT_KIND = 1;
const HEADER_BYTES = 2;
const SEGMENT_BYTES = 4;
const CHECKSUM_START = 6;
const CHECKSUM_OFFSET = 8;
const NEEDS_CHECKSUM = 1;
const ECN = 0x80;
const TCP_DATA_OFFSET = 12;
const UDP_HEADER_BYTES = 8;

/**
 * Sets checksum and segmentation of entry `i` from the header at `at`. Everything but NEEDS_CSUM counts as complete: a frame that
 * came off a wire has the checksum that the wire gave it.
 * @param linkBytes what the header does not count, because the frame got an Ethernet header only here (TUN)
 */
export function readVirtioHeader(v: DataView, at: number, burst: Burst, i: number, linkBytes: number): void {
  const flags = v.getUint8(at + FLAGS);
  const kind = v.getUint8(at + SEGMENT_KIND) & ~ECN;
  if ((flags & NEEDS_CHECKSUM) !== 0) {
    burst.checksum[i] = ChecksumState.partial;
    burst.checksumStart[i] = v.getUint16(at + CHECKSUM_START, true) + linkBytes;
    burst.checksumOffset[i] = v.getUint16(at + CHECKSUM_OFFSET, true);
  }
  if (kind === SegmentKind.none) return;
  burst.segmentKind[i] = kind;
  burst.segmentBytes[i] = v.getUint16(at + SEGMENT_BYTES, true);
}

/**
 * Writes the header for entry `i` at `at`.
 * @param linkBytes bytes of the frame that are not sent (TUN: the Ethernet header)
 */
export function writeVirtioHeader(v: DataView, at: number, burst: Burst, i: number, linkBytes: number): void {
  v.setInt32(at, 0);
  v.setInt32(at + SEGMENT_BYTES, 0);
  v.setInt16(at + CHECKSUM_OFFSET, 0);
  if (burst.checksum[i] === ChecksumState.partial) {
    v.setUint8(at + FLAGS, NEEDS_CHECKSUM);
    v.setUint16(at + CHECKSUM_START, burst.checksumStart[i]! - linkBytes, true);
    v.setUint16(at + CHECKSUM_OFFSET, burst.checksumOffset[i]!, true);
  }
  if (burst.segmentKind[i] === SegmentKind.none) return;
  v.setUint8(at + SEGMENT_KIND, burst.segmentKind[i]!);
  v.setUint16(at + HEADER_BYTES, headerBytes(v, burst, i) - linkBytes, true);
  v.setUint16(at + SEGMENT_BYTES, burst.segmentBytes[i]!, true);
}

/** Bytes of super-frame `i` that every segment repeats: all headers up to the transport header, which is where summing begins. */
export function headerBytes(v: DataView, burst: Burst, i: number): number {
  const transport = burst.checksumStart[i]!;
  const kind = burst.segmentKind[i];
  if (kind === SegmentKind.udp || kind === SegmentKind.udpFragments) return transport + UDP_HEADER_BYTES;
  return transport + ((v.getUint8(burst.at[i]! + transport + TCP_DATA_OFFSET) >> 4) << 2);
}
