// hot path

/**
 * The options of a TCP header, changed in place where their length stays: what fullnat does to SYNs, and to options that a client must
 * not send. The checksum is mended unless it is partial, for then it covers none of them yet.
 */
import { ChecksumState, NONE } from '../base/terms.ts';
import * as checksum from '../packet/checksum.ts';
import type { Flow } from '../packet/flow.ts';
import * as tcp from '../packet/tcp.ts';

export const OptionKind = {
  end: 0,
  nop: 1,
  mss: 2,
  timestamps: 8,
  /** TOA with an IPv6 address, as some directors wrote it. */
  oldToa: 253,
  toa: 254,
} as const;

/** A segment this short needs no room: nobody sends such. */
const LEAST_MSS = 88;

/** Offset of the first option at or behind `from`, which is where one begins or the end of all; skips NOPs. NONE when there is none. */
export function nextOption(v: DataView, from: number, end: number): number {
  let at = from;
  // At most 40 steps: there are no more bytes.
  while (at < end && v.getUint8(at) === OptionKind.nop) at++;
  if (at + 1 >= end || v.getUint8(at) === OptionKind.end) return NONE;
  const bytes = v.getUint8(at + 1);
  return bytes < 2 || at + bytes > end ? NONE : at;
}

/** Offset one past the options of the TCP header at `l4`. */
export function optionsEnd(v: DataView, l4: number): number {
  return l4 + tcp.headerBytes(v, l4);
}

/** Overwrites every option of that kind by NOPs. @returns whether there was one */
export function blankOption(v: DataView, flow: Flow, kind: number, checksumState: number): boolean {
  const { l4 } = flow;
  const end = optionsEnd(v, l4);
  const before = optionsSum(v, l4);
  let found = false;
  for (let at = nextOption(v, l4 + tcp.MIN_BYTES, end); at !== NONE; ) {
    const bytes = v.getUint8(at + 1);
    if (v.getUint8(at) === kind) {
      for (let i = 0; i < bytes; i++) v.setUint8(at + i, OptionKind.nop);
      found = true;
    }
    at = nextOption(v, at + bytes, end);
  }
  if (found) mendOptions(v, flow, before, checksumState);
  return found;
}

/** Makes the segments that the other side may send shorter by `bytes`. Does nothing where no MSS is given. */
export function lowerMss(v: DataView, flow: Flow, bytes: number, checksumState: number): void {
  const { l4 } = flow;
  const end = optionsEnd(v, l4);
  for (let at = nextOption(v, l4 + tcp.MIN_BYTES, end); at !== NONE; at = nextOption(v, at + v.getUint8(at + 1), end)) {
    if (v.getUint8(at) !== OptionKind.mss || v.getUint8(at + 1) !== 4) continue;
    const mss = v.getUint16(at + 2);
    if (mss - bytes < LEAST_MSS) return;
    const before = optionsSum(v, l4);
    v.setUint16(at + 2, mss - bytes);
    mendOptions(v, flow, before, checksumState);
    return;
  }
}

/** Sum of all option bytes. */
export function optionsSum(v: DataView, l4: number): number {
  return checksum.sum(v, l4 + tcp.MIN_BYTES, tcp.headerBytes(v, l4) - tcp.MIN_BYTES, 0);
}

/** Mends the checksum after options were changed. @param before `optionsSum` from then */
export function mendOptions(v: DataView, { l4 }: Flow, before: number, checksumState: number): void {
  if (checksumState === ChecksumState.partial) return;
  const delta = (~before & 0xffff) + optionsSum(v, l4);
  tcp.setChecksumField(v, l4, checksum.apply(tcp.checksumField(v, l4), delta));
}
