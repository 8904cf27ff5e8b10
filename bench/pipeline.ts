/**
 * The whole engine on plain memory: nanoseconds of JavaScript per frame, from a filled burst to a decided one. A ring of 4096 frames is
 * handed over in bursts of 64; filling the ring is measured alone and taken off. All features of the engine are on.
 */
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { ManualClock } from '../src/base/clock.ts';
import { SeededRandom } from '../src/base/random.ts';
import { BURST_FRAMES, NONE } from '../src/base/terms.ts';
import { applyTables } from '../src/engine/applyTables.ts';
import { Director } from '../src/engine/director.ts';
import { native } from '../src/io/native.ts';
import { HEADROOM } from '../src/io/port.ts';
import { plainMemory } from '../src/memory/allocate.ts';
import { Burst } from '../src/memory/burst.ts';
import { FrameArena } from '../src/memory/frameArena.ts';
import * as checksum from '../src/packet/checksum.ts';
import { ConnectionFlag } from '../src/table/connectionFlags.ts';
import { CONN } from '../src/table/connectionRows.ts';
import { Tables } from '../src/table/tables.ts';
import { compileCKernel, runCKernel } from './cKernel.ts';
import { type Figure, judge, median, type Suite, type SuiteOptions, type Target } from './figures.ts';
import { measurePair } from './pipelinePair.ts';

type Method = 'route' | 'masq' | 'tunnel' | 'fullnat';

interface Case {
  readonly method: Method;
  readonly bytes: number;
  readonly connections: number;
}

const RING = 4096;
/** Enough for the compiler to have settled. */
const WARM_ROUNDS = 100;
const SLOT_BYTES = 2048;
const VIP = '192.168.100.1';
const VIRTUAL_PORT = 80;
/** 16 real servers, as a service of some size has. */
const SERVERS = 16;
const LOCALS = ['10.0.1.200', '10.0.1.201'];
const CLIENT_NET = 0x0a01_0000;
const SYN = 2;
const ACK = 16;
const ETHERNET_AND_IP = 34;

