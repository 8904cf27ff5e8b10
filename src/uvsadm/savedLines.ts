/** What `-S` writes and `-R` reads: a line per service and real server, in the order of listings (specs/ipvs.md section 7.3). */
import type { ServiceKey, Timeouts } from '../table/actions.ts';
import type { DaemonOptions } from './command.ts';
import type { ListedServer, ListedService } from './director.ts';
import type { EndpointNames } from './endpointNames.ts';
import { flagsText, METHOD_WORDS, maskText, tunnelOptions } from './wording.ts';

export interface SavingStyle {
  readonly names: EndpointNames;
  /** Marks above 2^31 are negative numbers, which nothing reads back. */
  readonly compat: boolean;
  /** Also thresholds, and masks and flags that plain `-S` leaves out. */
  readonly all: boolean;
}

/** A service and its real servers, in the order in which they are given. */
export function savedLines(service: ListedService, style: SavingStyle): string {
  const of = serviceOption(service.key, style);
  const servers = service.destinations.map((server) => `-a ${of} -r ${serverOptions(service.key, server, style)}\n`);
  return `-A ${of}${serviceOptions(service, style)}\n${servers.join('')}`;
}

/** `--set 900 120 300`. */
export function savedTimeouts({ tcp, tcpFin, udp }: Timeouts): string {
  return `--set ${tcp} ${tcpFin} ${udp}\n`;
}

export function savedDaemon(daemon: DaemonOptions): string {
  const { role, syncId, maxBytes, group, port, ttl } = daemon;
  const options = [
    ['mcast-interface', daemon.interface],
    ['syncid', syncId],
    ['sync-maxlen', maxBytes],
    ['mcast-group', group],
    ['mcast-port', port],
    ['mcast-ttl', ttl],
  ];
  const given = options.filter(([, value]) => value !== undefined).map(([name, value]) => ` --${name} ${value}`);
  return `--start-daemon ${role}${given.join('')}\n`;
}

const PROTOCOL_OPTIONS = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const;

function serviceOption(key: ServiceKey, { names, compat }: SavingStyle): string {
  if ('protocol' in key) return `${PROTOCOL_OPTIONS[key.protocol]} ${names.of(key, key.protocol)}`;
  return `-f ${compat ? key.firewallMark | 0 : key.firewallMark}${key.family === 'v6' ? ' -6' : ''}`;
}

function serviceOptions({ key, settings }: ListedService, { all, compat }: SavingStyle): string {
  const { scheduler, persistenceSeconds, persistenceEngine = '', onePacket } = settings;
  const mask = persistenceSeconds === 0 && !all ? undefined : maskText(key, settings);
  const flags = flagsText(settings, compat);
  return [
    ` -s ${scheduler}`,
    persistenceSeconds === 0 ? '' : ` -p ${persistenceSeconds}`,
    mask === undefined ? '' : ` -M ${mask}`,
    persistenceEngine === '' ? '' : ` --pe ${persistenceEngine}`,
    onePacket ? ' -o' : '',
    flags === undefined ? '' : ` -b ${flags}`,
  ].join('');
}

function serverOptions(service: ServiceKey, { key, settings }: ListedServer, { names, all }: SavingStyle): string {
  const { method, weight, upperThreshold, lowerThreshold } = settings;
  const name = names.of(key, 'protocol' in service ? service.protocol : undefined);
  const upper = all && upperThreshold !== 0 ? ` -x ${upperThreshold}` : '';
  const lower = all && lowerThreshold !== 0 ? ` -y ${lowerThreshold}` : '';
  return `${name} ${METHOD_WORDS[method].option} -w ${weight}${tunnelOptions(settings)}${upper}${lower}`;
}
