// hot path

/** A new connection at a real server: the scheduler's choice, the entry in the table, and its end if it was for one packet. */
import { ForwardingMethod, NONE, Protocol } from '../base/terms.ts';
import { FRESH_TIMEOUT_TICKS } from '../protocol/timeouts.ts';
import { ConnectionFlag, METHOD_MASK, needsLocalPort } from '../table/connectionFlags.ts';
import type { FlowKey } from '../table/flowKey.ts';
import { ServiceFlag } from '../table/services.ts';
import { counter } from './outcome.ts';
import type { EngineState } from './state.ts';

const CONNECTIONS_CREATED = counter('connectionsCreated');
const SCHEDULER_CACHE_FULL = counter('schedulerCacheFull');

/** Why there is no new connection; all are negative, as NONE is. */
export const NoConnection = {
  /** The packet is none of ours. */
  host: -2,
  /** No real server may have it. */
  refused: -3,
  /** The table of connections is full. */
  full: -4,
  /** The packet has no name that the service's persistence engine could go by. */
  nameless: -5,
  /** The table of such names is full. */
  namesFull: -6,
  /** All local ports towards the real server are taken (fullnat). */
  noLocalPort: -7,
} as const;

/** The scheduler's choice for a packet from `key`'s source to the service. @returns a destination, or NONE */
export function pick(s: EngineState, service: number, key: FlowKey): number {
  const scheduler = s.schedulers[service];
  if (scheduler === undefined) return NONE;
  const { request } = s;
  request.family = key.family;
  request.protocol = key.protocol;
  request.client0 = key.source0;
  request.client1 = key.source1;
  request.client2 = key.source2;
  request.client3 = key.source3;
  request.clientPort = key.sourcePort;
  request.target0 = key.target0;
  request.target1 = key.target1;
  request.target2 = key.target2;
  request.target3 = key.target3;
  request.targetPort = key.targetPort;
  request.quotesReply = key === s.inverse;
  const d = scheduler.pick(request);
  if (request.cacheFull) {
    request.cacheFull = false;
    s.counters.add(SCHEDULER_CACHE_FULL);
  }
  return d;
}

/**
 * Enters a connection from `key`'s source by its target to destination `d`, and counts it.
 * @param port of the real server
 * @param mark firewall mark of its first packet
 * @returns the connection, or NoConnection.full or .noLocalPort
 */
export function enter(s: EngineState, service: number, key: FlowKey, d: number, port: number, mark: number): number {
  const method = s.tables.destinations.method(d);
  // A fullnat reply without a connection could not be told from the host's own traffic, so there it lasts as any other.
  const isOnePacket =
    method !== ForwardingMethod.fullnat &&
    key.protocol === Protocol.udp &&
    (s.tables.services.flags(service) & ServiceFlag.onePacket) !== 0;
  const flags =
    method |
    ConnectionFlag.inactive |
    (method === ForwardingMethod.masq || method === ForwardingMethod.fullnat ? 0 : ConnectionFlag.noOutput) |
    (method === ForwardingMethod.masq ? s.tables.ftpPorts.flagOf(key.protocol, key.targetPort) : 0) |
    (isOnePacket ? ConnectionFlag.onePacket : 0);
  const conn = insert(s, service, key, d, port, flags, FRESH_TIMEOUT_TICKS);
  if (conn === NONE) return hasRoom(s) ? NoConnection.noLocalPort : NoConnection.full;
  if (mark !== 0) s.tables.connections.setFirewallMark(conn, mark);
  s.tables.traffic.addConnection(service, d);
  if (!isOnePacket) s.counters.add(CONNECTIONS_CREATED);
  return conn;
}

/**
 * Puts a row into the table and binds it to destination `d`.
 * @param flags bits of ConnectionFlag and the forwarding method
 * @returns the connection, or NONE when the table is full or, for a fullnat one, no local port is left
 */
export function insert(
  s: EngineState,
  service: number,
  key: FlowKey,
  d: number,
  port: number,
  flags: number,
  timeoutTicks: number,
): number {
  const { connections, destinations, localPorts } = s.tables;
  const method = flags & METHOD_MASK;
  const isTranslated = method === ForwardingMethod.masq || method === ForwardingMethod.fullnat;
  const local = needsLocalPort(flags) && hasRoom(s) ? localPorts.take(d, key.protocol, port, destinations, connections) : 0;
  if (local === NONE) return NONE;
  const conn = connections.insert(
    key,
    isTranslated ? destinations.addressWord(d, 0) : key.target0,
    isTranslated ? destinations.addressWord(d, 1) : key.target1,
    isTranslated ? destinations.addressWord(d, 2) : key.target2,
    isTranslated ? destinations.addressWord(d, 3) : key.target3,
    isTranslated ? port : key.targetPort,
    service,
    d,
    flags,
    s.nowTick,
    timeoutTicks,
  );
  if (conn === NONE) return NONE;
  connections.setDestinationPort(conn, port);
  if (local !== 0) connections.setLocal(conn, local);
  s.tables.bindConnection(conn);
  return conn;
}

function hasRoom(s: EngineState): boolean {
  return s.tables.connections.count < s.tables.connections.capacity;
}

/** After the packet has been sent: a connection of a one-packet service has done its work. */
export function endOnePacket(s: EngineState, conn: number): void {
  if ((s.tables.connections.flags(conn) & ConnectionFlag.onePacket) !== 0) s.tables.removeConnection(conn);
}
