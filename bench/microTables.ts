/** The connection table at growing sizes (insert, find, expire, memory), and how long each scheduler takes to pick. */
import { ManualClock } from '../src/base/clock.ts';
import { SeededRandom } from '../src/base/random.ts';
import { Family, NONE, Protocol } from '../src/base/terms.ts';
import { ScheduleRequest, type Scheduler, type SchedulerPlugin } from '../src/scheduler/contract.ts';
import { ConnectionTable } from '../src/table/connections.ts';
import type { FlowKey } from '../src/table/flowKey.ts';
import { ServiceDestinations } from '../src/table/serviceDestinations.ts';
import { Tables } from '../src/table/tables.ts';
import { type Timing, time } from './microTimer.ts';

export interface TableTimings {
  readonly insert: Timing;
  readonly find: Timing;
  readonly expire: Timing;
  /** Of all arrays, divided by the capacity. */
  readonly bytesPerConnection: number;
}

const PARTS = 16;
const FINDS = 64;
const PICKS = 64;
const SEED = 0x5eed;
const VIRTUAL_ADDRESS = 0x0a000001;
const VIRTUAL_PORT = 80;
const REAL_ADDRESS = 0x0a010001;
const REAL_PORT = 8080;
const TIMEOUT_TICKS = 600;
const WARM_ROUNDS = 3;
const WARM_CONNECTIONS = 20_000;
/** Timeouts are spread over as many ticks. */
const SPREAD_TICKS = 256;

let sink = 0;

/** Fills a table, looks for connections at random, and lets all expire. Insertions and ends are measured in 16 parts. */
export function timeTable(connections: number, quick: boolean): TableTimings {
  const before = process.memoryUsage().arrayBuffers;
  const table = new ConnectionTable(connections, SEED);
  const bytesPerConnection = (process.memoryUsage().arrayBuffers - before) / connections;
  const insert = timeParts(connections, (from, end) => insertMany(table, from, end));
  if (table.count !== connections) throw new Error('the table of the bench is not full');
  const random = new SeededRandom(1);
  const find = time(() => findMany(table, connections, random), FINDS, quick);
  const now = TIMEOUT_TICKS + SPREAD_TICKS;
  const expire = timeParts(connections, (from, end) => expireMany(table, end - from, now));
  if (table.count !== 0) throw new Error('connections of the bench outlive their time');
  return { insert, find, expire, bytesPerConnection };
}

/** How long the scheduler takes to pick one of `count` destinations of different weight and load. */
export function timeScheduler(plugin: SchedulerPlugin, count: number, quick: boolean): Timing {
  const scheduler = schedulerOver(plugin, count);
  const request = new ScheduleRequest();
  request.family = Family.v4;
  request.protocol = Protocol.tcp;
  request.targetPort = VIRTUAL_PORT;
  return time(() => pickMany(scheduler, request), PICKS, quick);
}

/** Runs of nanoseconds per item. */
function timeParts(count: number, work: (from: number, end: number) => void): Timing {
  const runs: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    const from = Math.floor((count * part) / PARTS);
    const end = Math.floor((count * (part + 1)) / PARTS);
    const start = performance.now();
    work(from, end);
    runs.push(((performance.now() - start) * 1e6) / (end - from));
  }
  return { runs };
}

/** A request whose fields are written anew for each connection. */
const key = {
  family: Family.v4,
  protocol: Protocol.tcp,
  source0: 0,
  source1: 0,
  source2: 0,
  source3: 0,
  sourcePort: 0,
  target0: 0,
  target1: 0,
  target2: 0,
  target3: VIRTUAL_ADDRESS,
  targetPort: VIRTUAL_PORT,
} satisfies FlowKey;

/** As bench/c/run.h numbers clients. */
function setClient(conn: number): void {
  key.source3 = (0xac100000 + Math.floor(conn / 50_000)) | 0;
  key.sourcePort = 1024 + (conn % 50_000);
}

function insertMany(table: ConnectionTable, from: number, end: number): void {
  for (let conn = from; conn < end; conn++) {
    setClient(conn);
    const timeout = TIMEOUT_TICKS + (conn % SPREAD_TICKS);
    table.insert(key, 0, 0, 0, REAL_ADDRESS + (conn % 16), REAL_PORT, 0, conn % 16, 0, 0, timeout);
  }
}

function findMany(table: ConnectionTable, connections: number, random: SeededRandom): void {
  for (let i = 0; i < FINDS; i++) {
    setClient(random.below(connections));
    sink = (sink + table.find(key)) | 0;
  }
}

/** Lets the compiler see every step of a table often, before any is measured. */
export function warmTables(): void {
  for (let round = 0; round < WARM_ROUNDS; round++) timeTable(WARM_CONNECTIONS, true);
}

/** A call may stop early, having moved what it looked at; the next goes on. */
function expireMany(table: ConnectionTable, count: number, nowTick: number): void {
  const most = count * 2 + 100_000;
  for (let ended = 0, calls = 0; ended < count && calls < most; calls++) {
    const conn = table.expire(nowTick);
    if (conn === NONE) continue;
    table.remove(conn);
    ended++;
  }
}

function schedulerOver(plugin: SchedulerPlugin, count: number): Scheduler {
  const tables = new Tables({ connections: 16, services: 1, destinations: count }, SEED);
  const key = { protocol: 'tcp', address: '10.0.0.1', port: VIRTUAL_PORT } as const;
  const settings = { scheduler: plugin.name, schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
  const service = tables.services.add(key, settings);
  const list = new ServiceDestinations(tables.destinations, service);
  const scheduler = plugin.create(list, {
    flags: [],
    family: Family.v4,
    random: new SeededRandom(1),
    clock: new ManualClock(),
    settings: { lblcExpirationSeconds: 86_400, lblcrExpirationSeconds: 86_400 },
  });
  for (let n = 0; n < count; n++) {
    const words = [0, 0, 0, REAL_ADDRESS + n] as const;
    const settings = { method: 'masq', weight: 1 + (n % 5), upperThreshold: 0, lowerThreshold: 0 } as const;
    const d = tables.destinations.add(service, { family: Family.v4, words }, REAL_PORT, settings);
    for (let bound = 0; bound < n % 7; bound++) tables.destinations.bind(d, bound % 2 === 0);
    scheduler.added(d);
  }
  return scheduler;
}

function pickMany(scheduler: Scheduler, request: ScheduleRequest): void {
  for (let i = 0; i < PICKS; i++) {
    request.client3 = i;
    request.clientPort = i;
    sink = (sink + scheduler.pick(request)) | 0;
  }
}
