/** The lines of `-L` for services and real servers, view by view: titles, widths, what stands in the columns (specs/ipvs.md section 7.2). */
import { shownRates } from '../base/shownRates.ts';
import type { ServiceKey } from '../table/actions.ts';
import type { ListView } from './command.ts';
import type { ListedServer, ListedService, Traffic } from './director.ts';
import type { EndpointNames } from './endpointNames.ts';
import { bigNumber, flagsText, isV6Service, METHOD_WORDS, maskText, tunnelInfo } from './wording.ts';

/** How the numbers and names of a listing are written. */
export interface ListingStyle {
  readonly names: EndpointNames;
  readonly exact: boolean;
  /** Marks above 2^31 are negative numbers. */
  readonly compat: boolean;
}

/** The two lines above the services. */
export function titleLines(view: ListView): string {
  return TITLES[view].map((line) => `${line}\n`).join('');
}

/** A service and its real servers, in the order in which they are given. */
export function serviceLines(service: ListedService, view: ListView, style: ListingStyle): string {
  const { ofService, ofServer } = COLUMNS[view];
  const name = serviceName(service.key, style);
  const first =
    ofService === undefined
      ? `${name} ${rulesText(service, style)}`
      : name.padEnd(SERVICE_COLUMNS) + ofService(service, style.exact);
  const servers = service.destinations.map(
    (server) => `${serverName(service.key, server, style)}${ofServer(server, style.exact)}\n`,
  );
  return `${first}\n${servers.join('')}`;
}

const ADDRESS_TITLE = 'Prot LocalAddress:Port';
const SERVER_TITLE = '  -> RemoteAddress:Port';
/** Columns of an IPv4 name, host and port together; IPv6 names push the rest. */
const NAME_COLUMNS = 28;
/** Of a service's name with its protocol, where columns stand behind it. */
const SERVICE_COLUMNS = 33;

const TITLES: Readonly<Record<ListView, readonly [string, string]>> = {
  default: [`${ADDRESS_TITLE} Scheduler Flags`, `${SERVER_TITLE}           Forward Weight ActiveConn InActConn`],
  stats: [`${ADDRESS_TITLE}               Conns   InPkts  OutPkts  InBytes OutBytes`, SERVER_TITLE],
  rate: [`${ADDRESS_TITLE}                 CPS    InPPS   OutPPS    InBPS   OutBPS`, SERVER_TITLE],
  thresholds: [`${ADDRESS_TITLE}            Uthreshold Lthreshold ActiveConn InActConn `, SERVER_TITLE],
  'persistent-conn': [`${ADDRESS_TITLE}            Weight    PersistConn ActiveConn InActConn `, SERVER_TITLE],
  'tun-info': [`${ADDRESS_TITLE} Scheduler Flags`, `${SERVER_TITLE}           Forward TunnelInfo    Weight ActiveConn InActConn`],
};

/** What stands behind the names of a view. */
interface Columns {
  /** Undefined: scheduler and flags stand there. */
  readonly ofService?: (service: ListedService, exact: boolean) => string;
  readonly ofServer: (server: ListedServer, exact: boolean) => string;
}

const COLUMNS: Readonly<Record<ListView, Columns>> = {
  default: { ofServer: (server) => `${methodColumn(server)}${weightColumn(server, 6)}${countColumns(server)}` },
  stats: {
    ofService: ({ traffic }, exact) => fiveNumbers(traffic, exact),
    ofServer: ({ traffic }, exact) => fiveNumbers(traffic, exact),
  },
  rate: { ofService: ({ rates }, exact) => fiveNumbers(shownRates(rates), exact), ofServer: serverRates },
  thresholds: {
    ofServer: (server) => {
      const { upperThreshold, lowerThreshold } = server.settings;
      return `${wide(upperThreshold)}${wide(lowerThreshold)}${countColumns(server)}`;
    },
  },
  'persistent-conn': {
    ofServer: (server) => `${weightColumn(server, 9)} ${`${server.persistentClients}`.padEnd(11)}${countColumns(server)}`,
  },
  'tun-info': {
    ofServer: (server) => {
      const tunnel = ` ${tunnelInfo(server.settings).padEnd(13)}`;
      return `${methodColumn(server)}${tunnel}${weightColumn(server, 6)}${countColumns(server)}`;
    },
  },
};

function methodColumn({ settings }: ListedServer): string {
  return ` ${METHOD_WORDS[settings.method].listed.padEnd(7)}`;
}

function weightColumn({ settings }: ListedServer, columns: number): string {
  return ` ${`${settings.weight}`.padEnd(columns)}`;
}

function countColumns({ activeConnections, inactiveConnections }: ListedServer): string {
  return wide(activeConnections) + wide(inactiveConnections);
}

function wide(value: number): string {
  return ` ${`${value}`.padEnd(10)}`;
}

function fiveNumbers({ connections, inPackets, outPackets, inBytes, outBytes }: Traffic, exact: boolean): string {
  return [connections, inPackets, outPackets, inBytes, outBytes].map((value) => bigNumber(value, exact)).join('');
}

/** Connections and packets are never abbreviated. */
function serverRates({ rates }: ListedServer, exact: boolean): string {
  const { connections, inPackets, outPackets, inBytes, outBytes } = shownRates(rates);
  const plain = [connections, inPackets, outPackets].map((value) => ` ${`${value}`.padStart(8)}`).join('');
  return plain + bigNumber(inBytes, exact) + bigNumber(outBytes, exact);
}

/** `TCP  192.0.2.1:80`, `FWM  7 IPv6`. */
function serviceName(key: ServiceKey, { names, compat }: ListingStyle): string {
  if ('firewallMark' in key) {
    const mark = compat ? key.firewallMark | 0 : key.firewallMark;
    return `FWM  ${mark}${key.family === 'v6' ? ' IPv6' : ''}`;
  }
  const name = names.of(key, key.protocol);
  return `${key.protocol.toUpperCase().padEnd(4)} ${isV6Service(key) ? name : name.slice(0, NAME_COLUMNS)}`;
}

/** Behind a mark, ports are never named. */
function serverName(service: ServiceKey, { key }: ListedServer, { names }: ListingStyle): string {
  const name = names.of(key, 'protocol' in service ? service.protocol : undefined);
  return `  -> ${(key.address.includes(':') ? name : name.slice(0, NAME_COLUMNS)).padEnd(NAME_COLUMNS)}`;
}

/** `sh (sh-port) persistent 360 mask 255.255.255.0 pe sip ops`. */
function rulesText({ key, settings }: ListedService, { compat }: ListingStyle): string {
  const { scheduler, persistenceSeconds, persistenceEngine = '', onePacket } = settings;
  const flags = flagsText(settings, compat);
  const mask = maskText(key, settings);
  const engine = persistenceEngine === '' ? '' : ` pe ${persistenceEngine}`;
  const persistent = ` persistent ${persistenceSeconds}${mask === undefined ? '' : ` mask ${mask}`}${engine}`;
  return `${scheduler}${flags === undefined ? '' : ` (${flags})`}${persistenceSeconds === 0 ? '' : persistent}${onePacket ? ' ops' : ''}`;
}
