// hot path

/**
 * Changes in place to the packet that an ICMP error quotes, described by the Flow that `parseQuoted` filled: address, port, and
 * the quoted IPv4 header's checksum. The quoted transport checksum stays as it is, as in the kernel: it covers bytes that the
 * quote lacks. The checksum of the error itself covers all of this: the caller writes it anew (checksum.writeIcmp, writeIcmpv6).
 *
 *     l3 of the error     l4          l4 + icmp.QUOTE_AT = quoted.l3     quoted.l4
 *     | ip                | icmp      | ip of the quoted packet          | 8 bytes or more |
 */
import { Family } from '../base/terms.ts';
import type { Flow } from './flow.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import { hasPorts, SOURCE_PORT_AT, TARGET_PORT_AT } from './transport.ts';

/** Sets the quoted source address, and the source port if the protocol has one. @param a0 to a3: as in Flow, IPv4 in a3 */
export function rewriteQuotedSource(
  v: DataView,
  quoted: Flow,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
): void {
  if (quoted.family === Family.v4) ipv4.setSourceAddress(v, quoted.l3, a3);
  else ipv6.setSourceAddress(v, quoted.l3, a0, a1, a2, a3);
  quoted.source0 = a0;
  quoted.source1 = a1;
  quoted.source2 = a2;
  quoted.source3 = a3;
  if (!hasPorts(quoted.protocol)) return;
  v.setUint16(quoted.l4 + SOURCE_PORT_AT, port);
  quoted.sourcePort = port;
}

/** Sets the quoted target address, and the target port if the protocol has one. @param a0 to a3: as in Flow, IPv4 in a3 */
export function rewriteQuotedTarget(
  v: DataView,
  quoted: Flow,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
): void {
  if (quoted.family === Family.v4) ipv4.setTargetAddress(v, quoted.l3, a3);
  else ipv6.setTargetAddress(v, quoted.l3, a0, a1, a2, a3);
  quoted.target0 = a0;
  quoted.target1 = a1;
  quoted.target2 = a2;
  quoted.target3 = a3;
  if (!hasPorts(quoted.protocol)) return;
  v.setUint16(quoted.l4 + TARGET_PORT_AT, port);
  quoted.targetPort = port;
}
