/** The state of a data plane as plain data, for status and metrics. Between two bursts; slow path. */
import { formatMac } from '../base/address.ts';
import { NONE } from '../base/terms.ts';
import type { EngineState } from '../engine/state.ts';
import type { Port } from '../io/port.ts';
import { formatDestinationKey } from '../table/actions.ts';
import { nextRow, readSlice, SLICE_BYTES, writeSlice } from './connectionSlice.ts';
import type {
  ConnectionEntry,
  ConnectionStatus,
  DataPlaneStatus,
  DestinationStatus,
  PortStatus,
  ServiceStatus,
} from './messages.ts';

/** A port with what it was opened as. */
export interface NamedPort {
  readonly port: Port;
  readonly io: PortStatus['io'];
  readonly mode: string;
}

/** Some services, and where the next ones begin; NONE at the end. */
export interface ServiceSlice {
  readonly services: readonly ServiceStatus[];
  readonly nextService: number;
}

/** Real servers of a slice: frames wait about a quarter of a millisecond while it is made and sent. */
const SLICE_SERVERS = 64;

/** All at once. @param connections how many to list at most */
export function snapshot(s: EngineState, ports: readonly NamedPort[], connections: number): DataPlaneStatus {
  const services: ServiceStatus[] = [];
  for (let from = 0; from !== NONE; ) {
    const slice = serviceSlice(s, from);
    services.push(...slice.services);
    from = slice.nextService;
  }
  const status = summary(s, ports, services);
  return { ...status, connections: { ...status.connections, list: listConnections(s, connections) } };
}

/** Everything but services and connections, which may be many. */
export function summary(s: EngineState, ports: readonly NamedPort[], services: readonly ServiceStatus[]): DataPlaneStatus {
  const { connections: table, traffic } = s.tables;
  return {
    ports: ports.map(({ port, io, mode }) => ({ name: port.facts.name, io, mode, counters: { ...port.counters } })),
    services,
    connections: { count: table.count, capacity: table.capacity, list: [] },
    traffic: traffic.total(),
    rates: traffic.totalRates(),
    counters: s.counters.nonZero(),
  };
}

/** Services from this row of the table on: whole ones, until they have many real servers together. */
export function serviceSlice(s: EngineState, from: number): ServiceSlice {
  const table = s.tables.services;
  const services: ServiceStatus[] = [];
  let servers = 0;
  let service = table.next(from - 1);
  for (; service !== NONE && servers < SLICE_SERVERS; service = table.next(service)) {
    const status = serviceStatus(s, service);
    services.push(status);
    // A service without real servers is work, too.
    servers += status.destinations.length + 1;
  }
  return { services, nextService: service };
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

/** @param entry one of a listing */
export function connectionStatus({
  protocol,
  state,
  expiresSeconds,
  client,
  virtual,
  destination,
}: ConnectionEntry): ConnectionStatus {
  return {
    protocol,
    state,
    expiresSeconds,
    client: formatDestinationKey(client),
    virtual: formatDestinationKey(virtual),
    destination: formatDestinationKey(destination),
  };
}

/** All at once: a worker's own are asked for in slices. */
function listConnections(s: EngineState, limit: number): ConnectionStatus[] {
  if (limit === 0) return [];
  const buffer = new ArrayBuffer(SLICE_BYTES);
  const list: ConnectionStatus[] = [];
  for (let row = 0; row !== NONE && list.length < limit; row = nextRow(buffer)) {
    writeSlice(s, row, buffer, s.clock);
    list.push(...readSlice(buffer).map(connectionStatus));
  }
  return list.slice(0, limit);
}
