// hot path

/**
 * IPv6 header and its extension headers, RFC 8200. `at` is the byte offset of the header in `v`; an address is four int32 words.
 * Getters read without bounds: call `check`, or for an extension header `checkExtension`, first. No header checksum, but the
 * addresses are in the transport's pseudo-header: transport.ts changes both.
 */
export const HEADER_BYTES = 40;

/** Extension headers that a packet may have before it is refused: a limit of ours, real chains have one to three. */
export const MAX_EXTENSION_HEADERS = 8;

/** Next-header values that the walk knows, apart from upper-layer protocols. */
export const NextHeader = { hopByHop: 0, routing: 43, fragment: 44, none: 59, destinationOptions: 60 } as const;

/** Length of a fragment header, and the least of every other extension header. */
export const FRAGMENT_HEADER_BYTES = 8;

const PAYLOAD_BYTES = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const TARGET = 24;

/** After this returns true, no getter of the fixed header reads outside [at, at + bytes). */
export function check(v: DataView, at: number, bytes: number): boolean {
  return bytes >= HEADER_BYTES && v.getUint8(at) >> 4 === 6;
}

export function trafficClass(v: DataView, at: number): number {
  return (v.getUint16(at) >> 4) & 0xff;
}

export function flowLabel(v: DataView, at: number): number {
  return v.getInt32(at) & 0xfffff;
}

/** Bytes after the fixed header, extension headers included. */
export function payloadBytes(v: DataView, at: number): number {
  return v.getUint16(at + PAYLOAD_BYTES);
}

export function nextHeader(v: DataView, at: number): number {
  return v.getUint8(at + NEXT_HEADER);
}

export function hopLimit(v: DataView, at: number): number {
  return v.getUint8(at + HOP_LIMIT);
}

/** @param word 0 to 3, most significant first */
export function sourceWord(v: DataView, at: number, word: number): number {
  return v.getInt32(at + SOURCE + word * 4);
}

/** @param word 0 to 3, most significant first */
export function targetWord(v: DataView, at: number, word: number): number {
  return v.getInt32(at + TARGET + word * 4);
}

/** The transport checksum is the caller's (see transport.ts, which does both). */
export function setSourceAddress(v: DataView, at: number, a0: number, a1: number, a2: number, a3: number): void {
  setAddress(v, at + SOURCE, a0, a1, a2, a3);
}

/** The transport checksum is the caller's (see transport.ts, which does both). */
export function setTargetAddress(v: DataView, at: number, a0: number, a1: number, a2: number, a3: number): void {
  setAddress(v, at + TARGET, a0, a1, a2, a3);
}

/** One less; the caller has seen that it is above 1. */
export function decrementHopLimit(v: DataView, at: number): void {
  v.setUint8(at + HOP_LIMIT, v.getUint8(at + HOP_LIMIT) - 1);
}

export function setTrafficClass(v: DataView, at: number, value: number): void {
  v.setUint16(at, (v.getUint16(at) & 0xf00f) | (value << 4));
}

export function setPayloadBytes(v: DataView, at: number, bytes: number): void {
  v.setUint16(at + PAYLOAD_BYTES, bytes);
}

export function setNextHeader(v: DataView, at: number, next: number): void {
  v.setUint8(at + NEXT_HEADER, next);
}

/**
 * Writes a header of HEADER_BYTES with flow label 0; addresses as words, most significant first.
 * @param payload bytes behind this header
 */
export function writeHeader(
  v: DataView,
  at: number,
  payload: number,
  trafficClassByte: number,
  next: number,
  hops: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  t0: number,
  t1: number,
  t2: number,
  t3: number,
): void {
  v.setInt32(at, 0x60000000 | (trafficClassByte << 20));
  v.setUint16(at + PAYLOAD_BYTES, payload);
  v.setUint8(at + NEXT_HEADER, next);
  v.setUint8(at + HOP_LIMIT, hops);
  setAddress(v, at + SOURCE, s0, s1, s2, s3);
  setAddress(v, at + TARGET, t0, t1, t2, t3);
}

/** True for the next-header values that the walk passes by. */
export function isExtension(next: number): boolean {
  return (
    next === NextHeader.hopByHop ||
    next === NextHeader.destinationOptions ||
    next === NextHeader.routing ||
    next === NextHeader.fragment
  );
}

/** True when the extension header of that kind at `at` lies within `bytes`. */
export function checkExtension(v: DataView, at: number, bytes: number, kind: number): boolean {
  return bytes >= FRAGMENT_HEADER_BYTES && extensionBytes(v, at, kind) <= bytes;
}

/** What follows the extension header at `at`, of any kind. */
export function extensionNext(v: DataView, at: number): number {
  return v.getUint8(at);
}

/** Length of the extension header at `at`, a multiple of 8. In a fragment header the length byte is reserved and says nothing. */
export function extensionBytes(v: DataView, at: number, kind: number): number {
  return kind === NextHeader.fragment ? FRAGMENT_HEADER_BYTES : (v.getUint8(at + 1) + 1) * 8;
}

/** Of a routing header: stations still to visit; above 0 the packet's target is not the final one. */
export function segmentsLeft(v: DataView, at: number): number {
  return v.getUint8(at + 3);
}

/** Of a fragment header: where the payload belongs in the datagram's, bytes. */
export function fragmentOffset(v: DataView, at: number): number {
  return v.getUint16(at + 2) & 0xfff8;
}

/** Of a fragment header. */
export function moreFragments(v: DataView, at: number): boolean {
  return (v.getUint8(at + 3) & 1) !== 0;
}

/** Of a fragment header. @returns int32 */
export function fragmentIdentification(v: DataView, at: number): number {
  return v.getInt32(at + 4);
}

/** Writes a fragment header of FRAGMENT_HEADER_BYTES. @param offset bytes, a multiple of 8 */
export function writeFragmentHeader(v: DataView, at: number, next: number, offset: number, more: boolean, id: number): void {
  v.setUint8(at, next);
  v.setUint8(at + 1, 0);
  v.setUint16(at + 2, offset | (more ? 1 : 0));
  v.setInt32(at + 4, id);
}

function setAddress(v: DataView, at: number, a0: number, a1: number, a2: number, a3: number): void {
  v.setInt32(at, a0);
  v.setInt32(at + 4, a1);
  v.setInt32(at + 8, a2);
  v.setInt32(at + 12, a3);
}
