// hot path

/**
 * TOA, "TCP option address": tells a real server who the client is, whose address fullnat replaces. In front of the other options, so
 * that everything before it moves into the headroom and the rest stays:
 *
 *     | ethernet | ip | tcp, 20 bytes | TOA | other options | data |
 *
 *     254  8 port address                IPv4
 *     254 20 port address                IPv6
 */
import { ChecksumState, Family, NONE } from '../base/terms.ts';
import * as checksum from '../packet/checksum.ts';
import type { Flow } from '../packet/flow.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import * as tcp from '../packet/tcp.ts';
import { nextOption, OptionKind, optionsEnd, optionsSum } from './tcpOptions.ts';

/** From `insertToa`: the options are too many. */
export const NO_ROOM = 64;

const MAX_OPTION_BYTES = 40;
const HEADER_WORDS_AT = 12;

/** The options that stay, while they are put in order. */
const kept = new Uint8Array(MAX_OPTION_BYTES);

/** Bytes of the option. */
export function toaBytes(family: number): number {
  return family === Family.v4 ? 8 : 20;
}

/**
 * Puts the option with the packet's source into the header; where there is no room, NOPs and padding make way first.
 * @param at Ethernet header of the frame, which has headroom
 * @returns by how many bytes the frame now begins earlier, which may be less than 0; NO_ROOM, and nothing has changed
 */
export function insertToa(v: DataView, bytes: Uint8Array, at: number, flow: Flow, checksumState: number): number {
  const { l4 } = flow;
  const old = tcp.headerBytes(v, l4) - tcp.MIN_BYTES;
  const own = toaBytes(flow.family);
  const others = own + old <= MAX_OPTION_BYTES ? keepAll(bytes, l4, old) : keepReal(v, bytes, l4);
  const options = (own + others + 3) & ~3;
  if (options > MAX_OPTION_BYTES) return NO_ROOM;
  const grown = options - old;
  const before = optionsSum(v, l4) + headerWord(v, l4);
  bytes.copyWithin(at - grown, at, l4 + tcp.MIN_BYTES);
  flow.l3 -= grown;
  flow.l4 -= grown;
  const start = flow.l4 + tcp.MIN_BYTES;
  writeToa(v, start, own, flow);
  for (let i = 0; i < others; i++) v.setUint8(start + own + i, kept[i]!);
  for (let i = own + others; i < options; i++) v.setUint8(start + i, OptionKind.nop);
  v.setUint8(flow.l4 + HEADER_WORDS_AT, (v.getUint8(flow.l4 + HEADER_WORDS_AT) & 15) | (((tcp.MIN_BYTES + options) / 4) << 4));
  mendLengths(v, flow, grown, before, checksumState);
  return grown;
}

/** @returns how many bytes */
function keepAll(bytes: Uint8Array, l4: number, count: number): number {
  for (let i = 0; i < count; i++) kept[i] = bytes[l4 + tcp.MIN_BYTES + i]!;
  return count;
}

/** Keeps what is neither padding nor NOP. @returns how many bytes */
function keepReal(v: DataView, bytes: Uint8Array, l4: number): number {
  const end = optionsEnd(v, l4);
  let count = 0;
  for (let at = nextOption(v, l4 + tcp.MIN_BYTES, end); at !== NONE; ) {
    const length = v.getUint8(at + 1);
    for (let i = 0; i < length; i++) kept[count + i] = bytes[at + i]!;
    count += length;
    at = nextOption(v, at + length, end);
  }
  return count;
}

function writeToa(v: DataView, at: number, length: number, flow: Flow): void {
  v.setUint8(at, OptionKind.toa);
  v.setUint8(at + 1, length);
  v.setUint16(at + 2, flow.sourcePort);
  if (flow.family === Family.v4) {
    v.setInt32(at + 4, flow.source3);
    return;
  }
  v.setInt32(at + 4, flow.source0);
  v.setInt32(at + 8, flow.source1);
  v.setInt32(at + 12, flow.source2);
  v.setInt32(at + 16, flow.source3);
}

/** The word of header length and flags, as a sum. */
function headerWord(v: DataView, l4: number): number {
  return v.getUint16(l4 + HEADER_WORDS_AT);
}

/** @param before sum of the options and of the word of header length, as they were */
function mendLengths(v: DataView, flow: Flow, grown: number, before: number, checksumState: number): void {
  const { l3, l4, end } = flow;
  if (flow.family === Family.v4) ipv4.setTotalBytes(v, l3, end - l3);
  else ipv6.setPayloadBytes(v, l3, end - l3 - ipv6.HEADER_BYTES);
  // The pseudo-header has the length.
  const length = checksum.difference16(end - l4 - grown, end - l4);
  const field = tcp.checksumField(v, l4);
  if (checksumState === ChecksumState.partial) {
    tcp.setChecksumField(v, l4, checksum.applyPartial(field, length));
    return;
  }
  const delta = (~checksum.fold(before) & 0xffff) + optionsSum(v, l4) + headerWord(v, l4) + length;
  tcp.setChecksumField(v, l4, checksum.apply(field, delta));
}
