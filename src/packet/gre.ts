// hot path

/**
 * GRE header, RFC 2784: version 0, at most the checksum option; no key, no sequence (RFC 2890), as kernel IPVS speaks it.
 * `at` is the byte offset of the header in `v`. Getters read without bounds: call `check` first.
 */
import * as checksum from './checksum.ts';

/** A header without options. */
export const MIN_BYTES = 4;
/** A header with the checksum option. */
export const CHECKSUMMED_BYTES = 8;

const CHECKSUM_PRESENT = 0x8000;
const CHECKSUM = 4;

/** True for the headers that this file can write: then no getter here reads outside [at, at + bytes). */
export function check(v: DataView, at: number, bytes: number): boolean {
  if (bytes < MIN_BYTES || (v.getUint16(at) & ~CHECKSUM_PRESENT) !== 0) return false;
  return bytes >= headerBytes(v, at);
}

/** Length of the header: MIN_BYTES or CHECKSUMMED_BYTES. */
export function headerBytes(v: DataView, at: number): number {
  return (v.getUint16(at) & CHECKSUM_PRESENT) === 0 ? MIN_BYTES : CHECKSUMMED_BYTES;
}

/** The Ethernet type of the packet inside. */
export function etherType(v: DataView, at: number): number {
  return v.getUint16(at + 2);
}

/** Writes a header of MIN_BYTES. */
export function writeHeader(v: DataView, at: number, type: number): void {
  v.setUint16(at, 0);
  v.setUint16(at + 2, type);
}

/** Writes a header of CHECKSUMMED_BYTES in front of a packet of `innerBytes` that is already as it will be sent. */
export function writeChecksummedHeader(v: DataView, at: number, type: number, innerBytes: number): void {
  v.setUint16(at, CHECKSUM_PRESENT);
  v.setUint16(at + 2, type);
  v.setInt32(at + CHECKSUM, 0);
  v.setUint16(at + CHECKSUM, ~checksum.sum(v, at, CHECKSUMMED_BYTES + innerBytes, 0) & 0xffff);
}

/** True when there is no checksum, or a right one, over a header and packet of `bytes`. */
export function verify(v: DataView, at: number, bytes: number): boolean {
  return headerBytes(v, at) === MIN_BYTES || checksum.sum(v, at, bytes, 0) === 0xffff;
}
