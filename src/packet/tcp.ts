// hot path

/** TCP header, RFC 9293. `at` is the byte offset of the header in `v`. Getters read without bounds: call `check` first. */

/** A header without options. */
export const MIN_BYTES = 20;

/** Bits of the flags byte. */
export const TcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;

/** Offset of the checksum field in the header. */
export const CHECKSUM_AT = 16;

const SOURCE_PORT = 0;
const TARGET_PORT = 2;
const SEQUENCE = 4;
const ACKNOWLEDGEMENT = 8;
const HEADER_WORDS = 12;
const FLAGS = 13;
const WINDOW = 14;
const URGENT = 18;

/** After this returns true, no getter here reads outside [at, at + bytes), options included. */
export function check(v: DataView, at: number, bytes: number): boolean {
  return bytes >= MIN_BYTES && headerBytes(v, at) >= MIN_BYTES && headerBytes(v, at) <= bytes;
}

export function sourcePort(v: DataView, at: number): number {
  return v.getUint16(at + SOURCE_PORT);
}

export function targetPort(v: DataView, at: number): number {
  return v.getUint16(at + TARGET_PORT);
}

/** @returns int32 */
export function sequence(v: DataView, at: number): number {
  return v.getInt32(at + SEQUENCE);
}

/** @returns int32 */
export function acknowledgement(v: DataView, at: number): number {
  return v.getInt32(at + ACKNOWLEDGEMENT);
}

/** Length of the header, options included. */
export function headerBytes(v: DataView, at: number): number {
  return (v.getUint8(at + HEADER_WORDS) >> 4) * 4;
}

/** See TcpFlag. */
export function flags(v: DataView, at: number): number {
  return v.getUint8(at + FLAGS);
}

export function windowBytes(v: DataView, at: number): number {
  return v.getUint16(at + WINDOW);
}

export function checksumField(v: DataView, at: number): number {
  return v.getUint16(at + CHECKSUM_AT);
}

export function setChecksumField(v: DataView, at: number, value: number): void {
  v.setUint16(at + CHECKSUM_AT, value);
}

/** Writes a header of MIN_BYTES with checksum 0, which the caller then computes. */
export function writeHeader(
  v: DataView,
  at: number,
  source: number,
  target: number,
  seq: number,
  ack: number,
  flagBits: number,
  window: number,
): void {
  v.setUint16(at + SOURCE_PORT, source);
  v.setUint16(at + TARGET_PORT, target);
  v.setInt32(at + SEQUENCE, seq);
  v.setInt32(at + ACKNOWLEDGEMENT, ack);
  v.setUint8(at + HEADER_WORDS, (MIN_BYTES / 4) << 4);
  v.setUint8(at + FLAGS, flagBits);
  v.setUint16(at + WINDOW, window);
  v.setUint16(at + CHECKSUM_AT, 0);
  v.setUint16(at + URGENT, 0);
}
