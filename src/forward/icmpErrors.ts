// hot path

/**
 * ICMP errors that the director itself sends about a frame, written in front of the very frame they quote: nothing is copied, the
 * headroom takes the new headers.
 *
 *     before            | Ethernet 14 |IP packet ......................|
 *     after  |Ethernet 14|IP 20 or 40 |ICMP 8|quoted IP packet, cut    |
 *                                            ^ flow.l3
 *
 * Source is the packet's own destination (the virtual address), hop limit 64, as the kernel's IPVS does (specs/ipvs.md 2.8 step 7).
 */
import { Family, Protocol } from '../base/terms.ts';
import * as checksum from '../packet/checksum.ts';
import type { Flow } from '../packet/flow.ts';
import { writeHeader as writeIcmpHeader } from '../packet/icmp.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';

/** The errors that the director sends; each has its type and code in both families. */
export const IcmpError = {
  portUnreachable: 0,
  hostUnreachable: 1,
  timeExceeded: 2,
  tooBig: 3,
  reassemblyTimeExceeded: 4,
} as const;
export type IcmpError = (typeof IcmpError)[keyof typeof IcmpError];

/** RFC 792 and RFC 4443: type << 8 | code, by IcmpError. */
const V4_TYPE_AND_CODE = [0x0303, 0x0301, 0x0b00, 0x0304, 0x0b01] as const;
const V6_TYPE_AND_CODE = [0x0104, 0x0103, 0x0300, 0x0200, 0x0301] as const;

const ICMP_BYTES = 8;
const HOP_LIMIT = 64;
/** A whole IPv4 packet of 576 bytes (RFC 1812, 4.3.2.3), an IPv6 one of 1280 (RFC 4443, 2.4 c). */
const V4_QUOTE_BYTES = 576 - 20 - ICMP_BYTES;
const V6_QUOTE_BYTES = 1280 - 40 - ICMP_BYTES;
/** Precedence "internetwork control", kept TOS bits (RFC 1812, 4.3.2.5). */
const INTERNET_CONTROL = 0xc0;
const TOS_BITS = 0x1e;

/** Bytes that the new IP and ICMP headers take in front of `flow.l3`. */
export function headersBytes(flow: Flow): number {
  return (flow.family === Family.v4 ? 20 : 40) + ICMP_BYTES;
}

/** Bytes of the packet that are quoted. */
export function quotedBytes(flow: Flow): number {
  const limit = flow.family === Family.v4 ? V4_QUOTE_BYTES : V6_QUOTE_BYTES;
  return Math.min(flow.end - flow.l3, limit);
}

/** Type << 8 | code of an error about a packet of that family. */
export function typeAndCodeOf(family: number, error: IcmpError): number {
  return family === Family.v4 ? V4_TYPE_AND_CODE[error] : V6_TYPE_AND_CODE[error];
}

/**
 * Writes IP and ICMP header in front of `flow.l3`; the Ethernet header there is gone afterwards.
 * @param typeAndCode see `typeAndCodeOf`
 * @param word the second word of the ICMP header: the next hop's MTU for tooBig, else 0
 * @param s0 the four words of the source address
 */
export function writeError(
  v: DataView,
  flow: Flow,
  typeAndCode: number,
  word: number,
  identification: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): void {
  const icmp = flow.l3 - ICMP_BYTES;
  const icmpBytes = ICMP_BYTES + quotedBytes(flow);
  const v4 = flow.family === Family.v4;
  writeIcmpHeader(v, icmp, typeAndCode >> 8, typeAndCode & 0xff, word);
  if (v4) {
    const tos = (flow.trafficClass & TOS_BITS) | INTERNET_CONTROL;
    ipv4.writeHeader(v, icmp - 20, 20 + icmpBytes, tos, identification, 0, HOP_LIMIT, Protocol.icmp, s3, flow.source3);
    checksum.writeIcmp(v, icmp, icmpBytes);
  } else {
    const l3 = icmp - 40;
    ipv6.writeHeader(
      v,
      l3,
      icmpBytes,
      0,
      Protocol.icmpv6,
      HOP_LIMIT,
      s0,
      s1,
      s2,
      s3,
      flow.source0,
      flow.source1,
      flow.source2,
      flow.source3,
    );
    checksum.writeIcmpv6(v, l3, icmp, icmpBytes);
  }
}
