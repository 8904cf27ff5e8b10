// hot path

/**
 * ICMP errors about connections, by the packet that they quote (specs/ipvs.md section 2.6).
 *
 *     from the client's side   quotes virtual address -> client   goes to the real server, by the connection's method
 *     from the servers' side   quotes client -> real server       masq: goes to the client, as if from the virtual address
 *
 * In the quote only addresses, ports and the IP header checksum change; its transport checksum stays as it was quoted.
 */
import { Family, ForwardingMethod, NONE } from '../base/terms.ts';
import type { Burst } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import { FlowFault, FragmentKind, isIcmpError, parseQuoted } from '../packet/flow.ts';
import { decrementHopLimit } from '../packet/hopLimit.ts';
import * as icmp from '../packet/icmp.ts';
import { rewriteQuotedSource, rewriteQuotedTarget } from '../packet/quoted.ts';
import { rewriteSource, rewriteTarget } from '../packet/transport.ts';
import { connectionOf, directionOf, NodeDirection } from '../table/flowKey.ts';
import { emit } from './emit.ts';
import { counter, drop, punt } from './outcome.ts';
import type { EngineState } from './state.ts';
import { hopAllowed, METHOD_MASK, sendToNextHop, tunnelTo } from './transmit.ts';

const ICMP_TO_CLIENT = counter('icmpToClient');
const ICMP_TO_REAL_SERVER = counter('icmpToRealServer');
const ICMP_BAD_CHECKSUM = counter('icmpBadChecksum');
const DESTINATION_REMOVED = counter('destinationRemoved');
const TTL_EXCEEDED = counter('ttlExceeded');
const ICMP_QUOTE_TOO_SHORT = counter('icmpQuoteTooShort');

/** Handles an ICMP or ICMPv6 packet. What is no error, or about nothing of ours, is the host's. */
export function handleIcmp(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const flow = s.flow;
  if (!isIcmpError(flow) || flow.fragment !== FragmentKind.none) return punt(s, burst, i);
  const fault = parseQuoted(s.v, flow.l4 + icmp.QUOTE_AT, flow.end, s.quoted);
  if (fault === FlowFault.truncatedTransport) return drop(s, burst, i, ICMP_QUOTE_TOO_SHORT);
  if (fault !== FlowFault.none) return punt(s, burst, i);
  const node = s.tables.connections.findReversed(s.quoted);
  if (node === NONE) return punt(s, burst, i);
  const conn = connectionOf(node);
  if (directionOf(node) === NodeDirection.request) return toRealServer(s, burst, i, ingress, conn);
  if (methodOf(s, conn) === ForwardingMethod.masq) return toClient(s, burst, i, conn);
  return punt(s, burst, i);
}

function toRealServer(s: EngineState, burst: Burst, i: number, ingress: number, conn: number): void {
  const { connections, destinations, traffic } = s.tables;
  const d = connections.destination(conn);
  if (!destinations.available(d)) return drop(s, burst, i, DESTINATION_REMOVED);
  const method = methodOf(s, conn);
  if (method === ForwardingMethod.masq && !checksumIsRight(s)) return drop(s, burst, i, ICMP_BAD_CHECKSUM);
  traffic.addIn(destinations.service(d), d, s.flow.end - s.flow.l3);
  if (!hopAllowed(s, burst, i, ingress, d)) return;
  s.counters.add(ICMP_TO_REAL_SERVER);
  if (method === ForwardingMethod.tunnel) return tunnelTo(s, burst, i, ingress, d, destinations.nextHopMtu(d));
  if (method === ForwardingMethod.masq) {
    const a0 = connections.replySourceWord(conn, 0);
    const a1 = connections.replySourceWord(conn, 1);
    const a2 = connections.replySourceWord(conn, 2);
    const a3 = connections.replySourceWord(conn, 3);
    rewriteQuotedSource(s.v, s.quoted, a0, a1, a2, a3, connections.replyPort(conn));
    rewriteTarget(s.v, s.flow, a0, a1, a2, a3, 0, 0);
    writeChecksum(s);
  }
  sendToNextHop(s, burst, i, d);
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
  writeChecksum(s);
  const d = connections.destination(conn);
  if (destinations.available(d)) traffic.addOut(destinations.service(d), d, s.flow.end - s.flow.l3);
  s.counters.add(ICMP_TO_CLIENT);
  emit(s, burst, i, connections.clientSide(conn), connections.clientMacHigh(conn), connections.clientMacLow(conn));
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