export const pipeline: Suite = async (options) => {
  const binary = await compileCKernel();
  const collections = watchCollections();
  const figures: Figure[] = [];
  for (const each of casesOf(options.quick)) {
    if (options.signal.aborted) break;
    figures.push(...(await measure(each, binary, options)));
    // Lets the observer of collections and Ctrl-C have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!options.signal.aborted) figures.push(...(await measurePair(options)));
  const longest = collections.stop();
  const labels = { suite: 'pipeline' };
  figures.push({ suite: 'pipeline', name: 'longest collection', labels, value: longest, unit: 'ms', runs: [longest] });
  return { figures, targets: targetsOf(figures) };
};

function casesOf(quick: boolean): Case[] {
  const counts = quick ? [10_000] : [1, 10_000, 1_000_000];
  const sizes = quick ? [64] : [64, 512, 1400];
  const methods: Method[] = ['masq', 'route', 'tunnel', 'fullnat'];
  return methods.flatMap((method) => counts.flatMap((connections) => sizes.map((bytes) => ({ method, bytes, connections }))));
}

/** Nanoseconds per frame, the cost of filling the ring taken off; for 64 B beside a C program that does the same, run by turns with it. */
async function measure(of: Case, binary: string | undefined, { quick, progress }: SuiteOptions): Promise<Figure[]> {
  const { method, bytes, connections } = of;
  const bench = new PipelineBench(of);
  const rounds = quick ? 20 : 60;
  bench.run(WARM_ROUNDS);
  const engine: number[] = [];
  const inC: number[] = [];
  for (let turn = 0; turn < (quick ? 3 : 9); turn++) {
    engine.push(bench.run(rounds) - bench.fillOnly(rounds));
    const frames = rounds * RING;
    const methodInC = C_METHODS[method];
    if (binary !== undefined && bytes === 64 && methodInC !== undefined)
      inC.push(await runCKernel(binary, { method: methodInC, connections, bytes, frames, draw: 'always', huge: true }));
  }
  const beside = inC.length === 0 ? '' : `, in C ${median(inC).toFixed(1)}`;
  progress(`pipeline ${method} ${bytes} B, ${connections} connections: ${median(engine).toFixed(1)} ns per frame${beside}`);
  const labels = { method, bytes, connections };
  const note = `${CONN.words * 4 + 16} bytes per connection; fastest run ${Math.min(...engine).toFixed(1)}`;
  const common = { suite: 'pipeline', labels, unit: 'ns/frame' } as const;
  const figures: Figure[] = [{ ...common, name: 'engine', value: median(engine), runs: engine, note }];
  if (inC.length > 0) {
    figures.push({ ...common, name: C_NAME, value: median(inC), runs: inC });
    const ratios = engine.map((value, i) => value / inC[i]!);
    figures.push({ ...common, name: 'engine', unit: 'x C', value: median(ratios), runs: ratios });
  }
  return figures;
}

const C_NAME = 'C, gcc -O2';
/** Nobody has written fullnat in C for this. */
const C_METHODS: { readonly [Of in Method]?: 'nat' | 'dr' | 'tun' } = { masq: 'nat', route: 'dr', tunnel: 'tun' };

export class PipelineBench {
  readonly #arena: FrameArena;
  readonly #director: Director;
  readonly #burst = new Burst();
  readonly #ring: number;
  readonly #template: Uint8Array;
  readonly #connections: number;
  readonly #random = new SeededRandom(7);

  constructor({ method, bytes, connections }: Case) {
    this.#arena = new FrameArena(allocate(16 << 20));
    this.#connections = connections;
    this.#director = directorOf(this.#arena, method, connections);
    this.#ring = this.#arena.reserve(RING * SLOT_BYTES, SLOT_BYTES);
    this.#template = template(bytes);
    this.#open();
  }

  /** Fills and handles the ring. @returns nanoseconds per frame */
  run(rounds: number): number {
    const start = performance.now();
    for (let round = 0; round < rounds; round++) {
      for (let from = 0; from < RING; from += BURST_FRAMES) {
        this.#fill(from);
        this.#director.setTime();
        this.#director.handleBurst(this.#burst, 0, 0);
        this.#director.expire();
      }
    }
    return nanoseconds(start, rounds);
  }

  /** The same without the engine. */
  fillOnly(rounds: number): number {
    const start = performance.now();
    for (let round = 0; round < rounds; round++) for (let from = 0; from < RING; from += BURST_FRAMES) this.#fill(from);
    return nanoseconds(start, rounds);
  }

  /** One SYN and one ACK per connection. */
  #open(): void {
    for (const flags of [SYN, ACK]) {
      this.#template[ETHERNET_AND_IP + 13] = flags;
      for (let conn = 0; conn < this.#connections; conn++) {
        this.#burst.count = 0;
        this.#put(0, conn);
        this.#director.handle(this.#burst, 0, 0);
        if (this.#burst.output[0] === NONE) throw new Error('the engine drops the frames of the bench');
      }
    }
    this.#answer();
  }

  /** As if every real server had sent data: with fullnat they have then been told of their clients. */
  #answer(): void {
    const { connections } = this.#director.state.tables;
    for (let conn = connections.first(); conn !== NONE; conn = connections.next(conn)) {
      connections.setFlags(conn, connections.flags(conn) & ~ConnectionFlag.tellsClient);
    }
  }

  #fill(from: number): void {
    this.#burst.count = 0;
    for (let i = 0; i < BURST_FRAMES; i++) this.#put(from + i, this.#random.below(this.#connections));
  }

  /** Writes frame `slot` of a connection and pushes it. */
  #put(slot: number, conn: number): void {
    const at = this.#ring + slot * SLOT_BYTES + HEADROOM + 2;
    const v = this.#arena.view;
    this.#arena.bytes.set(this.#template, at);
    v.setInt32(at + 26, CLIENT_NET + (conn >> 14));
    v.setUint16(at + ETHERNET_AND_IP, 1024 + (conn & 0x3fff));
    v.setUint16(at + 24, checksum.ipv4Header(v, at + 14));
    this.#burst.push(at, this.#template.length);
  }
}

