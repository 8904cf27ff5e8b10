/** The state of a data plane as plain data, for status and metrics. Between two bursts; slow path. */
import { formatEndpoint, formatMac } from '../base/address.ts';
import { Family, NONE, Protocol } from '../base/terms.ts';
import type { EngineState } from '../engine/state.ts';
import type { Port } from '../io/port.ts';
import { stateName, templateStateName } from '../protocol/advance.ts';
import type { ConnectionStatus, DataPlaneStatus, DestinationStatus, PortStatus, ServiceStatus } from './messages.ts';

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

/** Where a connection goes that has no real server. */
const NOWHERE = { family: Family.v4, words: [0, 0, 0, 0] } as const;

/** @param connections how many to list at most */
export function snapshot(s: EngineState, ports: readonly NamedPort[], connections: number): DataPlaneStatus {
  const { services, connections: table, traffic } = s.tables;
  const listed: ServiceStatus[] = [];
  for (let service = services.first(); service !== NONE; service = services.next(service)) listed.push(serviceStatus(s, service));
  return {
    ports: ports.map(({ port, io, mode }) => ({ name: port.facts.name, io, mode, counters: { ...port.counters } })),
    services: listed,
    connections: { count: table.count, capacity: table.capacity, list: listConnections(s, connections) },
    traffic: traffic.total(),
    rates: traffic.totalRates(),
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
    traffic: traffic.ofService(service),
    rates: traffic.ratesOfService(service),
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
    persistentClients: destinations.templates(d),
    overloaded: destinations.overloaded(d),
    nextHop: destinations.isLocal(d) ? 'local' : mac,
    traffic: traffic.ofDestination(d),
    rates: traffic.ratesOfDestination(d),
  };
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
  const port = table.destinationPort(conn);
  return {
    protocol: PROTOCOL_NAMES[table.protocol(conn)] ?? 'IP',
    state: table.isTemplate(conn) ? templateStateName(table.state(conn)) : stateName(table.protocol(conn), table.state(conn)),
    expiresSeconds: Math.max(0, Math.floor((table.expiresAtTick(conn) - s.nowTick) / 10)),
    client: formatEndpoint(address(table.clientWord), table.clientPort(conn)),
    virtual: formatEndpoint(address(table.virtualWord), table.virtualPort(conn)),
    destination: formatEndpoint(d === NONE ? NOWHERE : destinations.address(d), port),
  };
}
