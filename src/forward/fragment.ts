// hot path

/**
 * Cuts an IP packet that may be cut, RFC 791 section 3.2 (v4) and RFC 8200 section 4.5 (v6): each piece is written to a frame of its
 * own, the original stays. The caller walks `offset` in steps of `pieceBytes`.
 */
import * as checksum from '../packet/checksum.ts';

const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;
const FRAGMENT_HEADER = 44;
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
 * @returns bytes of the piece, header included
 */
export function writePieceV4(v: DataView, bytes: Uint8Array, l3: number, to: number, offset: number, length: number): number {
  const header = (v.getUint8(l3) & 15) * 4;
  const total = v.getUint16(l3 + 2);
  const flags = v.getUint16(l3 + 6);
  const last = header + offset + length >= total;
  bytes.copyWithin(to, l3, l3 + header);
  bytes.copyWithin(to + header, l3 + header + offset, l3 + header + offset + length);
  if (offset > 0 && header > 20) dropUncopiedOptions(v, to, header);
  const more = last ? flags & MORE_FRAGMENTS : MORE_FRAGMENTS;
  v.setUint16(to + 2, header + length);
  v.setUint16(to + 6, more | ((flags & OFFSET_MASK) + (offset >> 3)));
  checksum.writeIpv4Header(v, to);
  return header + length;
}

/** Writes one piece of the IPv6 packet at `l3` (no extension headers: our own tunnel's) to `to`. @returns its bytes */
export function writePieceV6(
  v: DataView,
  bytes: Uint8Array,
  l3: number,
  to: number,
  offset: number,
  length: number,
  identification: number,
): number {
  const payload = v.getUint16(l3 + 4);
  bytes.copyWithin(to, l3, l3 + 40);
  bytes.copyWithin(to + 48, l3 + 40 + offset, l3 + 40 + offset + length);
  v.setUint16(to + 4, 8 + length);
  v.setUint8(to + 40, v.getUint8(l3 + 6));
  v.setUint8(to + 6, FRAGMENT_HEADER);
  v.setUint8(to + 41, 0);
  v.setUint16(to + 42, offset | (offset + length < payload ? 1 : 0));
  v.setInt32(to + 44, identification);
  return 48 + length;
}

/** Overwrites with no-operations the options that only the first piece carries. */
function dropUncopiedOptions(v: DataView, l3: number, header: number): void {
  let at = l3 + 20;
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