function nanoseconds(start: number, rounds: number): number {
  return ((performance.now() - start) * 1e6) / (rounds * RING);
}

function directorOf(arena: FrameArena, method: Method, connections: number): Director {
  const link = { mtu: 1500, macHigh: 0x0200, macLow: 0x0d00, offloads: false };
  const director = new Director({
    arena,
    tables: new Tables({ connections: Math.max(1024, connections), services: 16, destinations: 64 }, 1, allocate),
    links: [link, link],
    hostPort: NONE,
    headroom: HEADROOM,
    clock: new ManualClock(),
    random: new SeededRandom(1),
  });
  const service = { protocol: 'tcp', address: VIP, port: VIRTUAL_PORT } as const;
  const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
  const fullnat = { localAddresses: LOCALS, ports: [5000, 65_535], toa: true, timestamps: true } as const;
  applyTables(director.state, [
    { kind: 'addService', service, settings },
    { kind: 'setFullnat', fullnat },
  ]);
  for (let n = 1; n <= SERVERS; n++) {
    const address = `10.0.1.${n}`;
    const values = { method, weight: 1, upperThreshold: 0, lowerThreshold: 0 };
    const nextHop = { address, port: 1, mac: '02:00:00:00:01:01', source: '10.0.1.254', mtu: 1500 };
    const destination = { address, port: method === 'masq' || method === 'fullnat' ? 8000 : VIRTUAL_PORT };
    applyTables(director.state, [
      { kind: 'addDestination', service, destination, settings: values },
      { kind: 'setNextHop', nextHop },
    ]);
  }
  return director;
}

/** A TCP frame of `bytes` (with FCS, as packets are counted) to the service; client and checksum are written per frame. */
function template(bytes: number): Uint8Array {
  const frame = new Uint8Array(Math.max(54, bytes - 4));
  const v = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0x0d, 0, 2, 0, 0, 0, 0x0c, 1, 8, 0, 0x45, 0]);
  v.setUint16(16, frame.length - 14);
  frame.set([0x40, 0, 64, 6], 20);
  frame.set([192, 168, 100, 1], 30);
  v.setUint16(36, VIRTUAL_PORT);
  frame[46] = 0x50;
  frame[47] = ACK;
  return frame;
}

/** As a worker has it: huge pages by the native helper where it is built, else plain memory. */
function allocate(bytes: number): ArrayBuffer {
  if (process.env['UVS_BENCH_PLAIN'] === '1') return plainMemory(bytes);
  try {
    return native().arena(bytes);
  } catch {
    return plainMemory(bytes);
  }
}

/** Longest garbage collection, by the runtime's own account. */
function watchCollections(): { stop: () => number } {
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    stop: () => {
      observer.disconnect();
      return longest;
    },
  };
}

function targetsOf(figures: readonly Figure[]): Target[] {
  const of = (connections: number, wanted = 'engine') =>
    figures.find(
      ({ name, unit, labels: { method, bytes, connections: count } }) =>
        name === wanted && unit === 'ns/frame' && method === 'masq' && bytes === 64 && count === connections,
    )?.value ?? Number.NaN;
  return [
    judge('1a', 'NAT 64 B, 10 k connections', of(10_000), 'at most', 30, 'ns'),
    judge('1b', 'NAT 64 B, 1 M connections', of(1_000_000), 'at most', 130, 'ns'),
    judge('1c', 'NAT 64 B, engine against the C kernel', of(10_000) / of(10_000, C_NAME), 'at most', 2, 'x'),
  ];
}
