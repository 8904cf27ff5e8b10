/** What the director's tables show, in the words of the recordings: rows of ipvsadm listings, snapshots, connection entries. */
import { formatAddress, parseAddress, parseEndpoint } from '../../src/base/address.ts';
import { Family, NONE } from '../../src/base/terms.ts';
import type { ConnectionStatus, DestinationStatus, ServiceStatus } from '../../src/dataplane/messages.ts';
import { snapshot } from '../../src/dataplane/snapshot.ts';
import type { ServiceKey } from '../../src/table/actions.ts';
import type { SnapRow } from './recording.ts';
import type { Rig } from './rig.ts';

/** One connection or template. */
export interface Entry extends ConnectionStatus {
  /** Its row, to follow it over time. */
  readonly conn: number;
  /** Not cut to whole seconds. */
  readonly remainingSeconds: number;
}

const METHODS: Readonly<Record<string, string>> = { route: 'Route', masq: 'Masq', tunnel: 'Tunnel', local: 'Local' };
const ALL = 1_000_000;
const TICKS_PER_SECOND = 10;

/** Services, each with its real servers newest first. */
export function services(rig: Rig): readonly ServiceStatus[] {
  return snapshot(rig.director.state, [], 0).services;
}

/** Every connection and template, in no order. */
export function entries(rig: Rig): Entry[] {
  const { state } = rig.director;
  const { connections } = state.tables;
  let conn = NONE;
  return snapshot(state, [], ALL).connections.list.map((status) => {
    conn = connections.next(conn);
    return { ...status, conn, remainingSeconds: (connections.expiresAtTick(conn) - state.nowTick) / TICKS_PER_SECOND };
  });
}

/**
 * Rows of `snap`: of all services, each newest server first. The order of the services is that of the kernel's hash table and not
 * compared, so they stand here as they stand in `recorded`, as far as that fits.
 */
export function snapRows(rig: Rig, recorded: readonly SnapRow[]): SnapRow[] {
  const left = services(rig).map(({ destinations }) => destinations.map(snapRow));
  const rows: SnapRow[] = [];
  while (left.length > 0) {
    const likeness = left.map((group) => likenessOf(group, recorded.slice(rows.length, rows.length + group.length)));
    rows.push(...left.splice(likeness.indexOf(Math.max(...likeness)), 1)[0]!);
  }
  return rows;
}

/** 2 = the same, 1 = the same servers, 0 = others. */
function likenessOf(group: readonly SnapRow[], recorded: readonly SnapRow[]): number {
  if (JSON.stringify(group) === JSON.stringify(recorded)) return 2;
  return group.every(([server], i) => server === recorded[i]?.[0]) ? 1 : 0;
}

function snapRow({ key, settings, activeConnections, inactiveConnections }: DestinationStatus): SnapRow {
  return [plainName(key.address, key.port), settings.weight, activeConnections, inactiveConnections];
}

/** Sums over all real servers. */
export function connectionCounts(rig: Rig): [active: number, inactive: number] {
  const { services, destinations } = rig.director.state.tables;
  let [active, inactive] = [0, 0];
  for (let s = services.first(); s !== NONE; s = services.next(s)) {
    for (let d = destinations.first(s); d !== NONE; d = destinations.next(d)) {
      active += destinations.active(d);
      inactive += destinations.inactive(d);
    }
  }
  return [active, inactive];
}

/** The lines of `ipvsadm -Ln` without their spacing, sorted within a service. */
export function listingLines(rig: Rig): string[] {
  const line = (d: DestinationStatus): string =>
    `${METHODS[d.settings.method]} ${d.settings.weight} ${d.activeConnections} ${d.inactiveConnections}`;
  return linesOf(rig, ({ key, settings }) => `${serviceName(key)} ${settings.scheduler}${flagsText(key, settings)}`, line);
}

/** The lines of `ipvsadm -Ln --persistent-conn`. */
export function persistenceLines(rig: Rig): string[] {
  const templates = templateCounts(rig);
  return linesOf(
    rig,
    ({ key, settings }) => `${serviceName(key)} ${settings.scheduler}${flagsText(key, settings)}`,
    (d, { key }) => {
      const count = templates.get(`${serviceName(key)} ${plainName(d.key.address, d.key.port)}`);
      return `${d.settings.weight} ${count} ${d.activeConnections} ${d.inactiveConnections}`;
    },
  );
}

