// hot path

/**
 * A frame of a known connection on its way out: hop limit, path MTU, rewriting by forwarding method, next hop
 * (specs/ipvs.md section 2.8, steps 1 to 8 and the table of methods).
 */
import { type ChecksumState, Family, ForwardingMethod, NONE } from '../base/terms.ts';
import { IcmpError } from '../forward/icmpErrors.ts';
import { minTunnelMtu, outerBytes } from '../forward/tunnel.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import * as ethernet from '../packet/ethernet.ts';
import { isIcmpError } from '../packet/flow.ts';
import { decrementHopLimit } from '../packet/hopLimit.ts';
import { recordRoute } from '../packet/ipv4Options.ts';
import { rewriteTarget } from '../packet/transport.ts';
import { ConnectionFlag, METHOD_MASK } from '../table/connectionFlags.ts';
import { answer, answerFrom } from './answer.ts';
import { emit, emitTunnel, largestPacketBytes } from './emit.ts';
import { ftpReply, ftpRequest } from './ftp.ts';
import { rewriteAsLocal, rewriteAsVirtual, writeVirtualSource } from './fullnat.ts';
import { counter, drop, punt } from './outcome.ts';
import type { EngineState } from './state.ts';
import { wayToClient, wayToDestination } from './way.ts';

const TTL_EXCEEDED = counter('ttlExceeded');
const PACKET_TOO_BIG = counter('packetTooBig');
const TUNNEL_MTU_TOO_SMALL = counter('tunnelMtuTooSmall');
const NEIGHBOUR_UNRESOLVED = counter('neighbourUnresolved');
const METHOD_UNSUPPORTED = counter('methodUnsupported');
const DELIVERED_LOCALLY = counter('deliveredLocally');
const FTP_SEGMENT_CUT = counter('ftpSegmentCut');

/** Replies of such connections come by the director, which changes them back. */
export function isTranslated(method: number): boolean {
  return method === ForwardingMethod.masq || method === ForwardingMethod.fullnat;
}

/**
 * Sends a packet from the client to destination `d`.
 * @param conn its connection
 * @param method ForwardingMethod of the connection
 */
export function toDestination(
  s: EngineState,
  burst: Burst,
  i: number,
  ingress: number,
  conn: number,
  d: number,
  method: number,
): void {
  // Whatever the method is: the host takes what is for itself, with its hop limit as it is.
  if (s.tables.destinations.isLocal(d)) {
    s.counters.add(DELIVERED_LOCALLY);
    return punt(s, burst, i);
  }
  recordRoute(s.v, s.flow);
  if (!hopAllowed(s, burst, i, ingress, conn, d)) return;
  switch (method) {
    case ForwardingMethod.tunnel:
      return tunnelTo(s, burst, i, ingress, conn, d);
    case ForwardingMethod.route:
    case ForwardingMethod.masq:
    case ForwardingMethod.fullnat: {
      const mtu = mtuTo(s, d);
      if (isTooBig(s, burst, i, mtu)) return refuse(s, burst, i, ingress, conn, d, IcmpError.tooBig, mtu, PACKET_TOO_BIG);
      if (isHelped(s, conn)) ftpRequest(s, burst, i, conn);
      if (method === ForwardingMethod.masq) rewriteToDestination(s, burst, i, conn, d);
      else if (method === ForwardingMethod.fullnat) rewriteAsLocal(s, burst, i, conn, d, mtu);
      return sendToNextHop(s, burst, i, d, mtu);
    }
    default:
      return drop(s, burst, i, METHOD_UNSUPPORTED);
  }
}

/** Sends a packet of a translated connection's real server back to where the client's frames came from. */
export function toClient(s: EngineState, burst: Burst, i: number, ingress: number, conn: number, d: number): void {
  const { connections } = s.tables;
  const flow = s.flow;
  if (flow.hopLimit <= 1) return answerAsRouter(s, burst, i, ingress, d, IcmpError.timeExceeded, 0, TTL_EXCEEDED);
  const mtu = s.links[connections.clientSide(conn)]!.mtu;
  if (isTooBigToForward(s, burst, i, mtu)) return answerAsRouter(s, burst, i, ingress, d, IcmpError.tooBig, mtu, PACKET_TOO_BIG);
  decrementHopLimit(s.v, flow);
  if (isHelped(s, conn) && !ftpReply(s, burst, i, conn, d, mtu)) return drop(s, burst, i, FTP_SEGMENT_CUT);
  if ((connections.flags(conn) & METHOD_MASK) === ForwardingMethod.fullnat) rewriteAsVirtual(s, burst, i, conn);
  else writeVirtualSource(s, conn, burst.checksum[i]!);
  wayToClient(s, conn);
  emit(s, burst, i, mtu);
}

function isHelped(s: EngineState, conn: number): boolean {
  return (s.tables.connections.flags(conn) & ConnectionFlag.helped) !== 0;
}

/** Whether a router would forward this reply of a translated connection at all; else it is not even counted, and `toClient` refuses it. */
export function isForwardable(s: EngineState, burst: Burst, i: number, conn: number): boolean {
  return s.flow.hopLimit > 1 && !isTooBigToForward(s, burst, i, s.links[s.tables.connections.clientSide(conn)]!.mtu);
}

