// hot path

/**
 * What a frame is, found out once. `parseFlow` checks every length that later code relies on and fills the one reused Flow; after
 * FlowFault.none no getter used on the headers that it points to reads outside the frame.
 *
 *     at         l3            l4                       end      at + bytes
 *     | ethernet | ip, options | transport header, data | padding |
 */
import { Family, Protocol } from '../base/terms.ts';
import * as checksum from './checksum.ts';
import * as ethernet from './ethernet.ts';
import * as icmp from './icmp.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import * as sctp from './sctp.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';

/** Which part of a datagram a packet is; only `later` has no transport header. */
export const FragmentKind = { none: 0, first: 1, later: 2 } as const;
export type FragmentKind = (typeof FragmentKind)[keyof typeof FragmentKind];

/** Why a frame is no flow. The names are those of the drop counters. */
export const FlowFault = {
  none: 0,
  /** ARP, LLDP, a VLAN tag, any other Ethernet type: not ours, rather than wrong. */
  notIp: 1,
  truncatedEthernet: 2,
  /** Version, header length below 20, or a header longer than the packet or the frame. */
  malformedIpv4: 3,
  badIpv4Checksum: 4,
  /** Version, or a header (fixed or extension) longer than the packet or the frame, or a misplaced hop-by-hop header. */
  malformedIpv6: 5,
  /** The IP header is whole, but says that the packet is longer than the frame. */
  truncatedIp: 6,
  truncatedTransport: 7,
  tooManyExtensionHeaders: 8,
  /** Beyond 65 535 bytes, not the last and no multiple of 8, empty, nested; in a quote: not the first. */
  malformedFragment: 9,
} as const;
export type FlowFault = (typeof FlowFault)[keyof typeof FlowFault];

/** FlowFault -> its name. */
export const FLOW_FAULT_NAMES: readonly string[] = Object.keys(FlowFault);

/** Bytes of the transport header that hold both ports: an ICMP error must quote no more than these. */
const PORTS_BYTES = 4;
/** What a first fragment must hold of the transport header so that it is read. */
const FIRST_FRAGMENT_BYTES = 8;
const MAX_DATAGRAM_BYTES = 65_535;

/** One packet's description; a worker has a few and reuses them for ever. Offsets are absolute in the arena. */
export class Flow {
  /** Family, or 0 when the frame is not IP. */
  family = 0;
  /** Offset of the IP header. */
  l3 = 0;
  /** Offset of the transport header; in a later fragment, of its payload. */
  l4 = 0;
  /** Offset one past the last byte of the IP packet; padding of the frame lies behind it. */
  end = 0;
  /** Upper-layer protocol, behind all extension headers. */
  protocol = 0;
  /** Source address, int32 words in host order; IPv4 in word 3. */
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  /** Target address, as the source. */
  target0 = 0;
  target1 = 0;
  target2 = 0;
  target3 = 0;
  /** 0 in later fragments and protocols without ports. */
  sourcePort = 0;
  targetPort = 0;
  /** FragmentKind. */
  fragment = 0;
  /** IPv4: the identification, of every packet. IPv6: int32 of the fragment header, 0 without one. */
  fragmentId = 0;
  /** Where this fragment's payload belongs in the datagram's, bytes. */
  fragmentOffset = 0;
  /** 0 or 1. */
  moreFragments = 0;
  /** Offset of the IPv6 fragment header, 0 without one. A whole packet may have one, too (RFC 6946). */
  fragmentAt = 0;
  /** TcpFlag bits; 0 unless TCP. */
  tcpFlags = 0;
  /** 0 unless ICMP over IPv4 or ICMPv6 over IPv6. */
  icmpType = 0;
  icmpCode = 0;
  hopLimit = 0;
  trafficClass = 0;
  /** 0 or 1; IPv6 never fragments on the way, so 1. */
  dontFragment = 0;
}

