/** The state of a data plane as plain data, for status and metrics. Between two bursts; slow path. */
import { formatAddress, formatEndpoint, formatMac } from '../base/address.ts';
import { type Family, NONE, Protocol } from '../base/terms.ts';
import type { EngineState } from '../engine/state.ts';
import type { Port } from '../io/port.ts';
import { stateName } from '../protocol/advance.ts';
import type { TrafficTotals } from '../table/traffic.ts';
import type {
  ConnectionStatus,
  DataPlaneStatus,
  DestinationStatus,
  PortStatus,
  ServiceStatus,
  TrafficCounters,
} from './messages.ts';

/** A port with what it was opened as. */
export interface NamedPort {
  readonly port: Port;
  readonly io: PortStatus['io'];
  readonly mode: string;
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [Protocol.tcp]: 'TCP',
  [Protocol.udp]: 'UDP',
  [Protocol.sctp]: 'SCTP',
};

/** @param connections how many to list at most */
export function snapshot(s: EngineState, ports: readonly NamedPort[], connections: number): DataPlaneStatus {
  const { services, connections: table, traffic } = s.tables;
  const listed: ServiceStatus[] = [];
  for (let service = services.first(); service !== NONE; service = services.next(service)) listed.push(serviceStatus(s, service));
  return {
    ports: ports.map(({ port, io, mode }) => ({ name: port.facts.name, io, mode, counters: { ...port.counters } })),
    services: listed,
    connections: { count: table.count, capacity: table.capacity, list: listConnections(s, connections) },
    traffic: trafficCounters(traffic.total()),
    counters: s.counters.nonZero(),
  };
}

function serviceStatus(s: EngineState, service: number): ServiceStatus {
  const { services, destinations, traffic } = s.tables;
  const listed: DestinationStatus[] = [];
  for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) listed.push(destinationStatus(s, d));
  return {
    key: services.key(service),
    settings: services.settings(service),
    traffic: trafficCounters(traffic.ofService(service)),
    destinations: listed,
  };
}

function destinationStatus(s: EngineState, d: number): DestinationStatus {
  const { destinations, traffic } = s.tables;
  const mac = destinations.resolved(d) ? formatMac(destinations.nextHopMacHigh(d), destinations.nextHopMacLow(d)) : null;
  return {
    key: destinations.key(d),
    settings: destinations.settings(d),
    activeConnections: destinations.active(d),
    inactiveConnections: destinations.inactive(d),
    overloaded: destinations.overloaded(d),
    nextHop: mac,
    traffic: trafficCounters(traffic.ofDestination(d)),
  };
}

function trafficCounters(totals: TrafficTotals): TrafficCounters {
  const { connections, inPackets, outPackets, inBytes, outBytes } = totals;
  return { connections, inPackets, outPackets, inBytes, outBytes };
}

function listConnections(s: EngineState, limit: number): ConnectionStatus[] {
  const table = s.tables.connections;
  const list: ConnectionStatus[] = [];
  for (let conn = table.first(); conn !== NONE && list.length < limit; conn = table.next(conn))
    list.push(connectionStatus(s, conn));
  return list;
}

function connectionStatus(s: EngineState, conn: number): ConnectionStatus {
  const { connections: table, destinations } = s.tables;
  const d = table.destination(conn);
  const address = (word: (conn: number, i: number) => number) => ({
    family: table.family(conn) as Family,
    words: [word.call(table, conn, 0), word.call(table, conn, 1), word.call(table, conn, 2), word.call(table, conn, 3)] as const,
  });
  const port = d === NONE || destinations.port(d) === 0 ? table.virtualPort(conn) : destinations.port(d);
  return {
    protocol: PROTOCOL_NAMES[table.protocol(conn)] ?? 'IP',
    state: stateName(table.protocol(conn), table.state(conn)),
    expiresSeconds: Math.max(0, Math.floor((table.expiresAtTick(conn) - s.nowTick) / 10)),
    client: formatEndpoint(address(table.clientWord), table.clientPort(conn)),
    virtual: formatEndpoint(address(table.virtualWord), table.virtualPort(conn)),
    destination: d === NONE ? formatAddress(address(table.replySourceWord)) : formatEndpoint(destinations.address(d), port),
  };
}
