// hot path

/**
 * ICMP errors about connections, by the packet that they quote (specs/ipvs.md section 2.6).
 *
 *     from the client's side   quotes virtual address -> client   goes to the real server, by the connection's method
 *     from the servers' side   quotes client -> real server       masq: goes to the client, as if from the virtual address
 *                              quotes local -> real server        fullnat: the same
 *     from a tunnel's way      quotes director -> real server     goes to the client, about the packet inside (icmpAboutTunnel.ts)
 *
 * In the quote only addresses, ports and the IP header checksum change; its transport checksum stays as it was quoted.
 */
import { Family, ForwardingMethod, NONE } from '../base/terms.ts';
import { toaBytes } from '../forward/toa.ts';
import type { Burst } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import { FlowFault, FragmentKind, isIcmpError, parseQuoted } from '../packet/flow.ts';
import { decrementHopLimit } from '../packet/hopLimit.ts';
import * as icmp from '../packet/icmp.ts';
import { rewriteQuotedSource, rewriteQuotedTarget } from '../packet/quoted.ts';
import { rewriteSource } from '../packet/transport.ts';
import { ConnectionFlag, METHOD_MASK } from '../table/connectionFlags.ts';
import { connectionOf, directionOf, NodeDirection } from '../table/flowKey.ts';
import { localIndexOf, localPortOf } from '../table/localAddresses.ts';
import { emit } from './emit.ts';
import { endOnePacket } from './enter.ts';
import { writeClientTarget } from './fullnat.ts';
import { handleTunnelError } from './icmpAboutTunnel.ts';
import { counter, drop, punt } from './outcome.ts';
import { scheduleQuoted } from './schedule.ts';
import type { EngineState } from './state.ts';
import { isTranslated, learnClientSide, toDestination } from './transmit.ts';
import { wayToClient } from './way.ts';

const ICMP_TO_CLIENT = counter('icmpToClient');
const ICMP_TO_REAL_SERVER = counter('icmpToRealServer');
const ICMP_BAD_CHECKSUM = counter('icmpBadChecksum');
const DESTINATION_REMOVED = counter('destinationRemoved');
const TTL_EXCEEDED = counter('ttlExceeded');
const ICMP_QUOTE_TOO_SHORT = counter('icmpQuoteTooShort');

/** Handles an ICMP or ICMPv6 packet. What is no error, or about nothing of ours, is the host's. */
export function handleIcmp(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const { flow, quoted } = s;
  if (!isIcmpError(flow) || flow.fragment !== FragmentKind.none) return punt(s, burst, i);
  const fault = parseQuoted(s.v, flow.l4 + icmp.QUOTE_AT, flow.end, quoted);
  if (fault === FlowFault.truncatedTransport) return drop(s, burst, i, ICMP_QUOTE_TOO_SHORT);
  if (fault !== FlowFault.none) return punt(s, burst, i);
  if (handleTunnelError(s, burst, i)) return;
  const node = s.tables.connections.findReversed(quoted);
  if (node === NONE) return aboutUnknown(s, burst, i, ingress);
  const conn = connectionOf(node);
  if (s.tables.connections.destination(conn) === NONE) return punt(s, burst, i);
  if (directionOf(node) === NodeDirection.request) return toRealServer(s, burst, i, ingress, conn);
  if (isTranslated(methodOf(s, conn))) return toClient(s, burst, i, conn);
  return punt(s, burst, i);
}

/** With schedule_icmp it goes where the connection would go that it is about; else it is the host's. */
function aboutUnknown(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const conn = scheduleQuoted(s, burst, i, ingress);
  if (conn === NONE) return;
  learnClientSide(s, burst, i, ingress, conn);
  toRealServer(s, burst, i, ingress, conn);
  endOnePacket(s, conn);
}

function toRealServer(s: EngineState, burst: Burst, i: number, ingress: number, conn: number): void {
  const { connections, destinations, traffic } = s.tables;
  const d = connections.destination(conn);
  if (!destinations.available(d)) return drop(s, burst, i, DESTINATION_REMOVED);
  const method = methodOf(s, conn);
  const isRewritten = isTranslated(method) && !destinations.isLocal(d);
  if (isRewritten && !checksumIsRight(s)) return drop(s, burst, i, ICMP_BAD_CHECKSUM);
  traffic.addIn(destinations.service(d), d, s.flow.end - s.flow.l3);
  s.counters.add(ICMP_TO_REAL_SERVER);
  if (isRewritten) quoteRealServer(s, conn);
  toDestination(s, burst, i, ingress, conn, d, method);
}