/** Describes the frame of `bytes` at `at` (Ethernet header). After any fault but notIp, `flow` is filled as far as the fault. */
export function parseFlow(v: DataView, at: number, bytes: number, flow: Flow): FlowFault {
  flow.family = 0;
  if (bytes < ethernet.HEADER_BYTES) return FlowFault.truncatedEthernet;
  const l3 = at + ethernet.HEADER_BYTES;
  switch (ethernet.etherType(v, at)) {
    case ethernet.EtherType.ipv4:
      return parseIpv4(v, l3, at + bytes, flow);
    case ethernet.EtherType.ipv6:
      return parseIpv6(v, l3, at + bytes, flow);
    default:
      return FlowFault.notIp;
  }
}

/** As `parseFlow` for an IP packet without a link header, by its version nibble: the inside of a tunnel, a TUN device. */
export function parseIp(v: DataView, at: number, bytes: number, flow: Flow): FlowFault {
  flow.family = 0;
  const version = bytes > 0 ? v.getUint8(at) >> 4 : 0;
  if (version === Family.v4) return parseIpv4(v, at, at + bytes, flow);
  return version === Family.v6 ? parseIpv6(v, at, at + bytes, flow) : FlowFault.notIp;
}

/**
 * Describes the packet that an ICMP error quotes: [at, end) begins with its IP header, and is as much of it as the error carries.
 * Wants the IP header and 4 bytes behind it, no more; neither header checksum nor lengths need be true, for routers on the way
 * change the one and cut the other. `flow.end` is the end of the quote.
 */
export function parseQuoted(v: DataView, at: number, end: number, flow: Flow): FlowFault {
  flow.family = 0;
  const version = end > at ? v.getUint8(at) >> 4 : 0;
  let fault: FlowFault = FlowFault.notIp;
  if (version === Family.v4) {
    if (!ipv4.check(v, at, end - at)) return FlowFault.malformedIpv4;
    readIpv4(v, at, end, flow);
    fault = FlowFault.none;
  } else if (version === Family.v6) {
    if (!ipv6.check(v, at, end - at)) return FlowFault.malformedIpv6;
    readIpv6(v, at, end, flow);
    fault = walkExtensions(v, flow);
  }
  if (fault !== FlowFault.none) return fault;
  if (flow.fragment === FragmentKind.later) return FlowFault.malformedFragment;
  if (flow.end - flow.l4 < PORTS_BYTES) return FlowFault.truncatedTransport;
  readTransport(v, flow);
  return FlowFault.none;
}

/** True for the ICMP errors that concern connections: IPv4 unreachable, source quench, time exceeded; IPv6 types 1 to 127. */
export function isIcmpError(flow: Flow): boolean {
  const type = flow.icmpType;
  if (flow.family === Family.v6) return type >= 1 && type <= 127;
  return type === icmp.IcmpType.unreachable || type === icmp.IcmpType.sourceQuench || type === icmp.IcmpType.timeExceeded;
}

/** Where the piece of its datagram begins that a fragment carries: behind the IPv4 header or the IPv6 fragment header. */
export function fragmentPayloadAt(flow: Flow): number {
  return flow.fragmentAt === 0 ? flow.l4 : flow.fragmentAt + ipv6.FRAGMENT_HEADER_BYTES;
}

function parseIpv4(v: DataView, l3: number, frameEnd: number, flow: Flow): FlowFault {
  if (!ipv4.check(v, l3, frameEnd - l3)) return FlowFault.malformedIpv4;
  if (!checksum.verifyIpv4Header(v, l3)) return FlowFault.badIpv4Checksum;
  const end = l3 + ipv4.totalBytes(v, l3);
  if (end < l3 + ipv4.headerBytes(v, l3)) return FlowFault.malformedIpv4;
  if (end > frameEnd) return FlowFault.truncatedIp;
  readIpv4(v, l3, end, flow);
  return parseRest(v, flow);
}

