// hot path

/**
 * ICMP (RFC 792) and ICMPv6 (RFC 4443) headers: one layout, different types, and only ICMPv6 sums a pseudo-header.
 * `at` is the byte offset of the header in `v`. Getters read without bounds: the message has at least HEADER_BYTES.
 */
import { Family } from '../base/terms.ts';

export const HEADER_BYTES = 8;

/** Where an error message quotes the packet that it is about, from the start of the ICMP header. */
export const QUOTE_AT = 8;

/** Offset of the checksum field in the header. */
export const CHECKSUM_AT = 2;

/** Types of ICMP for IPv4 that are named somewhere (IANA, ICMP Parameters). */
export const IcmpType = {
  echoReply: 0,
  unreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

/** Types of ICMPv6 that are named somewhere; below 128 they are errors. */
export const Icmpv6Type = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
} as const;

/** Codes of the errors that a director sends. */
export const IcmpCode = { hostUnreachable: 1, portUnreachable: 3, fragmentationNeeded: 4, portUnreachableV6: 4 } as const;

const REST = 4;
/** No path is narrower (RFC 791, RFC 8200). */
const MIN_MTU_V4 = 68;
const MIN_MTU_V6 = 1280;

/** See IcmpType and Icmpv6Type. */
export function type(v: DataView, at: number): number {
  return v.getUint8(at);
}

export function code(v: DataView, at: number): number {
  return v.getUint8(at + 1);
}

export function checksumField(v: DataView, at: number): number {
  return v.getUint16(at + CHECKSUM_AT);
}

export function setChecksumField(v: DataView, at: number, value: number): void {
  v.setUint16(at + CHECKSUM_AT, value);
}

/** The second word of the header, whose meaning is the type's. @returns int32 */
export function rest(v: DataView, at: number): number {
  return v.getInt32(at + REST);
}

/** Of an echo message. */
export function identifier(v: DataView, at: number): number {
  return v.getUint16(at + REST);
}

/** Of an echo message. */
export function sequence(v: DataView, at: number): number {
  return v.getUint16(at + REST + 2);
}

/** Of an IPv4 "fragmentation needed" (RFC 1191); 0 from routers older than that. */
export function nextHopMtu(v: DataView, at: number): number {
  return v.getUint16(at + REST + 2);
}

/** Of an ICMPv6 "packet too big". */
export function packetTooBigMtu(v: DataView, at: number): number {
  return v.getUint32(at + REST);
}

/** Makes the MTU that a "too big" names smaller by `bytes`; other errors name none. The caller writes the checksum anew. */
export function lowerMtu(v: DataView, at: number, family: number, bytes: number): void {
  const isV4 = family === Family.v4;
  if (type(v, at) !== (isV4 ? IcmpType.unreachable : Icmpv6Type.packetTooBig)) return;
  if (isV4 && code(v, at) !== IcmpCode.fragmentationNeeded) return;
  const mtu = isV4 ? nextHopMtu(v, at) : packetTooBigMtu(v, at);
  if (mtu < (isV4 ? MIN_MTU_V4 : MIN_MTU_V6) + bytes) return;
  if (isV4) v.setUint16(at + REST + 2, mtu - bytes);
  else v.setUint32(at + REST, mtu - bytes);
}

/** Writes a header with checksum 0, which the caller then computes (checksum.writeIcmp, writeIcmpv6). @param word see `rest` */
export function writeHeader(v: DataView, at: number, messageType: number, messageCode: number, word: number): void {
  v.setUint8(at, messageType);
  v.setUint8(at + 1, messageCode);
  v.setUint16(at + CHECKSUM_AT, 0);
  v.setInt32(at + REST, word);
}
