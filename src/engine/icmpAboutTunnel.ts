// hot path

/**
 * ICMP errors about our own tunnel packets: the sender that they reach is the director, but the one to know is the client, whose packet
 * lies inside (specs/ipvs.md section 2.6).
 *
 *     | IP | ICMP 8 | outer IP | UDP, GUE or GRE | client's packet ... |      comes in
 *                     | IP | ICMP 8              | client's packet ... |      goes to the client, from the virtual address
 *
 * "Too big" is remembered for the way to the real server, and the client told what fits inside. The kernel does so for tunnels over IPv4
 * alone; over IPv6 it would leave the client in the dark.
 */
import { Family, ForwardingMethod, NONE, Protocol } from '../base/terms.ts';
import { IcmpError, typeAndCodeOf } from '../forward/icmpErrors.ts';
import { minTunnelMtu, outerBytes } from '../forward/tunnel.ts';
import type { Burst } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import { EtherType } from '../packet/ethernet.ts';
import { FlowFault, parseQuoted } from '../packet/flow.ts';
import * as gre from '../packet/gre.ts';
import * as gue from '../packet/gue.ts';
import * as icmp from '../packet/icmp.ts';
import * as udp from '../packet/udp.ts';
import { TICKS_PER_SECOND } from '../protocol/timeouts.ts';
import { METHOD_MASK } from '../table/connectionFlags.ts';
import { TUNNEL_PORT_SHIFT, TunnelType } from '../table/destinationRows.ts';
import { connectionOf, directionOf, NodeDirection } from '../table/flowKey.ts';
import { mayAnswer, sendError } from './answer.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';
import { mtuTo } from './transmit.ts';
import { wayToClient } from './way.ts';

const ICMP_ABOUT_TUNNEL = counter('icmpAboutTunnel');
const ICMP_BAD_CHECKSUM = counter('icmpBadChecksum');

/** As net.ipv4.route.mtu_expires and min_pmtu; IPv6 has no smaller one. */
const LEARNED_FOR_TICKS = 600 * TICKS_PER_SECOND;
const MIN_LEARNED_V4 = 552;
const MIN_LEARNED_V6 = 1280;

/**
 * Handles the ICMP error in `s.flow` if it quotes, in `s.quoted`, a packet of one of our tunnels with a packet of a known connection inside.
 * @returns false when it does not, and nothing was done
 */
export function handleTunnelError(s: EngineState, burst: Burst, i: number): boolean {
  const innerAt = innerPacketAt(s);
  if (innerAt === NONE) return false;
  if (parseQuoted(s.v, innerAt, s.flow.end, s.quotedInner) !== FlowFault.none) return false;
  const node = s.tables.connections.find(s.quotedInner);
  if (node === NONE || directionOf(node) !== NodeDirection.request) return false;
  const conn = connectionOf(node);
  const d = s.tables.connections.destination(conn);
  if (d === NONE || (s.tables.connections.flags(conn) & METHOD_MASK) !== ForwardingMethod.tunnel) return false;
  if (checksumIsRight(s)) tellClient(s, burst, i, conn, d);
  else drop(s, burst, i, ICMP_BAD_CHECKSUM);
  return true;
}

/** Where the client's packet begins in the quote, if the quote is of a packet to one of our tunnels; NONE if not. */
function innerPacketAt(s: EngineState): number {
  const { quoted, v } = s;
  const bytes = s.flow.end - quoted.l4;
  switch (quoted.protocol) {
    case Protocol.ipip:
    case Protocol.ipv6:
      return isOurs(s, TunnelType.ipip) ? quoted.l4 : NONE;
    case Protocol.udp: {
      const at = quoted.l4 + udp.HEADER_BYTES;
      if (!isOurs(s, TunnelType.gue | (quoted.targetPort << TUNNEL_PORT_SHIFT))) return NONE;
      const isPacket = gue.check(v, at, bytes - udp.HEADER_BYTES) && isIp(gue.protocol(v, at));
      return isPacket ? at + gue.headerBytes(v, at) : NONE;
    }
    case Protocol.gre: {
      if (!isOurs(s, TunnelType.gre) || !gre.check(v, quoted.l4, bytes)) return NONE;
      const type = gre.etherType(v, quoted.l4);
      const isPacket = type === EtherType.ipv4 || type === EtherType.ipv6;
      return isPacket ? quoted.l4 + gre.headerBytes(v, quoted.l4) : NONE;
    }
    default:
      return NONE;
  }
}

