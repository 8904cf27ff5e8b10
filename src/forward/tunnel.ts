// hot path

/**
 * Tunnels: outer headers are written into the headroom in front of the packet, which stays where it is.
 *
 *     ipip   | outer IP 20 or 40 |                     | packet |     RFC 2003, RFC 2473, RFC 4213
 *     gre    | outer IP          | GRE 4, or 8         | packet |     RFC 2784; 8 with checksum
 *     gue    | outer IP          | UDP 8     | GUE 4   | packet |     draft-ietf-intarea-gue
 *
 * Rules of the kernel's IPVS in specs/ipvs.md 2.8: DSCP copied; ECN copied, but ECT(0) for an inner CE; hop limit is the inner one after
 * its step; DF copied from an inner IPv4 packet; identification 0 under DF; flow label 0.
 */
import { finish, mix } from '../base/hash.ts';
import { Family, Protocol } from '../base/terms.ts';
import * as checksum from '../packet/checksum.ts';
import { etherTypeOf } from '../packet/ethernet.ts';
import { type Flow, FragmentKind } from '../packet/flow.ts';
import * as gre from '../packet/gre.ts';
import * as gue from '../packet/gue.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import { hasPorts } from '../packet/transport.ts';
import * as udp from '../packet/udp.ts';
import { TUNNEL_CHECKSUM, TUNNEL_PORT_SHIFT, TUNNEL_TYPE_BITS, TunnelType } from '../table/destinationRows.ts';
import type { DestinationTable } from '../table/destinations.ts';

const ECN_MASK = 3;
const ECN_CONGESTION = 3;
const ECN_CAPABLE_0 = 2;
/** Smallest path MTU inside a tunnel (RFC 791, RFC 8200). */
const MIN_TUNNEL_MTU_V4 = 68;
const MIN_TUNNEL_MTU_V6 = 1280;
/** Ports that a kernel gives to sockets that ask for none (net.ipv4.ip_local_port_range). */
const FIRST_EPHEMERAL_PORT = 32_768;
const EPHEMERAL_PORTS = 60_999 - FIRST_EPHEMERAL_PORT;

/** Bytes in front of the packet. @param tunnel word `tunnel` of the destination */
export function outerBytes(outerFamily: number, tunnel: number): number {
  return (outerFamily === Family.v4 ? ipv4.MIN_BYTES : ipv6.HEADER_BYTES) + betweenBytes(tunnel);
}

/** Bytes between the outer IP header and the packet. */
export function betweenBytes(tunnel: number): number {
  switch ((tunnel & TUNNEL_TYPE_BITS) as TunnelType) {
    case TunnelType.ipip:
      return 0;
    case TunnelType.gue:
      return udp.HEADER_BYTES + gue.HEADER_BYTES;
    case TunnelType.gre:
      return hasChecksum(tunnel) ? gre.CHECKSUMMED_BYTES : gre.MIN_BYTES;
  }
}

/** Whether the outer headers sum the packet: then its own checksum must be finished first. */
export function hasChecksum(tunnel: number): boolean {
  return (tunnel & TUNNEL_CHECKSUM) !== 0;
}

/** The smallest MTU that the tunnel must leave to the inner packet. */
export function minTunnelMtu(innerFamily: number): number {
  return innerFamily === Family.v4 ? MIN_TUNNEL_MTU_V4 : MIN_TUNNEL_MTU_V6;
}

/** TOS or traffic class of the outer header. */
export function outerTrafficClass(inner: number): number {
  return (inner & ECN_MASK) === ECN_CONGESTION ? (inner & ~ECN_MASK) | ECN_CAPABLE_0 : inner;
}

/**
 * Writes all outer headers in front of the packet of `innerBytes` at `l3`, which is as it will be sent.
 * @param inner describes the packet, its hop limit after its step; only its IP header is looked at
 * @param outer is filled with the outer packet's description
 * @param dontFragment whether the outer header forbids cutting; IPv4 only
 * @param identification of an outer IPv4 header that may be cut
 * @returns bytes written
 */
