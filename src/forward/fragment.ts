// hot path

/**
 * Cuts an IP packet that may be cut, RFC 791 section 3.2 (v4) and RFC 8200 section 4.5 (v6): each piece is written to a frame of its
 * own, the original stays. The caller walks `offset`, in multiples of 8.
 */
import * as checksum from '../packet/checksum.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';

const OFFSET_MASK = 0x1fff;
/** IPv4 options whose first bit is set are in every piece, the others only in the first. */
const COPIED = 0x80;
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;

/** Payload bytes of each piece but the last: what fits, in units of eight bytes. */
export function pieceBytes(mtu: number, headerBytes: number): number {
  return (mtu - headerBytes) & ~7;
}

/**
 * Writes one piece of the IPv4 packet at `l3` to `to`.
 * @param offset of the piece in this packet's payload, a multiple of 8
 * @param dontFragment whether the piece says so
 * @returns bytes of the piece, header included
 */
export function writePieceV4(
  v: DataView,
  bytes: Uint8Array,
  l3: number,
  to: number,
  offset: number,
  length: number,
  dontFragment: boolean,
): number {
  const header = ipv4.headerBytes(v, l3);
  const flags = v.getUint16(l3 + 6);
  const last = header + offset + length >= ipv4.totalBytes(v, l3);
  bytes.copyWithin(to, l3, l3 + header);
  bytes.copyWithin(to + header, l3 + header + offset, l3 + header + offset + length);
  if (offset > 0 && header > ipv4.MIN_BYTES) dropUncopiedOptions(v, to, header);
  const more = last ? flags & ipv4.MORE_FRAGMENTS : ipv4.MORE_FRAGMENTS;
  const whole = dontFragment ? ipv4.DONT_FRAGMENT : 0;
  v.setUint16(to + 2, header + length);
  v.setUint16(to + 6, whole | more | ((flags & OFFSET_MASK) + (offset >> 3)));
  checksum.writeIpv4Header(v, to);
  return header + length;
}

/**
 * Writes one piece of the IPv6 packet at `l3` to `to`.
 * @param header bytes in front of what is cut, see `unfragmentableBytes`
 * @returns bytes of the piece, headers included
 */
export function writePieceV6(
  v: DataView,
  bytes: Uint8Array,
  l3: number,
  header: number,
  to: number,
  offset: number,
  length: number,
  identification: number,
): number {
  const total = ipv6.HEADER_BYTES + ipv6.payloadBytes(v, l3);
  const nextAt = nextHeaderFieldAt(v, l3, header) - l3;
  const more = header + offset + length < total;
  bytes.copyWithin(to, l3, l3 + header);
  bytes.copyWithin(to + header + ipv6.FRAGMENT_HEADER_BYTES, l3 + header + offset, l3 + header + offset + length);
  ipv6.writeFragmentHeader(v, to + header, v.getUint8(l3 + nextAt), offset, more, identification);
  v.setUint8(to + nextAt, ipv6.NextHeader.fragment);
  const pieceTotal = header + ipv6.FRAGMENT_HEADER_BYTES + length;
  ipv6.setPayloadBytes(v, to, pieceTotal - ipv6.HEADER_BYTES);
  return pieceTotal;
}

/**
 * Bytes of the IPv6 packet at `l3` that every piece carries: the fixed header and what routers look at, that is hop-by-hop options, a
 * routing header, and destination options in front of one (RFC 8200, 4.5; as the kernel, also where no routing header follows).
 */
export function unfragmentableBytes(v: DataView, l3: number): number {
  let next = ipv6.nextHeader(v, l3);
  let at = l3 + ipv6.HEADER_BYTES;
  let routed = false;
  for (let count = 0; count < ipv6.MAX_EXTENSION_HEADERS; count++) {
    const isOptions = next === ipv6.NextHeader.hopByHop || (next === ipv6.NextHeader.destinationOptions && !routed);
    if (!isOptions && next !== ipv6.NextHeader.routing) break;
    if (next === ipv6.NextHeader.routing) routed = true;
    const bytes = ipv6.extensionBytes(v, at, next);
    next = ipv6.extensionNext(v, at);
    at += bytes;
  }
  return at - l3;
}

/** Where the number of the header stands that begins `header` bytes behind the IPv6 header at `l3`. */
export function nextHeaderFieldAt(v: DataView, l3: number, header: number): number {
  let field = l3 + 6;
  let next = ipv6.nextHeader(v, l3);
  let at = l3 + ipv6.HEADER_BYTES;
  for (let count = 0; count < ipv6.MAX_EXTENSION_HEADERS && at < l3 + header; count++) {
    field = at;
    const bytes = ipv6.extensionBytes(v, at, next);
    next = ipv6.extensionNext(v, at);
    at += bytes;
  }
  return field;
}

/** Overwrites with no-operations the options that only the first piece carries. */
function dropUncopiedOptions(v: DataView, l3: number, header: number): void {
  let at = l3 + ipv4.MIN_BYTES;
  const end = l3 + header;
  while (at < end) {
    const kind = v.getUint8(at);
    if (kind === END_OF_OPTIONS) return;
    const length = kind === NO_OPERATION || at + 1 >= end ? 1 : Math.max(2, v.getUint8(at + 1));
    const stop = Math.min(at + length, end);
    if ((kind & COPIED) === 0) for (let i = at; i < stop; i++) v.setUint8(i, NO_OPERATION);
    at = stop;
  }
}
