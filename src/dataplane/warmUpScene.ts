/** One scratch director of the warm-up, with its ports, and what is played on it. */
import { SeededRandom } from '../base/random.ts';
import { BURST_FRAMES } from '../base/terms.ts';
import { filterEntries } from '../bpf/endpoints.ts';
import { applyTables } from '../engine/applyTables.ts';
import { Director } from '../engine/director.ts';
import { HEADROOM, type Port } from '../io/port.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../io/xdpMemory.ts';
import { plainMemory } from '../memory/allocate.ts';
import { FrameArena } from '../memory/frameArena.ts';
import type { ServiceKey, TableAction } from '../table/actions.ts';
import { SharedLoads, sharedLoadBytes } from '../table/sharedLoads.ts';
import { Tables } from '../table/tables.ts';
import { Breath } from './breath.ts';
import { breatheOn } from './breathing.ts';
import { CoarseClock } from './coarseClock.ts';
import type { Idle } from './idle.ts';
import type { IoKind } from './messages.ts';
import { selectorFacts } from './selectorFacts.ts';
import { snapshot } from './snapshot.ts';
import { MadeUpPacketPort } from './warmUpPacket.ts';
import type { MadeUpPort } from './warmUpPort.ts';
import { type Conversation, isTranslated, LOCAL, oddFrames, SERVERS, SERVICES, UNREACHABLE } from './warmUpTraffic.ts';
import { MadeUpTunPort } from './warmUpTun.ts';
import { MadeUpXdpPort } from './warmUpXdp.ts';

export interface SceneOptions {
  readonly kind: IoKind;
  readonly connections: number;
  readonly seed: number;
  readonly idle: () => Idle;
  readonly beforeSleep: () => void;
}

/** Address space, not memory: pages of 4 KB come on first touch, and few are touched. */
const ARENA_BYTES = 64 << 20;
const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc'] as const;
const SERVER_PORT = 1;
const HOST_PORT = 2;
const STEADY_FEEDS = 100;
const CHANGES = 40;
const AGE_STEPS = 64;
const AGE_STEP_MS = 30_000;

export class Scene {
  readonly #clock = new CoarseClock();
  readonly #director: Director;
  readonly #breath: Breath;
  readonly #idle: Idle;
  readonly #ports: readonly MadeUpPort[];
  readonly #beforeSleep: () => void;

  constructor(options: SceneOptions) {
    const { connections, seed } = options;
    const arena = new FrameArena(plainMemory(ARENA_BYTES));
    this.#ports = [...madeUpPorts(options.kind, arena), new MadeUpTunPort(arena, 'host')];
    const ports: readonly Port[] = this.#ports.map(({ port }) => port);
    this.#director = new Director({
      arena,
      tables: new Tables({ connections, services: 64, destinations: 1024 }, seed),
      links: ports.map((port) => port.facts),
      hostPort: HOST_PORT,
      headroom: HEADROOM,
      clock: this.#clock,
      random: new SeededRandom(seed),
    });
    if (seed % 2 === 1) this.#director.state.tables.destinations.loads.share(shared());
    this.#breath = new Breath(this.#director, ports);
    this.#idle = options.idle();
    this.#beforeSleep = options.beforeSleep;
    applyTables(this.#director.state, actions());
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#director.state.counters.nonZero();
  }

  /** Everything that can happen, once. */
  play(everything: readonly Conversation[]): void {
    for (const each of everything) this.#converse(each.opening);
    this.steady(everything);
    for (const frame of oddFrames()) this.#converse([frame]);
    for (const each of everything) this.#converse(each.end);
    this.#change();
    this.#age();
    snapshot(this.#director.state, [], 100);
  }

  /** Established connections, mixed, in bursts of all sizes, and pauses between them: through the loop of the worker. */
  steady(everything: readonly Conversation[]): void {
    const steps = everything.flatMap(({ middle }) => middle);
    let next = 0;
    let feeds = 0;
    const feed = (): boolean => {
      // Small bursts too: a loop that always ran 64 times is compiled for that.
      const size = feeds % 7 === 0 ? 1 + (feeds % 5) : BURST_FRAMES;
      for (let i = 0; i < size; i++) this.#receive(steps[next++ % steps.length]!);
      this.#clock.refresh();
      this.#beforeSleep();
      return ++feeds < STEADY_FEEDS;
    };
    breatheOn(this.#breath, this.#idle, feed);
    // What is called from one place in two ways is not compiled into it: the worker's own chores come as a third.
    breatheOn(this.#breath, this.#idle, () => false);
  }

  /** What the control side asks for in the first moments: a frame that comes meanwhile waits. */
  #change(): void {
    const { state } = this.#director;
    for (let n = 0; n < CHANGES; n++) {
      applyTables(state, nextHops());
      filterEntries(selectorFacts(state.tables, [], ['10.255.0.1', 'fdff::1']));
    }
  }

  #converse(steps: Conversation['opening']): void {
    for (const step of steps) {
      this.#receive(step);
      this.#breath.breathe();
    }
  }

  #receive({ side, frame }: Conversation['opening'][number]): void {
    this.#ports[side]!.receive(frame);
  }

  /** Time passes until every connection is over. */
  #age(): void {
    for (let n = 0; n < AGE_STEPS; n++) {
      this.#clock.advance(AGE_STEP_MS);
      this.#breath.breathe();
    }
  }
}

/** As with two workers. */
function shared(): SharedLoads {
  return new SharedLoads(plainMemory(sharedLoadBytes(SERVICES.length, 2)), SERVICES.length, 2, 0);
}

/** The clients' side and the real servers'. */
function madeUpPorts(kind: IoKind, arena: FrameArena): MadeUpPort[] {
  const names = ['client', 'server'];
  switch (kind) {
    case 'packet':
      return names.map((name) => new MadeUpPacketPort(arena, name));
    case 'tun':
      return names.map((name) => new MadeUpTunPort(arena, name));
    case 'xdp': {
      const memory = new XdpMemory(arena, names.length * XDP_PORT_CHUNKS);
      return names.map((name) => new MadeUpXdpPort(memory, name));
    }
  }
}

function actions(): TableAction[] {
  const localAddresses = Object.values(LOCAL.addresses);
  const fullnat = { localAddresses, ports: LOCAL.ports, toa: true, timestamps: true };
  const list: TableAction[] = [{ kind: 'setFullnat', fullnat }];
  for (const [i, { protocol, address, port, method }] of SERVICES.entries()) {
    const service: ServiceKey = { protocol, address, port };
    const scheduler = SCHEDULERS[i % SCHEDULERS.length]!;
    const settings = { scheduler, schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
    list.push({ kind: 'addService', service, settings });
    const loadSlot = i;
    const servers = port === UNREACHABLE.port ? [UNREACHABLE.server] : SERVERS[address.includes(':') ? 'v6' : 'v4'];
    for (const server of servers) {
      const destination = { address: server, port: isTranslated(method) ? port + 8000 : port };
      const values = { method, weight: 1, upperThreshold: 0, lowerThreshold: 0 };
      list.push({ kind: 'addDestination', service, destination, settings: values, loadSlot });
    }
  }
  return [...list, ...nextHops()];
}

function nextHops(): TableAction[] {
  const list: TableAction[] = [];
  for (const [family, servers] of Object.entries(SERVERS)) {
    const source = family === 'v4' ? '10.255.1.254' : 'fdff:1::254';
    for (const address of servers) {
      const hop = { address, port: SERVER_PORT, mac: '02:00:00:00:01:01', source, mtu: 1500 };
      list.push({ kind: 'setNextHop', nextHop: hop });
    }
  }
  return list;
}