function parseIpv6(v: DataView, l3: number, frameEnd: number, flow: Flow): FlowFault {
  if (!ipv6.check(v, l3, frameEnd - l3)) return FlowFault.malformedIpv6;
  const end = l3 + ipv6.HEADER_BYTES + ipv6.payloadBytes(v, l3);
  if (end > frameEnd) return FlowFault.truncatedIp;
  readIpv6(v, l3, end, flow);
  const fault = walkExtensions(v, flow);
  return fault === FlowFault.none ? parseRest(v, flow) : fault;
}

function readIpv4(v: DataView, l3: number, end: number, flow: Flow): void {
  flow.family = Family.v4;
  flow.l3 = l3;
  flow.l4 = l3 + ipv4.headerBytes(v, l3);
  flow.end = end;
  flow.protocol = ipv4.protocol(v, l3);
  flow.source0 = flow.source1 = flow.source2 = 0;
  flow.source3 = ipv4.sourceAddress(v, l3);
  flow.target0 = flow.target1 = flow.target2 = 0;
  flow.target3 = ipv4.targetAddress(v, l3);
  flow.hopLimit = ipv4.hopLimit(v, l3);
  flow.trafficClass = ipv4.trafficClass(v, l3);
  flow.dontFragment = ipv4.dontFragment(v, l3) ? 1 : 0;
  clearUpper(flow);
  readFragment(flow, 0, ipv4.identification(v, l3), ipv4.fragmentOffset(v, l3), ipv4.moreFragments(v, l3) ? 1 : 0);
}

function readIpv6(v: DataView, l3: number, end: number, flow: Flow): void {
  flow.family = Family.v6;
  flow.l3 = l3;
  flow.end = end;
  flow.source0 = ipv6.sourceWord(v, l3, 0);
  flow.source1 = ipv6.sourceWord(v, l3, 1);
  flow.source2 = ipv6.sourceWord(v, l3, 2);
  flow.source3 = ipv6.sourceWord(v, l3, 3);
  flow.target0 = ipv6.targetWord(v, l3, 0);
  flow.target1 = ipv6.targetWord(v, l3, 1);
  flow.target2 = ipv6.targetWord(v, l3, 2);
  flow.target3 = ipv6.targetWord(v, l3, 3);
  flow.hopLimit = ipv6.hopLimit(v, l3);
  flow.trafficClass = ipv6.trafficClass(v, l3);
  flow.dontFragment = 1;
  clearUpper(flow);
  readFragment(flow, 0, 0, 0, 0);
}

function clearUpper(flow: Flow): void {
  flow.sourcePort = flow.targetPort = 0;
  flow.tcpFlags = 0;
  flow.icmpType = flow.icmpCode = 0;
}

function readFragment(flow: Flow, at: number, id: number, offset: number, more: number): void {
  flow.fragmentAt = at;
  flow.fragmentId = id;
  flow.fragmentOffset = offset;
  flow.moreFragments = more;
  // RFC 6946: an IPv6 fragment header on a whole packet makes no fragment of it.
  flow.fragment = offset > 0 ? FragmentKind.later : more === 1 ? FragmentKind.first : FragmentKind.none;
}

/** Goes from the fixed IPv6 header to the upper-layer one: sets protocol, l4 and what a fragment header says. */
function walkExtensions(v: DataView, flow: Flow): FlowFault {
  let next = ipv6.nextHeader(v, flow.l3);
  let at = flow.l3 + ipv6.HEADER_BYTES;
  let fragmentSeen = false;
  for (let count = 0; count <= ipv6.MAX_EXTENSION_HEADERS; count++) {
    flow.protocol = next;
    flow.l4 = at;
    if (!ipv6.isExtension(next)) return FlowFault.none;
    if (!ipv6.checkExtension(v, at, flow.end - at, next)) return FlowFault.malformedIpv6;
    // RFC 8200 section 4.1: hop-by-hop stands only right behind the fixed header.
    if (next === ipv6.NextHeader.hopByHop && count > 0) return FlowFault.malformedIpv6;
    // On its way by stations, so its target is not the final one and our arithmetic would be wrong: a protocol that is not ours.
    if (next === ipv6.NextHeader.routing && ipv6.segmentsLeft(v, at) > 0) return FlowFault.none;
    if (next === ipv6.NextHeader.fragment) {
      if (fragmentSeen) return FlowFault.malformedFragment;
      fragmentSeen = true;
      readFragment(flow, at, ipv6.fragmentIdentification(v, at), ipv6.fragmentOffset(v, at), ipv6.moreFragments(v, at) ? 1 : 0);
    }
    at += ipv6.extensionBytes(v, at, next);
    next = ipv6.extensionNext(v, flow.l4);
    if (flow.fragment === FragmentKind.later) {
      flow.protocol = next;
      flow.l4 = at;
      return FlowFault.none;
    }
  }
  return FlowFault.tooManyExtensionHeaders;
}

