/**
 * A director in the topology of the recordings (golden/ipvs/README.md): clients on port 0, real servers on port 1, its host behind
 * port 2. Time is moved by hand; frames go in one by one, and what came out is said in the recordings' words.
 */
import { ManualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Breath } from '../../src/dataplane/breath.ts';
import { applyTables } from '../../src/engine/applyTables.ts';
import { Director } from '../../src/engine/director.ts';
import { MemoryPort } from '../../src/io/memoryPort.ts';
import { HEADROOM } from '../../src/io/port.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import type { NextHop, TableAction } from '../../src/table/actions.ts';
import { Tables } from '../../src/table/tables.ts';
import { HostStack, type Side } from './hostStack.ts';

/** One packet that left the director. */
export interface Output {
  /** `client`, or `rs2` by the MAC address that the frame went to. */
  readonly where: string;
  readonly packet: Uint8Array;
}

export interface RigOptions {
  readonly clientMtu?: number;
  readonly serverMtu?: number;
  /** Room in the table of connections. */
  readonly connections?: number;
}

const CLIENT_MAC = '020000000c01';
const DIRECTOR_MACS: Readonly<Record<Side, string>> = { client: '020000000d00', server: '020000000d01' };
const SERVER_COUNT = 9;
const PORT_FRAMES = 128;
const HOST_MTU = 65_535;
const TICK_MS = 100;
/** Above this, time goes by in seconds: nothing in a recording that waits so long depends on tenths. */
const LONG_WAIT_SECONDS = 2000;
const HIGHEST_WAIT_SECONDS = 1_000_000;

/** One for all rigs, which are used one after the other: pages that were touched once stay. */
const MEMORY = new ArrayBuffer(96 << 20);

export class Rig {
  readonly director: Director;
  readonly host: HostStack;
  readonly #clock = new ManualClock(1_000_000);
  readonly #ports: readonly [client: MemoryPort, server: MemoryPort, host: MemoryPort];
  readonly #breath: Breath;
  readonly #start: number;

  constructor({ clientMtu = 1500, serverMtu = 1500, connections = 2048 }: RigOptions = {}) {
    const arena = new FrameArena(MEMORY);
    const frames = { receiveFrames: PORT_FRAMES, transmitFrames: PORT_FRAMES };
    this.#ports = [
      new MemoryPort(arena, { name: 'client', mac: macText(DIRECTOR_MACS.client), mtu: clientMtu, ...frames }),
      new MemoryPort(arena, { name: 'server', mac: macText(DIRECTOR_MACS.server), mtu: serverMtu, ...frames }),
      new MemoryPort(arena, { name: 'host', mtu: HOST_MTU, ...frames }),
    ];
    this.director = new Director({
      arena,
      tables: new Tables({ connections, services: 64, destinations: 256 }, 1),
      links: this.#ports.map((port) => port.facts),
      hostPort: 2,
      headroom: HEADROOM,
      clock: this.#clock,
      random: new SeededRandom(1),
    });
    // The recordings were made without limits on ICMP.
    this.director.state.limiter.enabled = false;
    this.#breath = new Breath(this.director, this.#ports);
    this.host = new HostStack({ client: clientMtu, server: serverMtu });
    this.#start = this.#clock.now();
    this.apply(nextHops(serverMtu));
  }

  /** Since the start. */
  get seconds(): number {
    return (this.#clock.now() - this.#start) / 1000;
  }

  /** @throws UvsError when the tables refuse */
  apply(actions: readonly TableAction[]): void {
    applyTables(this.director.state, actions);
  }

  /** Lets time pass, and what is to happen meanwhile happen. @param everyTick called after each step of it */
  wait(seconds: number, everyTick?: () => void): void {
    if (!(seconds >= 0 && seconds <= HIGHEST_WAIT_SECONDS)) throw new Error(`a wait of ${seconds} s`);
    const step = seconds > LONG_WAIT_SECONDS ? 10 * TICK_MS : TICK_MS;
    for (let left = Math.round(seconds * 1000); left > 0; left -= step) {
      this.#clock.advance(Math.min(left, step));
      this.#breath.breathe();
      this.#estimate();
      everyTick?.();
    }
  }

  /** Waits until `seconds` after the start, if that is still to come. */
  waitUntil(seconds: number): void {
    if (seconds > this.seconds) this.wait(seconds - this.seconds);
  }

  /** Puts one IP packet on the wire of a side. @param server number of the real server that sends it */
  send(side: Side, packet: Uint8Array, server = 2): Output[] {
    const sender = side === 'client' ? CLIENT_MAC : serverMac(server);
    const port = this.#ports[side === 'client' ? 0 : 1];
    if (!port.inject(frameOf(DIRECTOR_MACS[side], sender, packet)))
      throw new Error(`no room for a packet of ${packet.length} bytes`);
    this.#breath.breathe();
    return this.#collect(side);
  }

  /** The samples of the rates that are due, as a worker takes them. */
  #estimate(): void {
    const { tables, settings } = this.director.state;
    tables.traffic.estimate(this.#clock.now(), settings.runEstimation);
  }

  /** What the engine sent, and what the host made of what the engine left to it. */
  #collect(from: Side): Output[] {
    const [client, server, host] = this.#ports;
    const outputs: Output[] = [...drain(client), ...drain(server)].map((frame) => ({
      where: whereOf(frame),
      packet: frame.subarray(14),
    }));
    for (const frame of drain(host)) {
      for (const { side, packet } of this.host.receive(frame.subarray(14), from)) {
        outputs.push({ where: side === 'client' ? 'client' : this.#serverOf(packet), packet });
      }
    }
    return outputs;
  }

  /** The real server that the host's routes lead a packet to. */
  #serverOf(packet: Uint8Array): string {
    return `rs${packet[packet[0]! >> 4 === 4 ? 19 : 39]}`;
  }
}

/** The static neighbours: real server N is 10.0.1.N and 2001:db8:1::N at 02:00:00:00:01:NN. */
function nextHops(mtu: number): TableAction[] {
  const numbers = Array.from({ length: SERVER_COUNT }, (_, i) => i + 1);
  const hop = (address: string, n: number, source: string): NextHop => ({
    address,
    port: 1,
    mac: macText(serverMac(n)),
    source,
    mtu,
  });
  return numbers
    .flatMap((n) => [hop(`10.0.1.${n}`, n, '10.0.1.254'), hop(`2001:db8:1::${n}`, n, '2001:db8:1::fe')])
    .map((nextHop) => ({ kind: 'setNextHop', nextHop }));
}

function drain(port: MemoryPort): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = port.take(); frame !== undefined; frame = port.take()) frames.push(frame);
  return frames;
}

/** By the MAC address that a frame goes to. */
function whereOf(frame: Uint8Array): string {
  const mac = Buffer.from(frame.subarray(0, 6)).toString('hex');
  if (mac === CLIENT_MAC) return 'client';
  return mac.startsWith('0200000001') ? `rs${frame[5]}` : `mac ${mac}`;
}

function frameOf(target: string, source: string, packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + packet.length);
  frame.set(Buffer.from(target + source + (packet[0]! >> 4 === 4 ? '0800' : '86dd'), 'hex'));
  frame.set(packet, 14);
  return frame;
}

function serverMac(n: number): string {
  return `0200000001${n.toString(16).padStart(2, '0')}`;
}

function macText(hex: string): string {
  return hex.replace(/(..)(?!$)/g, '$1:');
}