export function encapsulate(
  v: DataView,
  inner: Flow,
  l3: number,
  innerBytes: number,
  destinations: DestinationTable,
  d: number,
  outer: Flow,
  dontFragment: boolean,
  identification: number,
): number {
  const tunnel = destinations.tunnel(d);
  const between = betweenBytes(tunnel);
  describe(destinations, d, inner, tunnel, outer);
  outer.l4 = l3 - between;
  outer.end = l3 + innerBytes;
  writeBetween(v, inner, l3, innerBytes, tunnel, outer);
  const tos = outerTrafficClass(inner.trafficClass);
  const payload = between + innerBytes;
  if (outer.family === Family.v4) {
    outer.l3 = outer.l4 - ipv4.MIN_BYTES;
    const id = dontFragment ? 0 : identification & 0xffff;
    const flags = dontFragment ? ipv4.DONT_FRAGMENT : 0;
    const { protocol, source3, target3 } = outer;
    ipv4.writeHeader(v, outer.l3, ipv4.MIN_BYTES + payload, tos, id, flags, inner.hopLimit, protocol, source3, target3);
  } else {
    outer.l3 = outer.l4 - ipv6.HEADER_BYTES;
    writeOuterV6(v, outer, payload, tos, inner.hopLimit);
  }
  return l3 - outer.l3;
}

/** The same for all packets of one flow, so that networks on the way keep their order and spread flows. */
export function flowPort(inner: Flow): number {
  const ports =
    inner.fragment === FragmentKind.none && hasPorts(inner.protocol) ? (inner.sourcePort << 16) | inner.targetPort : 0;
  const low = mix(mix(mix(mix(inner.protocol, ports), inner.source3), inner.target3), inner.source0);
  const hash = finish(mix(mix(mix(mix(mix(low, inner.source1), inner.source2), inner.target0), inner.target1), inner.target2));
  return FIRST_EPHEMERAL_PORT + ((hash >>> 0) % EPHEMERAL_PORTS);
}

/** GUE and GRE headers with their checksums; nothing for IP in IP. */
function writeBetween(v: DataView, inner: Flow, l3: number, innerBytes: number, tunnel: number, outer: Flow): void {
  switch ((tunnel & TUNNEL_TYPE_BITS) as TunnelType) {
    case TunnelType.ipip:
      return;
    case TunnelType.gre: {
      const type = etherTypeOf(inner.family);
      if (hasChecksum(tunnel)) gre.writeChecksummedHeader(v, outer.l4, type, innerBytes);
      else gre.writeHeader(v, outer.l4, type);
      return;
    }
    case TunnelType.gue: {
      const bytes = udp.HEADER_BYTES + gue.HEADER_BYTES + innerBytes;
      gue.writeHeader(v, l3 - gue.HEADER_BYTES, innerProtocol(inner));
      udp.writeHeader(v, outer.l4, flowPort(inner), tunnel >>> TUNNEL_PORT_SHIFT, bytes);
      if (hasChecksum(tunnel)) checksum.completeTransport(v, outer);
    }
  }
}

function describe(destinations: DestinationTable, d: number, inner: Flow, tunnel: number, outer: Flow): void {
  outer.family = destinations.family(d);
  outer.fragment = FragmentKind.none;
  outer.protocol = outerProtocol(inner, tunnel);
  outer.source0 = destinations.tunnelSourceWord(d, 0);
  outer.source1 = destinations.tunnelSourceWord(d, 1);
  outer.source2 = destinations.tunnelSourceWord(d, 2);
  outer.source3 = destinations.tunnelSourceWord(d, 3);
  outer.target0 = destinations.addressWord(d, 0);
  outer.target1 = destinations.addressWord(d, 1);
  outer.target2 = destinations.addressWord(d, 2);
  outer.target3 = destinations.addressWord(d, 3);
}

function outerProtocol(inner: Flow, tunnel: number): number {
  switch ((tunnel & TUNNEL_TYPE_BITS) as TunnelType) {
    case TunnelType.ipip:
      return innerProtocol(inner);
    case TunnelType.gue:
      return Protocol.udp;
    case TunnelType.gre:
      return Protocol.gre;
  }
}

function innerProtocol(inner: Flow): number {
  return inner.family === Family.v4 ? Protocol.ipip : Protocol.ipv6;
}

function writeOuterV6(v: DataView, outer: Flow, payload: number, tos: number, hops: number): void {
  const { source0, source1, source2, source3, target0, target1, target2, target3, protocol } = outer;
  const l3 = outer.l3;
  ipv6.writeHeader(v, l3, payload, tos, protocol, hops, source0, source1, source2, source3, target0, target1, target2, target3);
}
