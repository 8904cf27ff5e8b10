/** Every listing as JSON: the field names of docs/reference/uvsadm.md, numbers as numbers, addresses never by name. */
import type { ServiceKey, Timeouts } from '../table/actions.ts';
import type { DaemonOptions } from './command.ts';
import type { ListedConnection, ListedServer, ListedService } from './director.ts';
import { flagsText, maskText } from './wording.ts';

/** In the order in which they are given. @param tableSize undefined when one service was asked for */
export function servicesJson(services: readonly ListedService[], tableSize: number | undefined): string {
  const head = tableSize === undefined ? {} : { tableSize };
  return lineOf({ ...head, services: services.map(serviceFields) });
}

export function timeoutsJson({ tcp, tcpFin, udp }: Timeouts): string {
  return lineOf({ timeouts: { tcp, tcpFin, udp } });
}

export function daemonsJson(daemons: readonly DaemonOptions[]): string {
  const fields = daemons.map(({ role, interface: name, syncId, maxBytes, group, port, ttl }) => ({
    ...{ role, interface: name, syncId, maxBytes: maxBytes ?? null },
    ...{ group: group ?? null, port: port ?? null, ttl: ttl ?? null },
  }));
  return lineOf({ daemons: fields });
}

/** A listing of connections, in pieces: a line each, for there may be millions. */
export class ConnectionsJson {
  #isFirst = true;

  readonly head = '{"connections":[';

  lines(connections: readonly ListedConnection[]): string {
    return connections.map((connection) => this.#line(connection)).join('');
  }

  readonly tail = '\n]}\n';

  #line({ protocol, state, expiresSeconds, client, virtual, destination, engine }: ListedConnection): string {
    const separator = this.#isFirst ? '\n' : ',\n';
    this.#isFirst = false;
    const fields = { protocol, state, expiresSeconds, client, virtual, destination, persistenceEngine: engine ?? null };
    return separator + JSON.stringify(fields);
  }
}

function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function serviceFields(service: ListedService): object {
  const { key, settings, traffic, rates, destinations } = service;
  const flags = flagsText(settings);
  return {
    ...serviceName(key),
    scheduler: settings.scheduler,
    schedulerFlags: flags?.split(',') ?? [],
    onePacket: settings.onePacket,
    persistenceSeconds: settings.persistenceSeconds,
    persistenceMask: maskText(key, settings) ?? null,
    persistenceEngine: settings.persistenceEngine || null,
    traffic,
    rates,
    servers: destinations.map(serverFields),
  };
}

function serviceName(key: ServiceKey): object {
  if ('firewallMark' in key) return { firewallMark: key.firewallMark, family: key.family };
  return { protocol: key.protocol, address: key.address, port: key.port };
}

function serverFields(server: ListedServer): object {
  const { key, settings, activeConnections, inactiveConnections, persistentClients, traffic, rates } = server;
  const { method, weight, upperThreshold, lowerThreshold, tunnel } = settings;
  return {
    ...{ address: key.address, port: key.port, method, weight, upperThreshold, lowerThreshold },
    tunnel: method === 'tunnel' ? (tunnel ?? { type: 'ipip', port: 0, checksum: 'none' }) : null,
    ...{ activeConnections, inactiveConnections, persistentClients },
    traffic,
    rates,
  };
}
