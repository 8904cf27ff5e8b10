/** A director's status as text: the table of ipvsadm, with traffic beside it, then interfaces, workers, connections and counters. Pure. */
import type { DataPlaneStatus, DirectorStatus } from '../control/directorStatus.ts';
import { formatDestinationKey, formatServiceKey } from '../table/actions.ts';

/** What is known about a counter of the engine. */
export interface CounterFacts {
  readonly isDrop: boolean;
  /** Empty when there is none. */
  readonly sentence: string;
}

type ServiceStatus = DataPlaneStatus['services'][number];
type DestinationStatus = ServiceStatus['destinations'][number];
type TrafficCounters = DataPlaneStatus['traffic'];
/** Cells of one line. */
type Row = readonly string[];

const METHOD_TEXTS = { masq: 'Masq', local: 'Local', tunnel: 'Tunnel', route: 'Route', fullnat: 'Fullnat' } as const;
const TRAFFIC_TITLES = ['Conns', 'InPkts', 'OutPkts', 'InBytes', 'OutBytes'];

/** @param counterFacts looked up for each counter that is not zero */
export function statusText(status: DirectorStatus, counterFacts: (name: string) => CounterFacts): string {
  const { dataPlane } = status;
  const { count, capacity } = dataPlane.connections;
  return [
    `UVS ${status.version}, process ${status.pid}, up ${durationText(status.uptimeSeconds)}, ${count} of ${capacity} connections`,
    '',
    ...serviceLines(dataPlane.services),
    '',
    ...portLines(dataPlane.ports),
    ...workerLines(dataPlane.workers ?? []),
    ...connectionLines(dataPlane.connections.list),
    ...counterLines(dataPlane.counters, counterFacts),
  ].join('\n');
}

/** As ipvsadm shortens: all digits below 10^8, then thousands K, M, G, T, cut off. */
export function bigNumber(value: number): string {
  if (value < 1e8) return String(value);
  if (value < 1e9) return `${Math.floor(value / 1e3)}K`;
  if (value < 1e11) return `${Math.floor(value / 1e6)}M`;
  return value < 1e14 ? `${Math.floor(value / 1e9)}G` : `${Math.floor(value / 1e12)}T`;
}

