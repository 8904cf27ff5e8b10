// hot path

/**
 * A frame of a known connection on its way out: hop limit, path MTU, rewriting by forwarding method, next hop
 * (specs/ipvs.md section 2.8, steps 1, 4, 5, 6 and the table of methods).
 */
import { type ChecksumState, Family, ForwardingMethod, NONE, Protocol } from '../base/terms.ts';
import { IcmpError } from '../forward/icmpErrors.ts';
import { minTunnelMtu, outerBytes } from '../forward/tunnel.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import * as ethernet from '../packet/ethernet.ts';
import { FragmentKind } from '../packet/flow.ts';
import { decrementHopLimit } from '../packet/hopLimit.ts';
import { rewriteSource, rewriteTarget } from '../packet/transport.ts';
import { answer, answerFrom } from './answer.ts';
import { emit, emitFragmented, emitTunnel, largestPacketBytes } from './emit.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';

const TTL_EXCEEDED = counter('ttlExceeded');
const PACKET_TOO_BIG = counter('packetTooBig');
const TUNNEL_MTU_TOO_SMALL = counter('tunnelMtuTooSmall');
const NEIGHBOUR_UNRESOLVED = counter('neighbourUnresolved');
const METHOD_UNSUPPORTED = counter('methodUnsupported');

/** In the low bits of a connection's flags: the method it was created with (specs/ipvs.md section 5.1). */
export const METHOD_MASK = 7;

/**
 * Sends a packet from the client to destination `d`.
 * @param conn its connection, or NONE for a one-packet service
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
  if (!hopAllowed(s, burst, i, ingress, d)) return;
  const mtu = s.tables.destinations.nextHopMtu(d);
  switch (method) {
    case ForwardingMethod.route:
      if (fits(s, burst, i, ingress, d, mtu)) sendToNextHop(s, burst, i, d);
      return;
    case ForwardingMethod.masq:
      if (!mayCutOrFits(s, burst, i, ingress, mtu)) return;
      rewriteToDestination(s, burst, i, conn, d);
      if (largestPacketBytes(s, burst, i) > mtu) emitFragmented(s, burst, i, d, mtu);
      else sendToNextHop(s, burst, i, d);
      return;
    case ForwardingMethod.tunnel:
      return tunnelTo(s, burst, i, ingress, d, mtu);
    default:
      return drop(s, burst, i, METHOD_UNSUPPORTED);
  }
}

/** Sends a packet of a masq connection's real server back to where the client's frames came from. */
export function toClient(s: EngineState, burst: Burst, i: number, ingress: number, conn: number, d: number): void {
  const { connections } = s.tables;
  const flow = s.flow;
  if (flow.hopLimit <= 1) return answerAsRouter(s, burst, i, ingress, d, IcmpError.timeExceeded, 0, TTL_EXCEEDED);
  const port = connections.clientSide(conn);
  const mtu = s.links[port]!.mtu;
  decrementHopLimit(s.v, flow);
  if (largestPacketBytes(s, burst, i) > mtu && cannotBeCut(s, burst, i)) {
    return answerAsRouter(s, burst, i, ingress, d, IcmpError.tooBig, mtu, PACKET_TOO_BIG);
  }
  rewriteSource(
    s.v,
    flow,
    connections.virtualWord(conn, 0),
    connections.virtualWord(conn, 1),
    connections.virtualWord(conn, 2),
    connections.virtualWord(conn, 3),
    connections.virtualPort(conn),
    burst.checksum[i] as ChecksumState,
  );
  emit(s, burst, i, port, connections.clientMacHigh(conn), connections.clientMacLow(conn));
}

/** Remembers where the client's frames come from: masq replies go back there. */
export function learnClientSide(s: EngineState, burst: Burst, i: number, ingress: number, conn: number): void {
  const at = burst.at[i]!;
  s.tables.connections.setClientMac(conn, ethernet.sourceHigh(s.v, at), ethernet.sourceLow(s.v, at), ingress);
}

/** Next hop known and hop limit left; then the hop limit is one less. Else the frame has ended. */
export function hopAllowed(s: EngineState, burst: Burst, i: number, ingress: number, d: number): boolean {
  if (!s.tables.destinations.resolved(d)) {
    drop(s, burst, i, NEIGHBOUR_UNRESOLVED);
    return false;
  }
  if (s.flow.hopLimit <= 1) {
    answer(s, burst, i, ingress, IcmpError.timeExceeded, 0, TTL_EXCEEDED);
    return false;
  }
  decrementHopLimit(s.v, s.flow);
  return true;
}

/** Sends the frame as it now is to the next hop of destination `d`. */
export function sendToNextHop(s: EngineState, burst: Burst, i: number, d: number): void {
  const destinations = s.tables.destinations;
  emit(s, burst, i, destinations.nextHopPort(d), destinations.nextHopMacHigh(d), destinations.nextHopMacLow(d));
}

/** Encapsulates for destination `d` and sends; the inner packet has had its hop. */
export function tunnelTo(s: EngineState, burst: Burst, i: number, ingress: number, d: number, mtu: number): void {
  const flow = s.flow;
  const inner = mtu - outerBytes(s.tables.destinations.family(d));
  if (inner < minTunnelMtu(flow.family)) return drop(s, burst, i, TUNNEL_MTU_TOO_SMALL);
  if (largestPacketBytes(s, burst, i) > inner && cannotBeCut(s, burst, i)) return refuseTooBig(s, burst, i, ingress, inner);
  emitTunnel(s, burst, i, d, mtu);
}

/** Route: fits, or is cut and sent here, or is answered. @returns true when it is still to be sent */
function fits(s: EngineState, burst: Burst, i: number, ingress: number, d: number, mtu: number): boolean {
  if (largestPacketBytes(s, burst, i) <= mtu) return true;
  if (mayCutOrFits(s, burst, i, ingress, mtu)) emitFragmented(s, burst, i, d, mtu);
  return false;
}

/** True when the packet fits the MTU or may be cut to it; else it has been answered. */
function mayCutOrFits(s: EngineState, burst: Burst, i: number, ingress: number, mtu: number): boolean {
  if (largestPacketBytes(s, burst, i) <= mtu || !cannotBeCut(s, burst, i)) return true;
  refuseTooBig(s, burst, i, ingress, mtu);
  return false;
}

/** An IPv6 packet, one with "don't fragment" that is no ICMP, or a super-frame, whose segments are the sender's to choose. */
function cannotBeCut(s: EngineState, burst: Burst, i: number): boolean {
  const flow = s.flow;
  if (flow.family === Family.v6 || burst.segmentKind[i] !== SegmentKind.none) return true;
  return flow.dontFragment !== 0 && flow.protocol !== Protocol.icmp;
}

/** ICMP fragmentation needed or packet too big; silent for what may not be answered. */
function refuseTooBig(s: EngineState, burst: Burst, i: number, ingress: number, mtu: number): void {
  if (s.flow.fragment === FragmentKind.later) return drop(s, burst, i, PACKET_TOO_BIG);
  answer(s, burst, i, ingress, IcmpError.tooBig, mtu, PACKET_TOO_BIG);
}

/** To a real server, from the director's own address on the way to it, as a router would. */
function answerAsRouter(
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
  const port = conn === NONE ? destinations.port(d) || s.flow.targetPort : s.tables.connections.replyPort(conn);
  rewriteTarget(
    s.v,
    s.flow,
    destinations.addressWord(d, 0),
    destinations.addressWord(d, 1),
    destinations.addressWord(d, 2),
    destinations.addressWord(d, 3),
    port,
    burst.checksum[i] as ChecksumState,
  );
}
