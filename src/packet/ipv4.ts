// hot path

/**
 * IPv4 header, RFC 791. `at` is the byte offset of the header in `v`; addresses are int32 in host order.
 * Getters read without bounds: call `check` first. Every setter mends the header checksum (RFC 1624).
 */
import * as checksum from './checksum.ts';

/** A header without options. */
export const MIN_BYTES = 20;

/** Bits of the word that holds the fragment offset. */
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;

const TRAFFIC_CLASS = 1;
const TOTAL_BYTES = 2;
const IDENTIFICATION = 4;
const FRAGMENT = 6;
const HOP_LIMIT = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SOURCE = 12;
const TARGET = 16;

const OFFSET_MASK = 0x1fff;

/** After this returns true, no getter here reads outside [at, at + bytes), options included. Total length is not looked at. */
export function check(v: DataView, at: number, bytes: number): boolean {
  if (bytes < MIN_BYTES) return false;
  const first = v.getUint8(at);
  return first >= 0x45 && first <= 0x4f && (first & 15) * 4 <= bytes;
}

/** Length of the header, options included. */
export function headerBytes(v: DataView, at: number): number {
  return (v.getUint8(at) & 15) * 4;
}

/** DSCP and ECN: the whole TOS byte. */
export function trafficClass(v: DataView, at: number): number {
  return v.getUint8(at + TRAFFIC_CLASS);
}

/** Length of the packet, header included. */
export function totalBytes(v: DataView, at: number): number {
  return v.getUint16(at + TOTAL_BYTES);
}

export function identification(v: DataView, at: number): number {
  return v.getUint16(at + IDENTIFICATION);
}

export function dontFragment(v: DataView, at: number): boolean {
  return (v.getUint16(at + FRAGMENT) & DONT_FRAGMENT) !== 0;
}

export function moreFragments(v: DataView, at: number): boolean {
  return (v.getUint16(at + FRAGMENT) & MORE_FRAGMENTS) !== 0;
}

/** Where this fragment's payload belongs in the datagram's, bytes. */
export function fragmentOffset(v: DataView, at: number): number {
  return (v.getUint16(at + FRAGMENT) & OFFSET_MASK) * 8;
}

/** TTL. */
export function hopLimit(v: DataView, at: number): number {
  return v.getUint8(at + HOP_LIMIT);
}

export function protocol(v: DataView, at: number): number {
  return v.getUint8(at + PROTOCOL);
}

export function headerChecksum(v: DataView, at: number): number {
  return v.getUint16(at + CHECKSUM);
}

export function sourceAddress(v: DataView, at: number): number {
  return v.getInt32(at + SOURCE);
}

export function targetAddress(v: DataView, at: number): number {
  return v.getInt32(at + TARGET);
}

/** Mends the header checksum; the transport checksum is the caller's (see transport.ts, which does both). */
export function setSourceAddress(v: DataView, at: number, address: number): void {
  const delta = checksum.difference32(v.getInt32(at + SOURCE), address);
  v.setInt32(at + SOURCE, address);
  mend(v, at, delta);
}

/** Mends the header checksum; the transport checksum is the caller's (see transport.ts, which does both). */
export function setTargetAddress(v: DataView, at: number, address: number): void {
  const delta = checksum.difference32(v.getInt32(at + TARGET), address);
  v.setInt32(at + TARGET, address);
  mend(v, at, delta);
}

/** One less; the caller has seen that it is above 1. */
export function decrementHopLimit(v: DataView, at: number): void {
  const word = v.getUint16(at + HOP_LIMIT);
  v.setUint16(at + HOP_LIMIT, word - 0x100);
  mend(v, at, checksum.difference16(word, (word - 0x100) & 0xffff));
}

export function setTrafficClass(v: DataView, at: number, value: number): void {
  const word = v.getUint16(at);
  const changed = (word & 0xff00) | value;
  v.setUint16(at, changed);
  mend(v, at, checksum.difference16(word, changed));
}

export function setTotalBytes(v: DataView, at: number, bytes: number): void {
  const delta = checksum.difference16(v.getUint16(at + TOTAL_BYTES), bytes);
  v.setUint16(at + TOTAL_BYTES, bytes);
  mend(v, at, delta);
}

/** Says which piece of its datagram this packet is; DF is cleared. @param offset bytes, a multiple of 8 */
export function setFragment(v: DataView, at: number, offset: number, more: boolean): void {
  const word = v.getUint16(at + FRAGMENT);
  const changed = (offset >> 3) | (more ? MORE_FRAGMENTS : 0);
  v.setUint16(at + FRAGMENT, changed);
  mend(v, at, checksum.difference16(word, changed));
}

/**
 * Writes a header of MIN_BYTES with a right checksum.
 * @param total bytes of the packet, this header included
 * @param fragmentWord DONT_FRAGMENT, or MORE_FRAGMENTS and the offset in units of 8 bytes, or 0
 */
export function writeHeader(
  v: DataView,
  at: number,
  total: number,
  trafficClassByte: number,
  id: number,
  fragmentWord: number,
  ttl: number,
  upper: number,
  source: number,
  target: number,
): void {
  v.setUint8(at, 0x45);
  v.setUint8(at + TRAFFIC_CLASS, trafficClassByte);
  v.setUint16(at + TOTAL_BYTES, total);
  v.setUint16(at + IDENTIFICATION, id);
  v.setUint16(at + FRAGMENT, fragmentWord);
  v.setUint8(at + HOP_LIMIT, ttl);
  v.setUint8(at + PROTOCOL, upper);
  v.setInt32(at + SOURCE, source);
  v.setInt32(at + TARGET, target);
  checksum.writeIpv4Header(v, at);
}

function mend(v: DataView, at: number, delta: number): void {
  v.setUint16(at + CHECKSUM, checksum.apply(v.getUint16(at + CHECKSUM), delta));
}