function parseRest(v: DataView, flow: Flow): FlowFault {
  if (flow.fragment !== FragmentKind.none) return parseFragment(v, flow);
  if (!checkTransport(v, flow, flow.end - flow.l4)) return FlowFault.truncatedTransport;
  readTransport(v, flow);
  return FlowFault.none;
}

/** A piece of a datagram may be of any length; only the first has a transport header, and perhaps not the whole of it. */
function parseFragment(v: DataView, flow: Flow): FlowFault {
  // What is over a multiple of 8 cannot be a middle piece's: hosts ignore it over IPv4, and refuse the packet over IPv6.
  const extra = flow.moreFragments === 1 ? (flow.end - fragmentPayloadAt(flow)) & 7 : 0;
  if (extra !== 0 && flow.family === Family.v6) return FlowFault.malformedFragment;
  flow.end -= extra;
  const bytes = flow.end - fragmentPayloadAt(flow);
  if (bytes === 0 || flow.fragmentOffset + bytes > MAX_DATAGRAM_BYTES) return FlowFault.malformedFragment;
  if (flow.fragment === FragmentKind.first && flow.end - flow.l4 >= FIRST_FRAGMENT_BYTES) readTransport(v, flow);
  return FlowFault.none;
}

function checkTransport(v: DataView, flow: Flow, bytes: number): boolean {
  switch (flow.protocol) {
    case Protocol.tcp:
      return tcp.check(v, flow.l4, bytes);
    case Protocol.udp:
      return udp.check(v, flow.l4, bytes);
    case Protocol.sctp:
      return bytes >= sctp.MIN_BYTES;
    case Protocol.icmp:
      return flow.family !== Family.v4 || bytes >= icmp.HEADER_BYTES;
    case Protocol.icmpv6:
      return flow.family !== Family.v6 || bytes >= icmp.HEADER_BYTES;
    default:
      return true;
  }
}

/** Reads what the first 8 bytes hold, and TCP flags if they are there: a quote may end before them. */
function readTransport(v: DataView, flow: Flow): void {
  const l4 = flow.l4;
  switch (flow.protocol) {
    case Protocol.tcp:
      if (flow.end - l4 >= tcp.MIN_BYTES) flow.tcpFlags = tcp.flags(v, l4);
      flow.sourcePort = tcp.sourcePort(v, l4);
      flow.targetPort = tcp.targetPort(v, l4);
      return;
    case Protocol.udp:
      flow.sourcePort = udp.sourcePort(v, l4);
      flow.targetPort = udp.targetPort(v, l4);
      return;
    case Protocol.sctp:
      flow.sourcePort = sctp.sourcePort(v, l4);
      flow.targetPort = sctp.targetPort(v, l4);
      return;
    case Protocol.icmp:
      if (flow.family === Family.v4) readIcmp(v, flow);
      return;
    case Protocol.icmpv6:
      if (flow.family === Family.v6) readIcmp(v, flow);
      return;
  }
}

function readIcmp(v: DataView, flow: Flow): void {
  flow.icmpType = icmp.type(v, flow.l4);
  flow.icmpCode = icmp.code(v, flow.l4);
}