/** By service and real server. */
function templateCounts(rig: Rig): Map<string, number> {
  const { destinations, services } = rig.director.state.tables;
  const counts = new Map<string, number>();
  for (let s = services.first(); s !== NONE; s = services.next(s)) {
    for (let d = destinations.first(s); d !== NONE; d = destinations.next(d)) {
      const { address, port } = destinations.key(d);
      counts.set(`${serviceName(services.key(s))} ${plainName(address, port)}`, destinations.templates(d));
    }
  }
  return counts;
}

/** The lines of `ipvsadm -Ln --stats`. */
export function statisticsLines(rig: Rig): string[] {
  const counts = ({ traffic: t }: ServiceStatus | DestinationStatus): string =>
    `${t.connections} ${t.inPackets} ${t.outPackets} ${t.inBytes} ${t.outBytes}`;
  return linesOf(rig, (service) => `${serviceName(service.key)} ${counts(service)}`, counts);
}

function linesOf(
  rig: Rig,
  ofService: (service: ServiceStatus) => string,
  ofServer: (server: DestinationStatus, service: ServiceStatus) => string,
): string[] {
  return services(rig)
    .map((service) => {
      const servers = service.destinations.map((d) => `-> ${plainName(d.key.address, d.key.port)} ${ofServer(d, service)}`);
      return [ofService(service), ...servers.sort()].join('\n');
    })
    .sort();
}

/** The recorded text of a listing, in the same form: titles left out, spaces joined. */
export function recordedLines(listing: string): string[] {
  const lines = listing
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '' && !/^(IP Virtual Server|Prot LocalAddress|-> RemoteAddress)/.test(line));
  const blocks: string[][] = [];
  for (const line of lines) {
    if (line.startsWith('-> ')) blocks.at(-1)?.push(line);
    else blocks.push([line]);
  }
  return blocks.map(([service, ...servers]) => [service, ...servers.sort()].join('\n')).sort();
}

/** `TCP 192.0.2.1:80`, `FWM 7 IPv6`. */
function serviceName(key: ServiceKey): string {
  if ('firewallMark' in key) return `FWM ${key.firewallMark}${key.family === 'v6' ? ' IPv6' : ''}`;
  return `${key.protocol.toUpperCase()} ${plainName(key.address, key.port)}`;
}

function flagsText(key: ServiceKey, settings: ServiceStatus['settings']): string {
  const flags = settings.schedulerFlags.length === 0 ? '' : ` (${[...settings.schedulerFlags].sort().join(',')})`;
  const isV6 = 'firewallMark' in key ? key.family === 'v6' : key.address.includes(':');
  const mask = isV6 ? `${settings.persistencePrefix}` : (settings.persistenceMask ?? dotted(settings.persistencePrefix));
  const isWhole = mask === (isV6 ? '128' : '255.255.255.255');
  const persistent =
    settings.persistenceSeconds === 0 ? '' : ` persistent ${settings.persistenceSeconds}${isWhole ? '' : ` mask ${mask}`}`;
  return `${flags}${persistent}${settings.onePacket ? ' ops' : ''}`;
}

function dotted(prefix: number): string {
  return formatAddress({ family: Family.v4, words: [0, 0, 0, prefix === 0 ? 0 : -1 << (32 - prefix)] });
}

function plainName(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * A name of a real server, client or service as any of the recordings writes it, in the form of `plainName`: IPv6 is written out in
 * full in snapshots, with the port in hex, and in `show` without brackets, with the port in decimal.
 */
export function canonicalName(text: string): string {
  const full = /^\[((?:[0-9a-f]{4}:){7}[0-9a-f]{4})\]:([0-9a-f]{4})$/i.exec(text);
  if (full !== null) return plainName(canonicalAddress(full[1]!), Number.parseInt(full[2]!, 16));
  const bare = /^((?:[0-9a-f]{4}:){7}[0-9a-f]{4}):(\d+)$/i.exec(text);
  if (bare !== null) return plainName(canonicalAddress(bare[1]!), Number(bare[2]));
  const parsed = parseEndpoint(text);
  return parsed === undefined ? text : plainName(formatAddress(parsed.address), parsed.port);
}

function canonicalAddress(text: string): string {
  const parsed = parseAddress(text);
  return parsed === undefined ? text : formatAddress(parsed);
}
