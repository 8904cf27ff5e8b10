/** What a demonstration prints. Pure: results and status in, lines out. */
import type { DataPlaneStatus, DestinationStatus } from '../dataplane/messages.ts';
import { formatDestinationKey } from '../table/actions.ts';
import type { ClientResult } from './clientRequests.ts';
import type { DemoOptions } from './demoStage.ts';
import type { LabPlan } from './labPlan.ts';

/** The one object that `--json` prints. */
export interface DemoSummary {
  readonly method: string;
  readonly scheduler: string;
  readonly io: string;
  readonly requests: number;
  readonly failed: number;
  readonly perRealServer: Readonly<Record<string, number>>;
  readonly seconds: number;
}

/** Real servers that get a column of their own in the table of requests. */
const MAX_COLUMNS = 8;
const COLUMN = 6;
/** Widths in the live view. */
const NUMBER_COLUMNS = [7, 10, 8, 7, 9, 8];

/** Counts results by server; every real server of the plan is there, also with 0. */
export function summarize(
  plan: LabPlan,
  options: DemoOptions,
  io: string,
  results: readonly ClientResult[],
  seconds: number,
): DemoSummary {
  const perRealServer = Object.fromEntries(plan.realServers.map(({ name }) => [name, 0]));
  for (const { server } of results) if (server !== null) perRealServer[server] = (perRealServer[server] ?? 0) + 1;
  return {
    method: options.method,
    scheduler: options.scheduler,
    io,
    requests: results.length,
    failed: results.filter(isFailure).length,
    perRealServer,
    seconds: Math.round(seconds * 1000) / 1000,
  };
}

/** Not answered, or not by what was asked for. */
export function isFailure(result: ClientResult): boolean {
  return result.server === null || result.error !== null || result.intact === false;
}

/** The heading over `requestLine`s. */
export function requestHeading(plan: LabPlan): string {
  const names = plan.realServers.map(({ name }) => name);
  const columns = names.length <= MAX_COLUMNS ? names.map((name) => name.padStart(COLUMN)).join('') : '  answered by';
  return `request${columns}       ms`;
}

/** One request: a dot in the column of the real server that answered. */
export function requestLine(plan: LabPlan, result: ClientResult): string {
  const names = plan.realServers.map(({ name }) => name);
  const number = String(result.request).padStart(7);
  const width = names.length <= MAX_COLUMNS ? names.length * COLUMN : 13;
  if (isFailure(result)) return `${number}${`no answer (${result.error ?? 'damaged'})`.padStart(width)}`;
  const dots = names.map((name) => (name === result.server ? '●' : '·').padStart(COLUMN)).join('');
  const answered = names.length <= MAX_COLUMNS ? dots : (result.server ?? '').padStart(width);
  return `${number}${answered}${result.milliseconds.toFixed(1).padStart(9)}`;
}

/** For each real server that says so, whom it saw in the first request that it answered, and of whom it was told. */
export function seenLines(results: readonly ClientResult[]): string[] {
  const first = new Map<string, NonNullable<ClientResult['seen']>>();
  for (const { server, seen } of results)
    if (server !== null && seen !== undefined && !first.has(server)) first.set(server, seen);
  return [...first].map(([server, { self, peer, client }]) => {
    const told = client === null ? 'was told of nobody' : `was told of ${client}`;
    return `client ${self}: ${server} saw ${peer} and ${told}`;
  });
}

/** How the requests were shared. */
export function summaryLines(plan: LabPlan, summary: DemoSummary): string[] {
  const answered = summary.requests - summary.failed;
  const lines = plan.realServers.map(({ name }) => {
    const count = summary.perRealServer[name] ?? 0;
    const share = answered === 0 ? 0 : (100 * count) / answered;
    return `${name.padEnd(6)}${String(count).padStart(6)} requests ${share.toFixed(0).padStart(4)} %`;
  });
  return [...lines, `${answered} of ${summary.requests} requests answered in ${summary.seconds.toFixed(2)} s`];
}

/** Two looks at the director, some time apart. */
export interface LivePair {
  readonly before: DataPlaneStatus;
  readonly after: DataPlaneStatus;
  /** Between the two. */
  readonly seconds: number;
}

interface LiveRow {
  readonly name: string;
  readonly address: string;
  readonly connectionsPerSecond: number;
  readonly packetsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly status: DestinationStatus;
}

/** The live view of a terminal, line by line; below 80 columns, for a line that wraps cannot be redrawn. */
export function liveLines(plan: LabPlan, options: DemoOptions, pair: LivePair): string[] {
  const heading = liveColumns('server', 'address', 'conn/s', 'packets/s', 'KB/s', 'active', 'inactive', 'in all');
  const rows = liveRows(plan, options, pair).map(({ name, address, status, ...rates }) =>
    liveColumns(
      name,
      address,
      rates.connectionsPerSecond.toFixed(1),
      rates.packetsPerSecond.toFixed(1),
      (rates.bytesPerSecond / 1000).toFixed(1),
      String(status.activeConnections),
      String(status.inactiveConnections),
      String(status.traffic.connections),
    ),
  );
  return [heading, ...rows, '', `${pair.after.connections.count} connections in the table`];
}

function liveColumns(name: string, address: string, ...numbers: readonly string[]): string {
  const columns = numbers.map((text, i) => text.padStart(NUMBER_COLUMNS[i] ?? 0));
  return name.padEnd(7) + address.padEnd(23) + columns.join('');
}

/** The same as one line, for output that is no terminal. */
export function liveLine(plan: LabPlan, options: DemoOptions, pair: LivePair): string {
  const rows = liveRows(plan, options, pair).map(({ name, connectionsPerSecond, status }) => {
    return `${name} ${connectionsPerSecond.toFixed(1)}/s (${status.activeConnections} active, ${status.inactiveConnections} inactive)`;
  });
  return rows.join('   ');
}

function liveRows(plan: LabPlan, { family, udp }: DemoOptions, { before, after, seconds }: LivePair): LiveRow[] {
  return plan.realServers.flatMap(({ name, address }) => {
    const key = { address: address[family], port: udp ? plan.ports.realEcho : plan.ports.realHttp };
    const status = destinationOf(after, key);
    if (status === undefined) return [];
    const old = destinationOf(before, key)?.traffic ?? status.traffic;
    const rate = (count: (traffic: typeof old) => number) => (count(status.traffic) - count(old)) / seconds;
    return {
      name,
      address: formatDestinationKey(key),
      connectionsPerSecond: rate((traffic) => traffic.connections),
      packetsPerSecond: rate((traffic) => traffic.inPackets + traffic.outPackets),
      bytesPerSecond: rate((traffic) => traffic.inBytes + traffic.outBytes),
      status,
    };
  });
}

function destinationOf(status: DataPlaneStatus, key: { address: string; port: number }): DestinationStatus | undefined {
  const wanted = formatDestinationKey(key);
  return status.services.flatMap(({ destinations }) => destinations).find((each) => formatDestinationKey(each.key) === wanted);
}