/** The real server is to read in the quote what it sent. The error's own target is rewritten on the way out. */
function quoteRealServer(s: EngineState, conn: number): void {
  const { connections } = s.tables;
  const a0 = connections.replySourceWord(conn, 0);
  const a1 = connections.replySourceWord(conn, 1);
  const a2 = connections.replySourceWord(conn, 2);
  const a3 = connections.replySourceWord(conn, 3);
  rewriteQuotedSource(s.v, s.quoted, a0, a1, a2, a3, connections.replyPort(conn));
  if (methodOf(s, conn) === ForwardingMethod.fullnat) quoteLocal(s, connections.local(conn));
  writeChecksum(s);
}

/** What the real server sent, went to the local address. */
function quoteLocal(s: EngineState, local: number): void {
  const { addresses } = s.tables.localPorts;
  const index = localIndexOf(local);
  const a0 = addresses.word(index, 0);
  const a1 = addresses.word(index, 1);
  rewriteQuotedTarget(s.v, s.quoted, a0, a1, addresses.word(index, 2), addresses.word(index, 3), localPortOf(local));
}

/** The client is to read in the quote what it sent itself; the error, which came for the local address, is for it. */
function quoteClient(s: EngineState, conn: number): void {
  const { connections } = s.tables;
  const a0 = connections.clientWord(conn, 0);
  const a1 = connections.clientWord(conn, 1);
  const a2 = connections.clientWord(conn, 2);
  const a3 = connections.clientWord(conn, 3);
  rewriteQuotedSource(s.v, s.quoted, a0, a1, a2, a3, connections.clientPort(conn));
  writeClientTarget(s, conn, 0);
  // Packets that tell of their client are longer behind the director than in front of it.
  const isTelling = s.fullnat.toa && (connections.flags(conn) & ConnectionFlag.tellsClient) !== 0;
  if (isTelling) icmp.lowerMtu(s.v, s.flow.l4, s.flow.family, toaBytes(s.flow.family));
}

function toClient(s: EngineState, burst: Burst, i: number, conn: number): void {
  const { connections, destinations, traffic } = s.tables;
  if (!checksumIsRight(s)) return drop(s, burst, i, ICMP_BAD_CHECKSUM);
  if (s.flow.hopLimit <= 1) return drop(s, burst, i, TTL_EXCEEDED);
  decrementHopLimit(s.v, s.flow);
  const a0 = connections.virtualWord(conn, 0);
  const a1 = connections.virtualWord(conn, 1);
  const a2 = connections.virtualWord(conn, 2);
  const a3 = connections.virtualWord(conn, 3);
  rewriteQuotedTarget(s.v, s.quoted, a0, a1, a2, a3, connections.virtualPort(conn));
  rewriteSource(s.v, s.flow, a0, a1, a2, a3, 0, 0);
  if (methodOf(s, conn) === ForwardingMethod.fullnat) quoteClient(s, conn);
  writeChecksum(s);
  const d = connections.destination(conn);
  if (destinations.available(d)) traffic.addOut(destinations.service(d), d, s.flow.end - s.flow.l3);
  s.counters.add(ICMP_TO_CLIENT);
  wayToClient(s, conn);
  emit(s, burst, i, s.links[s.way.port]!.mtu);
}

function methodOf(s: EngineState, conn: number): number {
  return s.tables.connections.flags(conn) & METHOD_MASK;
}

function checksumIsRight(s: EngineState): boolean {
  const { l3, l4, end, family } = s.flow;
  return family === Family.v4 ? checksum.verifyIcmp(s.v, l4, end - l4) : checksum.verifyIcmpv6(s.v, l3, l4, end - l4);
}

function writeChecksum(s: EngineState): void {
  const { l3, l4, end, family } = s.flow;
  if (family === Family.v4) checksum.writeIcmp(s.v, l4, end - l4);
  else checksum.writeIcmpv6(s.v, l3, l4, end - l4);
}