function isOurs(s: EngineState, kind: number): boolean {
  return s.tunnels.endingAt(s.tables, s.quoted, kind) !== NONE;
}

function isIp(protocol: number): boolean {
  return protocol === Protocol.ipip || protocol === Protocol.ipv6;
}

/** Learns what there is to learn, and passes the error on; the frame becomes the client's. */
function tellClient(s: EngineState, burst: Burst, i: number, conn: number, d: number): void {
  const inner = s.quotedInner;
  drop(s, burst, i, ICMP_ABOUT_TUNNEL);
  const typeAndCode = passedOn(s);
  let word = icmp.rest(s.v, s.flow.l4);
  const isPathMtu = typeAndCode === typeAndCodeOf(inner.family, IcmpError.tooBig);
  if (isPathMtu) {
    word = learn(s, d);
    // A client that lets its packets be cut need not know, nor one that cannot send smaller ones.
    if (inner.dontFragment === 0 || word === NONE) return;
  }
  if (typeAndCode === NONE || !mayAnswer(s, inner, isPathMtu)) return;
  const { destinations, traffic } = s.tables;
  const { target0, target1, target2, target3 } = inner;
  const quotedBytes = inner.end - inner.l3;
  wayToClient(s, conn);
  const bytes = sendError(s, burst, i, inner, typeAndCode, word, target0, target1, target2, target3);
  if (!destinations.available(d)) return;
  // The kernel counts what it has unpacked, and once more the error as it sees it leave.
  traffic.addOut(destinations.service(d), d, quotedBytes);
  traffic.addOut(destinations.service(d), d, bytes);
}

/** Type and code for the client, in its family; NONE = it is not told. */
function passedOn(s: EngineState): number {
  const { flow, quotedInner } = s;
  const typeAndCode = (flow.icmpType << 8) | flow.icmpCode;
  const isTooBig = typeAndCode === typeAndCodeOf(flow.family, IcmpError.tooBig);
  if (isTooBig) return typeAndCodeOf(quotedInner.family, IcmpError.tooBig);
  if (flow.family === quotedInner.family) return typeAndCode;
  switch (typeAndCode >> 8) {
    case typeAndCodeOf(flow.family, IcmpError.timeExceeded) >> 8:
      return typeAndCodeOf(quotedInner.family, IcmpError.timeExceeded);
    case typeAndCodeOf(flow.family, IcmpError.hostUnreachable) >> 8:
      return typeAndCodeOf(quotedInner.family, IcmpError.hostUnreachable);
    default:
      return NONE;
  }
}

/** Remembers the MTU that the error names. @returns what of the way's MTU is left for packets inside; NONE = too little */
function learn(s: EngineState, d: number): number {
  const { flow, quotedInner } = s;
  const { destinations } = s.tables;
  const v4 = flow.family === Family.v4;
  const named = v4 ? icmp.nextHopMtu(s.v, flow.l4) : icmp.packetTooBigMtu(s.v, flow.l4);
  mtuTo(s, d);
  destinations.learnMtu(d, Math.max(named, v4 ? MIN_LEARNED_V4 : MIN_LEARNED_V6), s.nowTick + LEARNED_FOR_TICKS);
  const left = destinations.nextHopMtu(d) - outerBytes(destinations.family(d), destinations.tunnel(d));
  if (quotedInner.family === Family.v6) return Math.max(left, MIN_LEARNED_V6);
  return left > minTunnelMtu(Family.v4) ? left : NONE;
}

function checksumIsRight(s: EngineState): boolean {
  const { l3, l4, end, family } = s.flow;
  return family === Family.v4 ? checksum.verifyIcmp(s.v, l4, end - l4) : checksum.verifyIcmpv6(s.v, l3, l4, end - l4);
}
