// hot path

/**
 * The Internet checksum (RFC 1071) and its repair (RFC 1624): the one place for this arithmetic.
 *
 * A *sum* is the one's-complement sum of 16-bit words, not complemented; a *field* is what stands in a header: the complement of
 * a sum, except in a frame with a partial checksum, where it is the sum of the pseudo-header alone. Additions are of non-negative
 * integers with end-around carry, so a sum is 0 only if all its words were: 0 and 0xffff do not get mixed up.
 */
import { Family, Protocol } from '../base/terms.ts';
import type { Flow } from './flow.ts';
import * as icmp from './icmp.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';

/** Longest stretch that `sum` adds without losing a carry: an IP packet. */
export const MAX_SUM_BYTES = 65_535;

const IPV4_CHECKSUM = 10;
const IPV6_ADDRESSES = 8;
/** FragmentKind.none; flow.ts imports this file, so its constants cannot be imported here. */
const FRAGMENT_NONE = 0;

/** Folds the carries of a sum below 2^32 back in. @returns 0 to 0xffff */
export function fold(sum32: number): number {
  const once = (sum32 & 0xffff) + (sum32 >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/**
 * Sum of `bytes` bytes and `start`; an odd last byte counts as if a zero followed.
 * @param bytes at most MAX_SUM_BYTES
 * @param start another sum to add, folded or not, at most 2^30
 * @returns folded, 0 to 0xffff
 */
export function sum(v: DataView, at: number, bytes: number, start: number): number {
  // Two accumulators of 16-bit halves, each below 2^30 after 16384 words: they stay int32, and with `start` fit 32 bits.
  let high = 0;
  let low = 0;
  const wordsEnd = at + (bytes & ~3);
  let i = at;
  for (; i < wordsEnd; i += 4) {
    const word = v.getInt32(i);
    high += word >>> 16;
    low += word & 0xffff;
  }
  if ((bytes & 2) !== 0) {
    high += v.getUint16(i);
    i += 2;
  }
  if ((bytes & 1) !== 0) low += v.getUint8(i) << 8;
  return fold((high + low + start) | 0);
}

/** What a 16-bit word's change adds to a sum. Deltas may be added to one another, a few thousand at most. */
export function difference16(oldWord: number, newWord: number): number {
  return (~oldWord & 0xffff) + (newWord & 0xffff);
}

/** What the change of a 32-bit word on an even offset adds to a sum. Deltas may be added to one another. */
export function difference32(oldWord: number, newWord: number): number {
  return (~oldWord >>> 16) + (~oldWord & 0xffff) + (newWord >>> 16) + (newWord & 0xffff);
}

/** RFC 1624 equation 3: the new field after the words it covers changed by `delta`. A wrong checksum stays as wrong as it was. */
export function apply(field: number, delta: number): number {
  return ~fold((~field & 0xffff) + delta) & 0xffff;
}

/**
 * The new field of a partial checksum: an uncomplemented sum of the pseudo-header. Only changes of addresses go in; ports are
 * in the transport header, which whoever completes the checksum will sum as it then is.
 */
export function applyPartial(field: number, delta: number): number {
  return fold(field + delta);
}

/** What the checksum field of the IPv4 header at `l3` should be. */
export function ipv4Header(v: DataView, l3: number): number {
  const all = sum(v, l3, (v.getUint8(l3) & 15) * 4, 0);
  return ~fold(all + difference16(v.getUint16(l3 + IPV4_CHECKSUM), 0)) & 0xffff;
}

export function writeIpv4Header(v: DataView, l3: number): void {
  v.setUint16(l3 + IPV4_CHECKSUM, 0);
  v.setUint16(l3 + IPV4_CHECKSUM, ~sum(v, l3, (v.getUint8(l3) & 15) * 4, 0) & 0xffff);
}

/** True when the header's checksum is right. */
export function verifyIpv4Header(v: DataView, l3: number): boolean {
  return sum(v, l3, (v.getUint8(l3) & 15) * 4, 0) === 0xffff;
}

/** Sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1), by the addresses and protocol of `flow`. */
export function pseudoHeaderSum(flow: Flow, l4Bytes: number): number {
  // An IPv4 flow has zeros in words 0 to 2, which add nothing: one line for both families.
  const high =
    (flow.source0 >>> 16) +
    (flow.source1 >>> 16) +
    (flow.source2 >>> 16) +
    (flow.source3 >>> 16) +
    (flow.target0 >>> 16) +
    (flow.target1 >>> 16) +
    (flow.target2 >>> 16) +
    (flow.target3 >>> 16);
  const low =
    (flow.source0 & 0xffff) +
    (flow.source1 & 0xffff) +
    (flow.source2 & 0xffff) +
    (flow.source3 & 0xffff) +
    (flow.target0 & 0xffff) +
    (flow.target1 & 0xffff) +
    (flow.target2 & 0xffff) +
    (flow.target3 & 0xffff);
  return fold(high + low + flow.protocol + l4Bytes);
}

/** Computes and writes the whole TCP or UDP checksum of an unfragmented packet (a flow of parseFlow); does nothing to others. */
export function completeTransport(v: DataView, flow: Flow): void {
  if (flow.fragment !== FRAGMENT_NONE) return;
  const bytes = coveredBytes(v, flow);
  if (flow.protocol === Protocol.tcp) {
    tcp.setChecksumField(v, flow.l4, 0);
    tcp.setChecksumField(v, flow.l4, ~sum(v, flow.l4, bytes, pseudoHeaderSum(flow, bytes)) & 0xffff);
  } else if (flow.protocol === Protocol.udp) {
    udp.setChecksumField(v, flow.l4, 0);
    const field = ~sum(v, flow.l4, bytes, pseudoHeaderSum(flow, bytes)) & 0xffff;
    // RFC 768: a computed 0 goes out as 0xffff, for 0 means "no checksum".
    udp.setChecksumField(v, flow.l4, field === 0 ? 0xffff : field);
  }
}

/**
 * True when the field of a TCP or UDP packet equals the pseudo-header's sum, as the kernel leaves it for an offloading interface;
 * AF_XDP shows such frames on veth and virtio without saying so.
 *
 * One complete checksum in 65 536 looks the same by chance. Completing it then is harmless: a right checksum is computed to what
 * it was. Only a frame that was damaged on its way and also meets that chance would be made valid.
 */
export function holdsOnlyPseudoHeader(v: DataView, flow: Flow): boolean {
  if (flow.fragment !== FRAGMENT_NONE) return false;
  if (flow.protocol === Protocol.tcp) {
    return tcp.checksumField(v, flow.l4) === pseudoHeaderSum(flow, flow.end - flow.l4);
  }
  if (flow.protocol !== Protocol.udp) return false;
  return udp.checksumField(v, flow.l4) === pseudoHeaderSum(flow, udp.lengthBytes(v, flow.l4));
}

/** For ChecksumState.unknown: completes what holds only the pseudo-header sum. Afterwards the checksum is as on a wire. */
export function completeIfPartial(v: DataView, flow: Flow): void {
  if (holdsOnlyPseudoHeader(v, flow)) completeTransport(v, flow);
}

/**
 * True when the checksum of the TCP, UDP, ICMP or ICMPv6 message in an unfragmented packet is right, or is UDP's 0 ("none").
 * Protocols without such a checksum, and fragments, count as right: nothing says otherwise.
 */
export function verifyTransport(v: DataView, flow: Flow): boolean {
  if (flow.fragment !== FRAGMENT_NONE) return true;
  const bytes = coveredBytes(v, flow);
  switch (flow.protocol) {
    case Protocol.udp:
      if (udp.checksumField(v, flow.l4) === 0) return true;
      return sum(v, flow.l4, bytes, pseudoHeaderSum(flow, bytes)) === 0xffff;
    case Protocol.tcp:
      return sum(v, flow.l4, bytes, pseudoHeaderSum(flow, bytes)) === 0xffff;
    case Protocol.icmp:
      return flow.family !== Family.v4 || verifyIcmp(v, flow.l4, bytes);
    case Protocol.icmpv6:
      return flow.family !== Family.v6 || verifyIcmpv6(v, flow.l3, flow.l4, bytes);
    default:
      return true;
  }
}

/** Computes and writes the checksum of the ICMP message of `bytes` at `l4`. */
export function writeIcmp(v: DataView, l4: number, bytes: number): void {
  icmp.setChecksumField(v, l4, 0);
  icmp.setChecksumField(v, l4, ~sum(v, l4, bytes, 0) & 0xffff);
}

export function verifyIcmp(v: DataView, l4: number, bytes: number): boolean {
  return sum(v, l4, bytes, 0) === 0xffff;
}

/** Computes and writes the checksum of the ICMPv6 message of `bytes` at `l4`, with the addresses of the IPv6 header at `l3`. */
export function writeIcmpv6(v: DataView, l3: number, l4: number, bytes: number): void {
  icmp.setChecksumField(v, l4, 0);
  icmp.setChecksumField(v, l4, ~sum(v, l4, bytes, icmpv6PseudoHeader(v, l3, bytes)) & 0xffff);
}

export function verifyIcmpv6(v: DataView, l3: number, l4: number, bytes: number): boolean {
  return sum(v, l4, bytes, icmpv6PseudoHeader(v, l3, bytes)) === 0xffff;
}

function icmpv6PseudoHeader(v: DataView, l3: number, bytes: number): number {
  return sum(v, l3 + IPV6_ADDRESSES, 32, Protocol.icmpv6 + bytes);
}

/** Bytes that the transport checksum covers. RFC 768: UDP's own length, which may end before the IP packet does. */
function coveredBytes(v: DataView, flow: Flow): number {
  return flow.protocol === Protocol.udp ? udp.lengthBytes(v, flow.l4) : flow.end - flow.l4;
}
