// hot path

/**
 * What the short way changes in a plain IPv4 packet, words at a time: hop limit, addresses, ports and the checksums that cover them
 * (RFC 1624). For fastPath.ts, which draws the words; `at` is the Ethernet header, `hop` the word of TTL, protocol and header checksum.
 */
import { ChecksumState, Protocol } from '../base/terms.ts';
import { fold } from '../packet/checksum.ts';
import type { EngineState } from './state.ts';

const ETHERNET_BYTES = 14;
const IP_BYTES = 20;
const DONT_FRAGMENT = 0x4000;
/** What one hop less adds to the sum of the IP header: the word of TTL and protocol is smaller by 0x100. */
const HOP_DELTA = 0xfeff;

/** One hop less, nothing else. */
export function takeHop(v: DataView, at: number, hop: number): void {
  const checksum = ~fold((~hop & 0xffff) + HOP_DELTA) & 0xffff;
  v.setInt32(at + 22, ((hop - 0x0100_0000) & ~0xffff) | checksum);
}

/**
 * One hop less, another address and port, and the checksums that cover them (RFC 1624).
 * @param side 0 = the source, 1 = the target
 */
export function rewrite(
  v: DataView,
  at: number,
  side: number,
  hop: number,
  oldAddress: number,
  address: number,
  oldPort: number,
  port: number,
  fieldAt: number,
  checksum: number,
  isUdp: boolean,
): void {
  const delta = (~oldAddress >>> 16) + (~oldAddress & 0xffff) + (address >>> 16) + (address & 0xffff);
  const header = ~fold((~hop & 0xffff) + HOP_DELTA + delta) & 0xffff;
  v.setInt32(at + 22, ((hop - 0x0100_0000) & ~0xffff) | header);
  v.setInt32(at + 26 + side * 4, address);
  v.setUint16(at + 34 + side * 2, port);
  const field = v.getUint16(fieldAt);
  if (checksum === ChecksumState.partial) v.setUint16(fieldAt, fold(field + delta));
  else {
    const mended = ~fold((~field & 0xffff) + delta + (~oldPort & 0xffff) + port) & 0xffff;
    v.setUint16(fieldAt, mended === 0 && isUdp ? 0xffff : mended);
  }
}

/**
 * As `rewrite`, of both addresses and ports.
 * @param addresses sum of the old addresses' halves
 * @param oldPorts source << 16 | target
 */
export function rewriteBoth(
  v: DataView,
  at: number,
  hop: number,
  addresses: number,
  source: number,
  target: number,
  oldPorts: number,
  ports: number,
  fieldAt: number,
  checksum: number,
  isUdp: boolean,
): void {
  // The complement of a sum is the sum of complements: four words were added up.
  const delta = 4 * 0xffff - addresses + (source >>> 16) + (source & 0xffff) + (target >>> 16) + (target & 0xffff);
  const header = ~fold((~hop & 0xffff) + HOP_DELTA + delta) & 0xffff;
  v.setInt32(at + 22, ((hop - 0x0100_0000) & ~0xffff) | header);
  v.setInt32(at + 26, source);
  v.setInt32(at + 30, target);
  v.setInt32(at + 34, ports);
  const field = v.getUint16(fieldAt);
  if (checksum === ChecksumState.partial) v.setUint16(fieldAt, fold(field + delta));
  else {
    const gone = (~oldPorts >>> 16) + (~oldPorts & 0xffff);
    const mended = ~fold((~field & 0xffff) + delta + gone + (ports >>> 16) + (ports & 0xffff)) & 0xffff;
    v.setUint16(fieldAt, mended === 0 && isUdp ? 0xffff : mended);
  }
}

/** Writes the outer header in front of the packet at `at` + 14, whose words as received are given (see forward/tunnel.ts). */
export function encapsulate(
  s: EngineState,
  at: number,
  first: number,
  fragment: number,
  hop: number,
  source: number,
  target: number,
): void {
  const { v } = s;
  const outer = at + ETHERNET_BYTES - IP_BYTES;
  const ecnIsCe = ((first >>> 16) & 3) === 3;
  const outerFirst = (first & ~0xffff & (ecnIsCe ? ~0x1_0000 : -1)) | ((first & 0xffff) + IP_BYTES);
  const isWhole = (fragment & DONT_FRAGMENT) !== 0;
  if (!isWhole) s.identification = (s.identification + 1) & 0xffff;
  const outerFragment = isWhole ? DONT_FRAGMENT : s.identification << 16;
  const outerHop = ((hop - 0x0100_0000) & ~0xff_ffff) | (Protocol.ipip << 16);
  const sum =
    (outerFirst >>> 16) +
    (outerFirst & 0xffff) +
    (outerFragment >>> 16) +
    (outerFragment & 0xffff) +
    (outerHop >>> 16) +
    (source >>> 16) +
    (source & 0xffff) +
    (target >>> 16) +
    (target & 0xffff);
  v.setInt32(outer, outerFirst);
  v.setInt32(outer + 4, outerFragment);
  v.setInt32(outer + 8, outerHop | (~fold(sum) & 0xffff));
  v.setInt32(outer + 12, source);
  v.setInt32(outer + 16, target);
}
