// hot path

/**
 * Sequence and acknowledgement numbers changed in place, and the blocks of selective acknowledgement (RFC 2018), each with the checksum
 * mended, and TCP payload replaced by a longer or shorter one.
 */
import { ChecksumState, Family, NONE } from '../base/terms.ts';
import * as checksum from './checksum.ts';
import type { Flow } from './flow.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import * as tcp from './tcp.ts';

/** Offsets in the header. */
const SEQUENCE_AT = 4;
const ACKNOWLEDGEMENT_AT = 8;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_SACK = 5;
const BLOCK_BYTES = 8;
/** As many as fit beside nothing else in 40 bytes of options. */
const MAX_BLOCKS = 4;

export function setSequence(v: DataView, flow: Flow, value: number, checksumState: number): void {
  setWord(v, flow, flow.l4 + SEQUENCE_AT, value, checksumState);
}

export function setAcknowledgement(v: DataView, flow: Flow, value: number, checksumState: number): void {
  setWord(v, flow, flow.l4 + ACKNOWLEDGEMENT_AT, value, checksumState);
}

/** Offset of the first block of the segment's selective acknowledgement, or NONE. Each block has two words, its first byte and the one behind it. */
export function blocksAt(v: DataView, flow: Flow): number {
  const end = flow.l4 + tcp.headerBytes(v, flow.l4);
  let at = flow.l4 + tcp.MIN_BYTES;
  // Goes on by one byte at least.
  while (at < end) {
    const kind = v.getUint8(at);
    if (kind === OPTION_END) return NONE;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const bytes = at + 1 < end ? v.getUint8(at + 1) : 0;
    if (bytes < 2 || at + bytes > end) return NONE;
    if (kind === OPTION_SACK) return at + 2;
    at += bytes;
  }
  return NONE;
}

/** How many blocks begin at `at`, an answer of `blocksAt`. */
export function blockCount(v: DataView, at: number): number {
  return Math.min(((v.getUint8(at - 1) - 2) / BLOCK_BYTES) | 0, MAX_BLOCKS);
}

/** Sets a word of the segment, which may stand on an odd offset, and mends the checksum, which does not cover it while it is partial. */
export function setWord(v: DataView, flow: Flow, at: number, value: number, checksumState: number): void {
  const old = v.getInt32(at);
  if (old === value) return;
  v.setInt32(at, value);
  if (checksumState === ChecksumState.partial) return;
  const delta = checksum.fold(checksum.difference32(old, value));
  // RFC 1071 section 2 (B): a sum does not depend on the order of bytes in its words, so an odd offset exchanges those of the delta.
  const swapped = ((delta & 0xff) << 8) | (delta >>> 8);
  tcp.setChecksumField(v, flow.l4, checksum.apply(tcp.checksumField(v, flow.l4), ((at - flow.l4) & 1) === 0 ? delta : swapped));
}

/**
 * Puts `count` bytes of `text` in the place of the payload's [from, to). What stands in front of it, headers and all, moves by the
 * difference, into the headroom or out of it, so that what stands behind stays. The IP length is mended, and the checksum while it is
 * partial; a complete one is the caller's to compute, when all is done.
 * @param at of the frame
 * @returns where the frame begins now
 */
export function replacePayload(
  v: DataView,
  bytes: Uint8Array,
  flow: Flow,
  at: number,
  from: number,
  to: number,
  text: Uint8Array,
  count: number,
  checksumState: number,
): number {
  const growth = count - (to - from);
  for (let i = 0; growth === 0 && i < count; i++) bytes[from + i] = text[i]!;
  if (growth === 0) return at;
  bytes.copyWithin(at - growth, at, from);
  flow.l3 -= growth;
  flow.l4 -= growth;
  if (flow.fragmentAt !== 0) flow.fragmentAt -= growth;
  for (let i = 0; i < count; i++) bytes[to - count + i] = text[i]!;
  const length = flow.end - flow.l4;
  if (flow.family === Family.v4) ipv4.setTotalBytes(v, flow.l3, flow.end - flow.l3);
  else ipv6.setPayloadBytes(v, flow.l3, flow.end - flow.l3 - ipv6.HEADER_BYTES);
  if (checksumState === ChecksumState.partial) {
    const delta = checksum.difference16(length - growth, length);
    tcp.setChecksumField(v, flow.l4, checksum.applyPartial(tcp.checksumField(v, flow.l4), delta));
  }
  return at - growth;
}
