// hot path

/** A new connection at a real server: the scheduler's choice, the entry in the table, and its end if it was for one packet. */
import { ForwardingMethod, NONE, Protocol } from '../base/terms.ts';
import { FRESH_TIMEOUT_TICKS } from '../protocol/timeouts.ts';
import { ConnectionFlag } from '../table/connectionFlags.ts';
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
 * @returns the connection, or NoConnection.full
 */
export function enter(s: EngineState, service: number, key: FlowKey, d: number, port: number, mark: number): number {
  const method = s.tables.destinations.method(d);
  const isOnePacket = key.protocol === Protocol.udp && (s.tables.services.flags(service) & ServiceFlag.onePacket) !== 0;
  const flags =
    method |
    ConnectionFlag.inactive |
    (method === ForwardingMethod.masq ? 0 : ConnectionFlag.noOutput) |
    (isOnePacket ? ConnectionFlag.onePacket : 0);
  const conn = insert(s, service, key, d, port, flags, FRESH_TIMEOUT_TICKS);
  if (conn === NONE) return NoConnection.full;
  if (mark !== 0) s.tables.connections.setFirewallMark(conn, mark);
  s.tables.traffic.addConnection(service, d);
  if (!isOnePacket) s.counters.add(CONNECTIONS_CREATED);
  return conn;
}

/**
 * Puts a row into the table and binds it to destination `d`.
 * @param flags bits of ConnectionFlag and the forwarding method
 * @returns the connection, or NONE when the table is full
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
  const { connections, destinations } = s.tables;
  const isMasq = (flags & METHOD_BITS) === ForwardingMethod.masq;
  const conn = connections.insert(
    key,
    isMasq ? destinations.addressWord(d, 0) : key.target0,
    isMasq ? destinations.addressWord(d, 1) : key.target1,
    isMasq ? destinations.addressWord(d, 2) : key.target2,
    isMasq ? destinations.addressWord(d, 3) : key.target3,
    isMasq ? port : key.targetPort,
    service,
    d,
    flags,
    s.nowTick,
    timeoutTicks,
  );
  if (conn === NONE) return NONE;
  connections.setDestinationPort(conn, port);
  s.tables.bindConnection(conn);
  return conn;
}

const METHOD_BITS = 7;

/** After the packet has been sent: a connection of a one-packet service has done its work. */
export function endOnePacket(s: EngineState, conn: number): void {
  if ((s.tables.connections.flags(conn) & ConnectionFlag.onePacket) !== 0) s.tables.removeConnection(conn);
}
