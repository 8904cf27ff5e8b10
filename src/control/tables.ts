/** What the tables of the data plane shall hold. Services and destinations are in the order in which they are to be added. */
import type { Config, RealServerConfig, VirtualServiceConfig } from '../config/model.ts';
import type { DestinationKey, DestinationSettings, ServiceKey, ServiceSettings, Timeouts } from '../table/actions.ts';

export interface Tables {
  readonly services: readonly ServiceEntry[];
  readonly timeouts: Timeouts;
}

export interface ServiceEntry {
  readonly key: ServiceKey;
  readonly settings: ServiceSettings;
  readonly destinations: readonly DestinationEntry[];
}

export interface DestinationEntry {
  readonly key: DestinationKey;
  readonly settings: DestinationSettings;
}

/** Of a data plane that has just started; timeouts as in specs/ipvs.md section 3. */
export const EMPTY_TABLES: Tables = { services: [], timeouts: { tcp: 900, tcpFin: 120, udp: 300 } };

/** The tables that a configuration asks for. */
export function tablesOf(config: Config): Tables {
  return { services: config.services.map(serviceEntry), timeouts: config.timeouts };
}

/** The address of every real server once, in the order of the tables. */
export function realServerAddresses(tables: Tables): readonly string[] {
  return [...new Set(tables.services.flatMap(({ destinations }) => destinations.map(({ key }) => key.address)))];
}

function serviceEntry(service: VirtualServiceConfig): ServiceEntry {
  const { protocol, address, port, scheduler, schedulerFlags, onePacket } = service;
  const persistencePrefix = address.includes(':') ? 128 : 32;
  return {
    key: { protocol, address, port },
    settings: { scheduler, schedulerFlags, onePacket, persistenceSeconds: 0, persistencePrefix },
    destinations: service.realServers.map(destinationEntry),
  };
}

function destinationEntry({ address, port, method, weight, upperThreshold, lowerThreshold }: RealServerConfig): DestinationEntry {
  return { key: { address, port }, settings: { method, weight, upperThreshold, lowerThreshold } };
}
