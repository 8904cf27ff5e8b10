// hot path

/**
 * IP in IP: the outer header is written into the headroom in front of the packet, which stays where it is (RFC 2003, RFC 2473,
 * RFC 4213). Rules of the kernel's IPVS in specs/ipvs.md 2.8: DSCP copied; ECN copied, but ECT(0) for an inner CE; hop limit is
 * the inner one after its step; DF copied from an inner IPv4 packet; identification 0 under DF; flow label 0.
 */
import { Family, Protocol } from '../base/terms.ts';
import type { Flow } from '../packet/flow.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { DestinationTable } from '../table/destinations.ts';

const ECN_MASK = 3;
const ECN_CONGESTION = 3;
const ECN_CAPABLE_0 = 2;
const DONT_FRAGMENT = 0x4000;
/** Smallest path MTU inside a tunnel (RFC 791, RFC 8200). */
export const MIN_TUNNEL_MTU_V4 = 68;
export const MIN_TUNNEL_MTU_V6 = 1280;

/** Bytes of the outer header. */
export function outerBytes(outerFamily: number): number {
  return outerFamily === Family.v4 ? 20 : 40;
}

/** The smallest MTU that the tunnel must leave to the inner packet. */
export function minTunnelMtu(innerFamily: number): number {
  return innerFamily === Family.v4 ? MIN_TUNNEL_MTU_V4 : MIN_TUNNEL_MTU_V6;
}

/** TOS or traffic class of the outer header. */
export function outerTrafficClass(inner: number): number {
  return (inner & ECN_MASK) === ECN_CONGESTION ? (inner & ~ECN_MASK) | ECN_CAPABLE_0 : inner;
}

/** Whether the outer header forbids fragmentation: only what an inner IPv4 packet itself forbids. */
export function outerDontFragment(flow: Flow): boolean {
  return flow.family === Family.v4 && flow.dontFragment !== 0;
}

/**
 * Writes an outer IPv4 header that ends at `l3`, around the inner packet of `innerBytes` there.
 * @param identification used when the outer packet may be fragmented
 */
export function encapsulateInV4(
  v: DataView,
  flow: Flow,
  l3: number,
  innerBytes: number,
  identification: number,
  source: number,
  target: number,
): void {
  const protocol = flow.family === Family.v4 ? Protocol.ipip : Protocol.ipv6;
  const whole = outerDontFragment(flow);
  const tos = outerTrafficClass(flow.trafficClass);
  const id = whole ? 0 : identification & 0xffff;
  ipv4.writeHeader(v, l3 - 20, 20 + innerBytes, tos, id, whole ? DONT_FRAGMENT : 0, flow.hopLimit, protocol, source, target);
}

/** Writes an outer IPv6 header that ends at `l3`, from the tunnel source to the address of destination `d`. */
export function encapsulateInV6(
  v: DataView,
  flow: Flow,
  l3: number,
  innerBytes: number,
  destinations: DestinationTable,
  d: number,
): void {
  const next = flow.family === Family.v4 ? Protocol.ipip : Protocol.ipv6;
  ipv6.writeHeader(
    v,
    l3 - 40,
    innerBytes,
    outerTrafficClass(flow.trafficClass),
    next,
    flow.hopLimit,
    destinations.tunnelSourceWord(d, 0),
    destinations.tunnelSourceWord(d, 1),
    destinations.tunnelSourceWord(d, 2),
    destinations.tunnelSourceWord(d, 3),
    destinations.addressWord(d, 0),
    destinations.addressWord(d, 1),
    destinations.addressWord(d, 2),
    destinations.addressWord(d, 3),
  );
}