/** Remembers where the client's frames come from: translated replies, and errors about tunnels, go back there. */
export function learnClientSide(s: EngineState, burst: Burst, i: number, ingress: number, conn: number): void {
  const at = burst.at[i]!;
  s.tables.connections.setClientMac(conn, ethernet.sourceHigh(s.v, at), ethernet.sourceLow(s.v, at), ingress);
}

/** Next hop known and hop limit left; then the hop limit is one less. Else the frame has ended. */
export function hopAllowed(s: EngineState, burst: Burst, i: number, ingress: number, conn: number, d: number): boolean {
  if (!s.tables.destinations.resolved(d)) {
    drop(s, burst, i, NEIGHBOUR_UNRESOLVED);
    return false;
  }
  if (s.flow.hopLimit <= 1) {
    refuse(s, burst, i, ingress, conn, d, IcmpError.timeExceeded, 0, TTL_EXCEEDED);
    return false;
  }
  decrementHopLimit(s.v, s.flow);
  return true;
}

/** Sends the frame as it now is to the next hop of destination `d`, cut where it is longer than `mtu`. */
export function sendToNextHop(s: EngineState, burst: Burst, i: number, d: number, mtu: number): void {
  wayToDestination(s, d);
  emit(s, burst, i, mtu);
}

/** Encapsulates for destination `d` and sends; the inner packet has had its hop. */
export function tunnelTo(s: EngineState, burst: Burst, i: number, ingress: number, conn: number, d: number): void {
  const { destinations } = s.tables;
  const mtu = mtuTo(s, d);
  const room = mtu - outerBytes(destinations.family(d), destinations.tunnel(d));
  if (room < minTunnelMtu(s.flow.family)) return drop(s, burst, i, TUNNEL_MTU_TOO_SMALL);
  // Without path-MTU discovery an IPv4 packet goes, with its outer packet cut, whatever it says.
  const mustFit = s.settings.pmtuDisc || s.flow.family === Family.v6;
  if (mustFit && isTooBig(s, burst, i, room)) {
    return refuse(s, burst, i, ingress, conn, d, IcmpError.tooBig, room, PACKET_TOO_BIG);
  }
  emitTunnel(s, burst, i, d, mtu);
}

/** MTU of the way to destination `d`: the route's, or less while a router has said so. */
export function mtuTo(s: EngineState, d: number): number {
  const { destinations } = s.tables;
  destinations.expireMtu(d, s.nowTick);
  return destinations.nextHopMtu(d);
}

/**
 * Longer than `mtu`, and not to be cut: an IPv6 packet, or its longest fragment; an IPv4 one that says so and is no ICMP error; a
 * super-frame, whose segments are the sender's to choose.
 */
function isTooBig(s: EngineState, burst: Burst, i: number, mtu: number): boolean {
  const { flow, pieces } = s;
  if (flow.family === Family.v6) return (pieces.count > 0 ? pieces.maxBytes : largestPacketBytes(s, burst, i)) > mtu;
  if (largestPacketBytes(s, burst, i) <= mtu) return false;
  return burst.segmentKind[i] !== SegmentKind.none || (flow.dontFragment !== 0 && !isIcmpError(flow));
}

/** As `isTooBig`, as a router judges: fragments one by one, and ICMP errors like any packet. */
function isTooBigToForward(s: EngineState, burst: Burst, i: number, mtu: number): boolean {
  const { flow, pieces } = s;
  const bytes = pieces.count > 0 ? pieces.maxBytes : largestPacketBytes(s, burst, i);
  if (bytes <= mtu) return false;
  return flow.family === Family.v6 || burst.segmentKind[i] !== SegmentKind.none || flow.dontFragment !== 0;
}

/**
 * Answers the client. The kernel sees its own error about a route or tunnel connection pass by, and counts it as coming from the real
 * server (specs/ipvs.md section 2.6).
 */
function refuse(
  s: EngineState,
  burst: Burst,
  i: number,
  ingress: number,
  conn: number,
  d: number,
  error: IcmpError,
  mtu: number,
  reason: number,
): void {
  const { connections, destinations, traffic } = s.tables;
  const bytes = answer(s, burst, i, ingress, error, mtu, reason);
  if (bytes === 0 || conn === NONE || isTranslated(connections.flags(conn) & METHOD_MASK)) return;
  if (destinations.available(d)) traffic.addOut(destinations.service(d), d, bytes);
}

/** To a real server, from the director's own address on the way to it, as a router would. */
export function answerAsRouter(
  s: EngineState,
  burst: Burst,
  i: number,
  ingress: number,
  d: number,
  error: IcmpError,
  mtu: number,
  reason: number,
): void {
  const own = s.tables.destinations;
  const a0 = own.tunnelSourceWord(d, 0);
  const a1 = own.tunnelSourceWord(d, 1);
  answerFrom(s, burst, i, ingress, error, mtu, reason, a0, a1, own.tunnelSourceWord(d, 2), own.tunnelSourceWord(d, 3));
}

function rewriteToDestination(s: EngineState, burst: Burst, i: number, conn: number, d: number): void {
  const destinations = s.tables.destinations;
  rewriteTarget(
    s.v,
    s.flow,
    destinations.addressWord(d, 0),
    destinations.addressWord(d, 1),
    destinations.addressWord(d, 2),
    destinations.addressWord(d, 3),
    s.tables.connections.replyPort(conn),
    burst.checksum[i] as ChecksumState,
  );
}