/** `45s`, `3m 05s`, `2h 00m`, `4d 01h`. */
export function durationText(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ${two((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86_400)}d ${two((seconds % 86_400) / 3600)}h`;
}

function serviceLines(services: readonly ServiceStatus[]): readonly string[] {
  if (services.length === 0) return ['No services.'];
  const title = ['  -> RemoteAddress:Port', 'Forward', 'Weight', 'ActiveConn', 'InActConn', ...TRAFFIC_TITLES, 'NextHop'];
  const rows = services.flatMap((service) => [serviceRow(service), ...service.destinations.map(destinationRow)]);
  const [titleLine, ...lines] = aligned(
    [title, ...rows],
    [true, true, false, false, false, false, false, false, false, false, true],
  );
  return ['Prot LocalAddress:Port Scheduler Flags', titleLine ?? '', ...lines];
}

function serviceRow({ key, settings, traffic }: ServiceStatus): Row {
  const [protocol = '', ...rest] = formatServiceKey(key).split(' ');
  const flags = settings.schedulerFlags.length === 0 ? '' : ` (${settings.schedulerFlags.join()})`;
  const persistent = settings.persistenceSeconds === 0 ? '' : ` persistent ${settings.persistenceSeconds}`;
  const name = `${(protocol === 'fwmark' ? 'FWM' : protocol.toUpperCase()).padEnd(4)} ${rest.join(' ')} ${settings.scheduler}`;
  return [name + flags + persistent + (settings.onePacket ? ' ops' : ''), '', '', '', '', ...trafficCells(traffic), ''];
}

function destinationRow({
  key,
  settings,
  activeConnections,
  inactiveConnections,
  overloaded,
  nextHop,
  traffic,
}: DestinationStatus): Row {
  const counts = [settings.weight, activeConnections, inactiveConnections].map(String);
  const state = `${nextHop ?? 'unresolved'}${overloaded ? ', overloaded' : ''}${settings.weight === 0 ? ', quiesced' : ''}`;
  return [`  -> ${formatDestinationKey(key)}`, METHOD_TEXTS[settings.method], ...counts, ...trafficCells(traffic), state];
}

function trafficCells({ connections, inPackets, outPackets, inBytes, outBytes }: TrafficCounters): readonly string[] {
  return [connections, inPackets, outPackets, inBytes, outBytes].map(bigNumber);
}

function portLines(ports: DataPlaneStatus['ports']): readonly string[] {
  const rows = ports.map(({ name, io, mode, counters }) => {
    const moved = Object.entries(counters).flatMap(([counter, value]) => (value === 0 ? [] : [`${counter} ${bigNumber(value)}`]));
    return [name, mode === '' ? io : `${io} (${mode})`, moved.join(', ')];
  });
  return aligned([['Interface', 'I/O', 'Frames'], ...rows], [true, true, true]);
}

/** Nothing for one worker that runs anywhere: the rest of the status is all there is to say of it. */
function workerLines(workers: NonNullable<DataPlaneStatus['workers']>): readonly string[] {
  if (workers.length < 2 && workers.every(({ cpu }) => cpu === null)) return [];
  const rows = workers.map(({ cpu, connections, frames }, i) => [
    String(i),
    cpu === null ? 'any' : String(cpu),
    String(connections),
    bigNumber(frames),
  ]);
  return ['', ...aligned([['Worker', 'CPU', 'Connections', 'Frames'], ...rows], [true, true, false, false])];
}

function connectionLines(list: DataPlaneStatus['connections']['list']): readonly string[] {
  if (list.length === 0) return [];
  const rows = list.map(({ protocol, expiresSeconds, state, client, virtual, destination }) => {
    const minutes = String(Math.floor(expiresSeconds / 60)).padStart(2, '0');
    const expires = `${minutes}:${String(Math.floor(expiresSeconds % 60)).padStart(2, '0')}`;
    return [protocol.toUpperCase(), expires, state, client, virtual, destination];
  });
  const title = ['Prot', 'Expire', 'State', 'Source', 'Virtual', 'Destination'];
  return [
    '',
    ...aligned(
      [title, ...rows],
      title.map(() => true),
    ),
  ];
}

/** Progress in one line, then each reason for drops in a line of its own. */
function counterLines(counters: DataPlaneStatus['counters'], factsOf: (name: string) => CounterFacts): readonly string[] {
  const counted = Object.entries(counters).filter(([, value]) => value !== 0);
  const drops = counted.filter(([name]) => factsOf(name).isDrop);
  const others = counted.filter(([name]) => !factsOf(name).isDrop).map(([name, value]) => `${name} ${bigNumber(value)}`);
  const lines = others.length === 0 ? [] : ['', `Frames: ${others.join(', ')}`];
  if (drops.length === 0) return [...lines, '', 'No frame was dropped.'];
  const rows = drops.map(([name, value]) => [`  ${name}`, bigNumber(value), factsOf(name).sentence]);
  return [...lines, '', 'Dropped:', ...aligned(rows, [true, false, true])];
}

/** Columns as wide as their widest cell, two spaces apart; no spaces at the end of a line. */
function aligned(rows: readonly Row[], leftAligned: readonly boolean[]): readonly string[] {
  // The name of a service may reach into the empty cells behind it.
  const widthOf = (column: number) => Math.max(...rows.map((row) => (row[column + 1] === '' ? 0 : (row[column] ?? '').length)));
  const widths = leftAligned.map((_, column) => widthOf(column));
  return rows.map((row) => {
    let line = '';
    let end = 0;
    for (const [column, cell] of row.entries()) {
      const width = widths[column] ?? 0;
      // A name that reaches into this column takes away from its padding.
      const padded = leftAligned[column] ? cell : cell.padStart(width + end - Math.max(line.length, end));
      line = cell === '' ? line : line.padEnd(end) + padded;
      end += width + 2;
    }
    return line.trimEnd();
  });
}
