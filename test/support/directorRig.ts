/**
 * A director between two memory ports, in the topology of the kernel's recordings (golden/ipvs/README.md): the client's side is port 0,
 * the servers' side port 1, the host port 2. Real server N has MAC address 02:00:00:00:01:0N.
 */
import { ManualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Breath } from '../../src/dataplane/breath.ts';
import { applyTables } from '../../src/engine/applyTables.ts';
import { Director } from '../../src/engine/director.ts';
import { MemoryPort } from '../../src/io/memoryPort.ts';
import { HEADROOM } from '../../src/io/port.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import type { TableAction, TunnelSettings } from '../../src/table/actions.ts';
import { Tables } from '../../src/table/tables.ts';

export const CLIENT_MAC = '02:00:00:00:0c:01';
export const DIRECTOR_CLIENT_MAC = '02:00:00:00:0d:00';
export const DIRECTOR_SERVER_MAC = '02:00:00:00:0d:01';

export interface RigOptions {
  readonly clientMtu?: number;
  readonly serverMtu?: number;
  readonly connections?: number;
  readonly seed?: number;
  /** Ports take super-frames and partial checksums. */
  readonly offloads?: boolean;
}

export type Side = 'client' | 'server' | 'host';

export class DirectorRig {
  readonly clock = new ManualClock(1_000_000);
  readonly ports: Record<Side, MemoryPort>;
  readonly director: Director;
  readonly breath: Breath;

  constructor({ clientMtu = 1500, serverMtu = 1500, connections = 1024, seed = 1, offloads = false }: RigOptions = {}) {
    // A super-frame takes 64 KB, an ordinary frame 2 KB.
    const arena = new FrameArena(new ArrayBuffer(offloads ? 64 << 20 : 16 << 20));
    const frames = offloads ? { offloads, receiveFrames: 64, transmitFrames: 64 } : {};
    this.ports = {
      client: new MemoryPort(arena, { name: 'client', mac: DIRECTOR_CLIENT_MAC, mtu: clientMtu, ...frames }),
      server: new MemoryPort(arena, { name: 'server', mac: DIRECTOR_SERVER_MAC, mtu: serverMtu, ...frames }),
      host: new MemoryPort(arena, { name: 'host', mtu: 9000 }),
    };
    const ports = [this.ports.client, this.ports.server, this.ports.host];
    this.director = new Director({
      arena,
      tables: new Tables({ connections, services: 64, destinations: 256 }, seed),
      links: ports.map((port) => port.facts),
      hostPort: 2,
      headroom: HEADROOM,
      clock: this.clock,
      random: new SeededRandom(seed),
    });
    this.breath = new Breath(this.director, ports);
  }

  apply(...actions: TableAction[]): void {
    applyTables(this.director.state, actions);
  }

  /** A service with real servers, all reachable on the servers' side with MAC 02:00:00:00:01:<last byte of the address>. */
  service(protocol: 'tcp' | 'udp', vip: string, port: number, servers: readonly RigServer[], scheduler = 'rr'): void {
    const service = { protocol, address: vip, port };
    const settings = { scheduler, schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
    this.apply({ kind: 'addService', service, settings });
    for (const { address, port: serverPort, method, weight = 1, tunnel } of servers) {
      const destination = { address, port: serverPort };
      const plain = { method, weight, upperThreshold: 0, lowerThreshold: 0 };
      const values = tunnel === undefined ? plain : { ...plain, tunnel };
      this.apply({ kind: 'addDestination', service, destination, settings: values });
      this.reach(address);
    }
  }

  /** Makes a real server reachable. */
  reach(address: string, mtu = this.ports.server.facts.mtu): void {
    const v6 = address.includes(':');
    const last = Number.parseInt(address.split(v6 ? ':' : '.').at(-1) ?? '0', v6 ? 16 : 10);
    const mac = `02:00:00:00:01:${last.toString(16).padStart(2, '0')}`;
    this.apply({ kind: 'setNextHop', nextHop: { address, port: 1, mac, source: v6 ? '2001:db8:1::fe' : '10.0.1.254', mtu } });
  }

  /** Puts frames on the wire of one side, breathes once, and collects what came out of every side. */
  send(side: Side, ...frames: readonly Uint8Array[]): { side: Side; frame: Uint8Array }[] {
    for (const frame of frames)
      if (!this.ports[side].inject(frame)) throw new Error(`the ${side} port took no frame of ${frame.length} bytes`);
    this.breath.breathe();
    return this.collect();
  }

  /** What waits on the far side of every port. */
  collect(): { side: Side; frame: Uint8Array }[] {
    const out: { side: Side; frame: Uint8Array }[] = [];
    for (const side of ['client', 'server', 'host'] as const) {
      for (let frame = this.ports[side].take(); frame !== undefined; frame = this.ports[side].take()) out.push({ side, frame });
    }
    return out;
  }

  /** Counters that are not zero. */
  counters(): Record<string, number> {
    return this.director.state.counters.nonZero();
  }
}

export interface RigServer {
  readonly address: string;
  readonly port: number;
  readonly method: 'route' | 'masq' | 'tunnel' | 'fullnat';
  readonly weight?: number;
  readonly tunnel?: TunnelSettings;
}
