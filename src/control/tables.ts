/** What the tables of the data plane shall hold. Services and destinations are in the order in which they are to be added. */
import { UvsError } from '../base/errors.ts';
import { defaultSettings, type SettingValue } from '../base/settings.ts';
import type { ClassificationConfig, Config, RealServerConfig, VirtualServiceConfig } from '../config/model.ts';
import {
  type ClassificationRule,
  type DestinationKey,
  type DestinationSettings,
  type FullnatSettings,
  NO_FULLNAT,
  type ServiceKey,
  type ServiceSettings,
  type Timeouts,
} from '../table/actions.ts';

export interface Tables {
  readonly services: readonly ServiceEntry[];
  readonly timeouts: Timeouts;
  /** Every setting, under the kernel's names. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly classification: readonly ClassificationRule[];
  readonly fullnat: FullnatSettings;
  /** Default DEFAULT_FTP_PORTS. */
  readonly ftpPorts?: readonly number[];
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
export const EMPTY_TABLES: Tables = {
  services: [],
  timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
  settings: defaultSettings(),
  classification: [],
  fullnat: NO_FULLNAT,
};

/**
 * The tables that a configuration asks for.
 * @param interfaces names, in the order of the data plane's ports
 * @throws UvsError INTERFACE_UNKNOWN when a rule names another one
 */
export function tablesOf(config: Config, interfaces: readonly string[]): Tables {
  return {
    services: config.services.map(serviceEntry),
    timeouts: config.timeouts,
    settings: { ...EMPTY_TABLES.settings, ...config.settings },
    classification: config.classification.map((rule) => classificationRule(rule, interfaces)),
    fullnat: config.fullnat,
    ...(config.ftpPorts === undefined ? {} : { ftpPorts: config.ftpPorts }),
  };
}

/** The address of every real server once, in the order of the tables. */
export function realServerAddresses(tables: Tables): readonly string[] {
  return [...new Set(tables.services.flatMap(({ destinations }) => destinations.map(({ key }) => key.address)))];
}

/** Local addresses of fullnat that are not among the host's own. */
export function missingLocalAddresses({ fullnat }: Tables, own: readonly string[]): readonly string[] {
  return fullnat.localAddresses.filter((address) => !own.includes(address));
}

/** Services by firewall mark to which no rule leads: nothing will ever come to them. */
export function unmarkedServices({ services, classification }: Tables): readonly ServiceKey[] {
  return services
    .map(({ key }) => key)
    .filter((key) => 'firewallMark' in key && !classification.some((rule) => leadsTo(rule, key)));
}

function leadsTo({ mark, family }: ClassificationRule, key: { firewallMark: number; family: 'v4' | 'v6' }): boolean {
  return mark === key.firewallMark && family === key.family;
}

function serviceEntry(service: VirtualServiceConfig): ServiceEntry {
  const { scheduler, schedulerFlags, onePacket, persistence, persistenceEngine } = service;
  const isV6 = 'firewallMark' in service ? service.family === 'v6' : service.address.includes(':');
  const settings = {
    scheduler,
    schedulerFlags,
    onePacket,
    persistenceSeconds: persistence?.timeoutSeconds ?? 0,
    persistencePrefix: persistence?.prefix ?? (isV6 ? 128 : 32),
    ...(typeof persistence?.mask === 'string' ? { persistenceMask: persistence.mask } : {}),
    ...(persistenceEngine === undefined ? {} : { persistenceEngine }),
  };
  return { key: serviceKey(service), settings, destinations: service.realServers.map(destinationEntry) };
}

function serviceKey(service: VirtualServiceConfig): ServiceKey {
  if ('firewallMark' in service) return { firewallMark: service.firewallMark, family: service.family };
  return { protocol: service.protocol, address: service.address, port: service.port };
}

function destinationEntry({ address, port, tunnel, ...more }: RealServerConfig): DestinationEntry {
  const { method, weight, upperThreshold, lowerThreshold } = more;
  const settings = { method, weight, upperThreshold, lowerThreshold, ...(tunnel === null ? {} : { tunnel }) };
  return { key: { address, port }, settings };
}

function classificationRule(
  { interface: name, ...rule }: ClassificationConfig,
  interfaces: readonly string[],
): ClassificationRule {
  if (name === undefined) return rule;
  const port = interfaces.indexOf(name);
  if (port >= 0) return { ...rule, port };
  const hint = `It is attached to ${interfaces.join(', ')}; name the others under interfaces, too, and start again.`;
  throw new UvsError('INTERFACE_UNKNOWN', `a classification rule names ${name}, to which the director is not attached`, { hint });
}
