// hot path

/** What hardware does for a frame with a partial checksum, for ports that have none: sums the rest and complements (RFC 1071). */
import type { NativeAddon } from './native.ts';

/**
 * Completes the checksum of the frame of `bytes` at `at`, whose field holds the uncomplemented pseudo-header sum.
 * @param start offset from `at` where summing begins
 * @param offset offset from there of the checksum field
 */
export function completeChecksum(
  calls: Pick<NativeAddon, 'checksum'>,
  v: DataView<ArrayBuffer>,
  at: number,
  bytes: number,
  start: number,
  offset: number,
): void {
  const sum = calls.checksum(v.buffer, at + start, bytes - start);
  // A sum of 0 goes out as 0xffff: the same number in ones' complement, and for UDP 0 would mean "no checksum" (RFC 768).
  v.setUint16(at + start + offset, ~sum & 0xffff || 0xffff);
}
