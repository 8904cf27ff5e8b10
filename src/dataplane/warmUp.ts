/**
 * Before a worker opens its ports, it runs its own code on made-up frames until V8 has compiled it: the first real frame is handled as
 * fast as the millionth, and no branch is met for the first time under load, which would throw compiled code away. Everything here is
 * scratch: directors, tables, ports and memory of their own. What counts is what V8 learns about the code.
 *
 *     made-up clients and real servers -> PacketPort with a made-up kernel -> Breath -> Director      (docs/decisions/0011)
 */
import { ManualClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import { applyTables } from '../engine/applyTables.ts';
import { Director } from '../engine/director.ts';
import { MemoryPort } from '../io/memoryPort.ts';
import { HEADROOM, type Port } from '../io/port.ts';
import { FrameArena } from '../memory/frameArena.ts';
import type { ServiceKey, TableAction } from '../table/actions.ts';
import { Tables } from '../table/tables.ts';
import { Breath } from './breath.ts';
import { addCounters } from './mergeStatus.ts';
import { snapshot } from './snapshot.ts';
import type { MadeUpFrame } from './warmUpFrames.ts';
import { FRAMES_PER_BREATH, MadeUpInterface } from './warmUpKernel.ts';
import { type Conversation, conversations, oddFrames, SERVERS, SERVICES } from './warmUpTraffic.ts';

const ARENA_BYTES = 64 << 20;
const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc'] as const;
const SERVER_PORT = 1;
const HOST_PORT = 2;
const ROUNDS = 8;
const STEADY_BREATHS = 300;
/** No start takes longer for it. */
const BUDGET_MS = 1000;
/** The compiler works in a thread of its own, which needs time when all cores are busy. */
const NAP_MS = 5;

/** A network card with offloads, and one without: both kinds of the engine's branches. A small table is full at once. */
const SCENES = [
  { kind: 'packet', connections: 8192 },
  { kind: 'memory', connections: 8192 },
  { kind: 'packet', connections: 64 },
] as const;
type PortKind = (typeof SCENES)[number]['kind'];

/** For as long as the thread lives: compiled code refers to objects that it has met, and is thrown away together with them. */
const kept: Scene[] = [];

/**
 * Runs the code of the data plane warm.
 * @param makeArena as `native().arena`; the first buffer of that kind in a thread makes V8 throw compiled code away, so it has to come
 * before the code is compiled
 * @returns what the engine counted
 */
export function warmUp(makeArena: (bytes: number) => ArrayBuffer): Readonly<Record<string, number>> {
  const start = performance.now();
  const everything = conversations();
  kept.push(...SCENES.map(({ kind, connections }, i) => new Scene(makeArena, kind, connections, i)));
  for (let round = 0; round < ROUNDS && performance.now() - start < BUDGET_MS; round++) {
    for (const scene of kept) scene.play(everything);
    nap();
  }
  for (let round = 0; round < ROUNDS; round++) kept[0]!.steady(everything);
  return addCounters(kept.map(({ counters }) => counters));
}

function nap(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, NAP_MS);
}

class Scene {
  readonly #clock = new ManualClock(1_000_000);
  readonly #director: Director;
  readonly #breath: Breath;
  readonly #ports: readonly Port[];
  readonly #receive: readonly ((frame: MadeUpFrame) => boolean)[];
  readonly #memoryPorts: readonly MemoryPort[];

  constructor(makeArena: (bytes: number) => ArrayBuffer, kind: PortKind, connections: number, seed: number) {
    const arena = new FrameArena(makeArena(ARENA_BYTES));
    const host = new MemoryPort(arena, { name: 'host' });
    const sides = ['client', 'server'].map((name) =>
      kind === 'packet' ? new MadeUpInterface(arena, name, 1500) : new MemoryPort(arena, { name, mac: '02:00:00:00:0d:00' }),
    );
    this.#ports = [...sides.map((side) => (side instanceof MadeUpInterface ? side.port : side)), host];
    this.#receive = sides.map((side) =>
      side instanceof MadeUpInterface
        ? (frame: MadeUpFrame) => side.receive(frame)
        : (frame: MadeUpFrame) => frame.segmentKind === 0 && side.inject(frame.bytes),
    );
    this.#memoryPorts = [host, ...sides.filter((side) => side instanceof MemoryPort)];
    this.#director = new Director({
      arena,
      tables: new Tables({ connections, services: 64, destinations: 64 }, seed),
      links: this.#ports.map((port) => port.facts),
      hostPort: HOST_PORT,
      headroom: HEADROOM,
      clock: this.#clock,
      random: new SeededRandom(seed),
    });
    this.#breath = new Breath(this.#director, this.#ports);
    applyTables(this.#director.state, actions());
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#director.state.counters.nonZero();
  }

  play(everything: readonly Conversation[]): void {
    for (const each of everything) this.#converse(each.opening);
    this.steady(everything);
    for (const frame of oddFrames()) this.#converse([frame]);
    for (const each of everything) this.#converse(each.end);
    this.#age();
    snapshot(this.#director.state, [], 100);
  }

  /** Established connections, mixed, in whole bursts. */
  steady(everything: readonly Conversation[]): void {
    const frames = everything.flatMap(({ middle }) => middle);
    let next = 0;
    for (let n = 0; n < STEADY_BREATHS; n++) {
      // Small bursts too: a loop that always ran 64 times is compiled for that.
      const size = n % 7 === 0 ? 1 + (n % 5) : FRAMES_PER_BREATH;
      for (let i = 0; i < size; i++) {
        const { side, frame } = frames[next++ % frames.length]!;
        this.#receive[side]!(frame);
      }
      this.#breathe();
    }
  }

  #converse(steps: Conversation['opening']): void {
    for (const { side, frame } of steps) {
      this.#receive[side]!(frame);
      this.#breathe();
    }
  }

  #breathe(): void {
    this.#breath.breathe();
    for (const port of this.#memoryPorts) while (port.pending > 0) port.dropOldest();
  }

  /** Time passes until every connection is over. */
  #age(): void {
    for (let n = 0; n < 64; n++) {
      this.#clock.advance(30_000);
      this.#breathe();
    }
  }
}

function actions(): TableAction[] {
  const list: TableAction[] = [];
  for (const [i, { protocol, address, port, method }] of SERVICES.entries()) {
    const service: ServiceKey = { protocol, address, port };
    const scheduler = SCHEDULERS[i % SCHEDULERS.length]!;
    const settings = { scheduler, schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
    list.push({ kind: 'addService', service, settings });
    for (const server of SERVERS[address.includes(':') ? 'v6' : 'v4']) {
      const destination = { address: server, port: method === 'masq' ? port + 8000 : port };
      const values = { method, weight: 1, upperThreshold: 0, lowerThreshold: 0 };
      list.push({ kind: 'addDestination', service, destination, settings: values });
    }
  }
  for (const [family, servers] of Object.entries(SERVERS)) {
    const source = family === 'v4' ? '10.255.1.254' : 'fdff:1::254';
    for (const address of servers) {
      const hop = { address, port: SERVER_PORT, mac: '02:00:00:00:01:01', source, mtu: 1500 };
      list.push({ kind: 'setNextHop', nextHop: hop });
    }
  }
  return list;
}
