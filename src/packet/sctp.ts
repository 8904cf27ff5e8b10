// hot path

/**
 * SCTP common header and the first chunk, RFC 9260. `at` is the byte offset of the header in `v`.
 * Getters read without bounds: the packet has at least MIN_BYTES. The checksum is a CRC32c over the packet alone, without addresses.
 */

import { NONE } from '../base/terms.ts';

/** Common header (12) and the header of one chunk (4): a packet without a chunk carries nothing. */
export const MIN_BYTES = 16;

/** Chunk types that open, close or keep an association. */
export const SctpChunk = {
  data: 0,
  init: 1,
  initAck: 2,
  sack: 3,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
} as const;

const SOURCE_PORT = 0;
const TARGET_PORT = 2;
const VERIFICATION_TAG = 4;
const CHECKSUM = 8;
const FIRST_CHUNK = 12;
const CHUNK_HEADER_BYTES = 4;

/** CRC32c (Castagnoli), reflected polynomial 0x82f63b78, one entry per byte. */
const CRC_TABLE = crcTable();

export function sourcePort(v: DataView, at: number): number {
  return v.getUint16(at + SOURCE_PORT);
}

export function targetPort(v: DataView, at: number): number {
  return v.getUint16(at + TARGET_PORT);
}

/** @returns int32 */
export function verificationTag(v: DataView, at: number): number {
  return v.getInt32(at + VERIFICATION_TAG);
}

/** See SctpChunk. */
export function firstChunkType(v: DataView, at: number): number {
  return v.getUint8(at + FIRST_CHUNK);
}

/** Length of the first chunk as it says of itself, padding not counted. */
export function firstChunkBytes(v: DataView, at: number): number {
  return v.getUint16(at + FIRST_CHUNK + 2);
}

/**
 * Type of the chunk behind the first one.
 * @param end one past the last byte of the packet
 * @returns NONE when there is none, or the first one's length cannot be
 */
export function secondChunkType(v: DataView, at: number, end: number): number {
  const bytes = firstChunkBytes(v, at);
  const next = at + FIRST_CHUNK + ((bytes + 3) & ~3);
  return bytes >= CHUNK_HEADER_BYTES && next + CHUNK_HEADER_BYTES <= end ? v.getUint8(next) : NONE;
}

/** @returns int32, in the order in which CRC32c is computed (RFC 9260 appendix A: the field is little-endian) */
export function checksumField(v: DataView, at: number): number {
  return v.getInt32(at + CHECKSUM, true);
}

/** CRC32c of a packet of `bytes` with its checksum field taken as 0. One table lookup per byte. @returns int32 */
export function crc32c(v: DataView, at: number, bytes: number): number {
  let crc = -1;
  for (let i = 0; i < bytes; i++) {
    const byte = i >= CHECKSUM && i < FIRST_CHUNK ? 0 : v.getUint8(at + i);
    crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  }
  return ~crc;
}

/** Computes and writes the checksum of a packet of `bytes`. */
export function writeChecksum(v: DataView, at: number, bytes: number): void {
  v.setInt32(at + CHECKSUM, crc32c(v, at, bytes), true);
}

function crcTable(): Int32Array {
  const table = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    table[i] = crc;
  }
  return table;
}
