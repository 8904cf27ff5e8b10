/**
 * A lab in one process: the plan that namespaces would be made of, the real engine, and scripted hosts, joined by memory switches on
 * a clock that only `run` moves. One seed gives one history, frame by frame.
 */
import { address, formatEndpoint } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { ManualClock } from '../base/clock.ts';
import { SeededRandom } from '../base/random.ts';
import type { DataPlaneStatus } from '../dataplane/messages.ts';
import { MemorySwitch } from '../io/memorySwitch.ts';
import { FrameArena } from '../memory/frameArena.ts';
import type { ClientResult } from './clientRequests.ts';
import { labActions } from './labActions.ts';
import type { LabServiceOptions } from './labConfig.ts';
import type { LabNode, LabPlan } from './labPlan.ts';
import { SimulatedClient } from './simulationClient.ts';
import { SimulatedDirector } from './simulationDirector.ts';
import { SimulatedHost, type SimulatedProgram } from './simulationHost.ts';
import type { SimulatedPacket } from './simulationPacket.ts';
import { serverProgram } from './simulationServer.ts';

export interface SimulationOptions extends LabServiceOptions {
  readonly scheduler: string;
  readonly seed: number;
}

export interface SimulatedRequest {
  readonly family?: 'v4' | 'v6';
  readonly udp?: boolean;
}

/** Frame memory: what a port's slots take, and what the engine needs beside. */
const PORT_BYTES = 1 << 20;
const ENGINE_BYTES = 8 << 20;
/** How long a client waits for an answer. */
const TIMEOUT_MS = 2000;
/** How far the clock moves between two breaths of a host: the latency of one hop. */
const STEP_MS = 1;

export class Simulation {
  /** Every packet that a host received: `12 rs1: 10.77.0.1:40000 > 10.77.0.100:80 tcp S 0`. */
  readonly trace: string[] = [];
  readonly clock = new ManualClock();
  readonly director: SimulatedDirector;
  readonly #plan: LabPlan;
  readonly #client: SimulatedClient;
  readonly #clientHost: SimulatedHost;
  readonly #hosts: readonly SimulatedHost[];
  readonly #switches: readonly MemorySwitch[];
  #requests = 0;
  /** By the real server that the request reached, if it was told of the client. */
  #seen: { readonly peer: string; readonly client: string } | undefined;

  constructor(plan: LabPlan, { scheduler, seed, ...options }: SimulationOptions) {
    const random = new SeededRandom(seed);
    const portCount = plan.nodes.reduce((sum, { interfaces }) => sum + interfaces.length, 0);
    const arena = new FrameArena(new ArrayBuffer(ENGINE_BYTES + portCount * PORT_BYTES));
    this.#plan = plan;
    this.#client = new SimulatedClient(random);
    this.director = new SimulatedDirector(plan, arena, this.clock, random);
    const listener = (host: string, packet: string) => this.trace.push(`${this.clock.now()} ${host}: ${packet}`);
    const programs = new Map<string, SimulatedProgram>([['client', (packet) => this.#client.receive(packet)]]);
    for (const server of plan.realServers) {
      const program = serverProgram(server, plan.ports, random);
      programs.set(server.name, (packet) => {
        if (packet.client !== undefined)
          this.#seen = { peer: formatEndpoint(packet.source, packet.sourcePort), client: packet.client };
        return program(packet);
      });
    }
    const host = (node: LabNode) => new SimulatedHost(plan, node, arena, programs.get(node.name) ?? (() => []), listener);
    this.#hosts = plan.nodes.filter((node) => node !== plan.director).map(host);
    this.#clientHost = this.#hosts.find(({ name }) => name === 'client')!;
    this.#switches = plan.networks.map((network) => {
      const plugged = [...this.#hosts, this.director].flatMap(({ interfaces }) => interfaces);
      return new MemorySwitch(...plugged.filter((each) => each.network === network).map(({ port }) => port));
    });
    this.director.apply(labActions(plan, scheduler, options));
  }

  /** Sends one request through the virtual address and runs until it is answered or its time is over. */
  request({ family = 'v4', udp = false }: SimulatedRequest = {}): ClientResult {
    const { virtual, clientAddress, ports } = this.#plan;
    const number = ++this.#requests;
    this.#seen = undefined;
    const start = this.clock.now();
    const target = {
      source: address(clientAddress[family]),
      address: address(virtual[family]),
      port: udp ? ports.virtualEcho : ports.virtualHttp,
      udp,
    };
    const first = this.#client.start(target, `uvs ${number}`);
    this.#clientHost.send(first);
    const isOver = () => this.#client.phase === 'finished' || this.#client.phase === 'failed';
    while (!isOver() && this.clock.now() - start < TIMEOUT_MS) this.step();
    this.#settle();
    const isAnswered = this.#client.phase === 'finished';
    const answer = this.#client.answer;
    const [server = '', ...echo] = answer.split(' ');
    return {
      request: number,
      server: isAnswered ? server : null,
      milliseconds: this.clock.now() - start,
      bytes: answer.length,
      intact: udp && isAnswered ? echo.join(' ') === `uvs ${number}` : null,
      error: isAnswered ? null : (this.#client.error ?? 'TIMEOUT'),
      ...this.#seenOf(first),
    };
  }

  #seenOf({ source, sourcePort }: SimulatedPacket): Pick<ClientResult, 'seen'> {
    return this.#seen === undefined ? {} : { seen: { ...this.#seen, self: formatEndpoint(source, sourcePort) } };
  }

  /** Lets every switch and every host move once, and time pass. @returns frames carried */
  step(): number {
    const frames = this.#switches.reduce((sum, each) => sum + each.step(), 0);
    this.director.breathe();
    for (const host of this.#hosts) host.breathe();
    this.clock.advance(STEP_MS);
    return frames;
  }

  /** Passes idle time, as a person waiting: connections age. */
  wait(milliseconds: number): void {
    for (
      const end = this.clock.now() + milliseconds;
      this.clock.now() < end;
      this.clock.advance(Math.min(100, end - this.clock.now()))
    ) {
      this.director.breathe();
    }
  }

  status(connections = 0): DataPlaneStatus {
    return this.director.status(connections);
  }

  /** Carries what is still under way: the last ACK of a connection has nobody who waits for it. */
  #settle(): void {
    for (let i = 0; i < 100; i++) if (this.step() === 0) return;
    assert(false, 'the simulation comes to rest');
  }
}
