// hot path

/** UDP header, RFC 768. `at` is the byte offset of the header in `v`. Getters read without bounds: call `check` first. */
export const HEADER_BYTES = 8;

/** Offset of the checksum field in the header. */
export const CHECKSUM_AT = 6;

const SOURCE_PORT = 0;
const TARGET_PORT = 2;
const LENGTH = 4;

/** After this returns true, neither a getter here nor a walk over `lengthBytes` reads outside [at, at + bytes). */
export function check(v: DataView, at: number, bytes: number): boolean {
  return bytes >= HEADER_BYTES && lengthBytes(v, at) >= HEADER_BYTES && lengthBytes(v, at) <= bytes;
}

export function sourcePort(v: DataView, at: number): number {
  return v.getUint16(at + SOURCE_PORT);
}

export function targetPort(v: DataView, at: number): number {
  return v.getUint16(at + TARGET_PORT);
}

/** Length of the datagram, header included; in a first fragment that of the whole datagram. */
export function lengthBytes(v: DataView, at: number): number {
  return v.getUint16(at + LENGTH);
}

/** 0 = the sender computed none. */
export function checksumField(v: DataView, at: number): number {
  return v.getUint16(at + CHECKSUM_AT);
}

export function setChecksumField(v: DataView, at: number, value: number): void {
  v.setUint16(at + CHECKSUM_AT, value);
}

/** Writes a header with checksum 0, which means "none" until the caller computes one. @param bytes header and payload */
export function writeHeader(v: DataView, at: number, source: number, target: number, bytes: number): void {
  v.setUint16(at + SOURCE_PORT, source);
  v.setUint16(at + TARGET_PORT, target);
  v.setUint16(at + LENGTH, bytes);
  v.setUint16(at + CHECKSUM_AT, 0);
}
