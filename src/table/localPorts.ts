// hot path

/**
 * Which local address and port a fullnat connection has towards its real server. A pool for each protocol, address and port of a real
 * server (portPool.ts), shared by all services that have it: the pair need differ only between connections to the same one.
 *
 * With several workers each has the ports whose remainder by their number is its index, and bpf/fanout.ts brings it the replies to them.
 */
import { type Address, parseAddress } from '../base/address.ts';
import { Family, NONE, Protocol } from '../base/terms.ts';
import type { FullnatSettings } from './actions.ts';
import type { ConnectionTable } from './connections.ts';
import type { DestinationTable } from './destinations.ts';
import type { FlowKey } from './flowKey.ts';
import { LocalAddresses, localIndexOf, localPortOf } from './localAddresses.ts';
import { type PortGeometry, PortPool } from './portPool.ts';
import type { ServiceTable } from './services.ts';

/** A worker's share of the local ports. */
export interface PortShare {
  readonly index: number;
  readonly count: number;
}

/** Pairs that `take` tries: more than one only where a real server without a port of its own shares an address with others. */
const MAX_TRIES = 16;
const PROTOCOLS = [Protocol.tcp, Protocol.udp, Protocol.sctp] as const;

export class LocalPorts {
  readonly addresses = new LocalAddresses();
  readonly #share: PortShare;
  readonly #chance: () => number;
  #geometry: Record<4 | 6, PortGeometry>;
  /** By protocol, address and port. */
  readonly #pools = new Map<string, PortPool>();
  /** By destination * 3 + place of its protocol in PROTOCOLS. */
  readonly #poolOf: (PortPool | undefined)[];
  readonly #key = {
    family: 0,
    protocol: 0,
    source0: 0,
    source1: 0,
    source2: 0,
    source3: 0,
    sourcePort: 0,
    target0: 0,
    target1: 0,
    target2: 0,
    target3: 0,
    targetPort: 0,
  };

  /** @param destinations capacity of their table @param chance int32s: where each pool begins */
  constructor(destinations: number, share: PortShare, chance: () => number) {
    this.#share = share;
    this.#chance = chance;
    this.#geometry = { 4: NO_PORTS, 6: NO_PORTS };
    this.#poolOf = new Array<PortPool | undefined>(destinations * PROTOCOLS.length).fill(undefined);
  }

  /** Replaces addresses and ports. Connections keep theirs, also those that are configured no longer. Not on the hot path. */
  configure({ localAddresses, ports }: FullnatSettings, connections: ConnectionTable): void {
    this.addresses.configure(
      localAddresses.map(parseAddress).filter((address) => address !== undefined),
      ports,
    );
    this.#geometry = { 4: this.#geometryOf(Family.v4, ports), 6: this.#geometryOf(Family.v6, ports) };
    const replaced = new Map<PortPool, PortPool>();
    for (const [name, old] of this.#pools) {
      const family = name.includes(':') ? Family.v6 : Family.v4;
      const pool = new PortPool(this.#geometry[family], this.#chance());
      replaced.set(old, pool);
      this.#pools.set(name, pool);
    }
    for (const [i, old] of this.#poolOf.entries()) if (old !== undefined) this.#poolOf[i] = replaced.get(old);
    for (let conn = connections.first(); conn !== NONE; conn = connections.next(conn)) {
      const local = connections.local(conn);
      if (local !== 0) this.#pool(connections.destination(conn), connections.protocol(conn))?.occupy(local);
    }
  }

  /** Brings the pools in step with the destinations on a list. After each change of the tables; not on the hot path. */
  rebuild(services: ServiceTable, destinations: DestinationTable): void {
    const listed = new Set<PortPool>();
    for (let service = services.first(); service !== NONE; service = services.next(service)) {
      for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) {
        if (destinations.settings(d).method !== 'fullnat') continue;
        for (const [i, protocol] of PROTOCOLS.entries()) {
          if (services.firewallMark(service) === 0 && services.protocol(service) !== protocol) continue;
          const pool = this.#poolNamed(protocol, destinations, d);
          this.#poolOf[d * PROTOCOLS.length + i] = pool;
          listed.add(pool);
        }
      }
    }
    for (const [name, pool] of this.#pools) if (!listed.has(pool) && pool.used === 0) this.#forget(name, pool);
  }

  /**
   * Takes an address and port for a connection to destination `d`.
   * @param port of the real server
   * @returns as `localWord`; NONE when there is none left, or no local address of the family
   */
  take(d: number, protocol: number, port: number, destinations: DestinationTable, connections: ConnectionTable): number {
    const pool = this.#pool(d, protocol);
    if (pool === undefined) return NONE;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const local = pool.take();
      if (local === NONE) return NONE;
      if (!this.#isTaken(d, protocol, port, local, destinations, connections)) {
        this.addresses.hold(localIndexOf(local));
        return local;
      }
      pool.giveBack(local);
    }
    return NONE;
  }

  /** What `take` gave to a connection to `d` is free again. */
  giveBack(d: number, protocol: number, local: number): void {
    this.addresses.letGo(localIndexOf(local));
    this.#pool(d, protocol)?.giveBack(local);
  }

  /** Of connections to `d` by this protocol: how many there are and may be. For listings and tests. */
  usage(d: number, protocol: number): { readonly used: number; readonly size: number } {
    const pool = this.#pool(d, protocol);
    return { used: pool?.used ?? 0, size: pool?.size ?? 0 };
  }

  #geometryOf(family: Family, [first, last]: FullnatSettings['ports']): PortGeometry {
    const { index, count } = this.#share;
    const firstPort = first + ((((index - first) % count) + count) % count);
    const portCount = Math.max(0, Math.floor((last - firstPort) / count) + 1);
    return { indices: this.addresses.configuredOf(family), firstPort, portCount, step: count };
  }

  #pool(d: number, protocol: number): PortPool | undefined {
    const i = protocol === Protocol.tcp ? 0 : protocol === Protocol.udp ? 1 : 2;
    return d === NONE ? undefined : this.#poolOf[d * PROTOCOLS.length + i];
  }

  #poolNamed(protocol: number, destinations: DestinationTable, d: number): PortPool {
    const { address, port } = destinations.key(d);
    const name = `${protocol} ${address} ${port}`;
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const pool = new PortPool(this.#geometry[destinations.family(d) as Address['family']], this.#chance());
    this.#pools.set(name, pool);
    return pool;
  }

  #forget(name: string, pool: PortPool): void {
    this.#pools.delete(name);
    for (const [i, of] of this.#poolOf.entries()) if (of === pool) this.#poolOf[i] = undefined;
  }

  /** A reply to this pair would be taken for another connection's. */
  #isTaken(
    d: number,
    protocol: number,
    port: number,
    local: number,
    destinations: DestinationTable,
    connections: ConnectionTable,
  ): boolean {
    const key = this.#key;
    const index = localIndexOf(local);
    key.family = destinations.family(d);
    key.protocol = protocol;
    key.source0 = destinations.addressWord(d, 0);
    key.source1 = destinations.addressWord(d, 1);
    key.source2 = destinations.addressWord(d, 2);
    key.source3 = destinations.addressWord(d, 3);
    key.sourcePort = port;
    key.target0 = this.addresses.word(index, 0);
    key.target1 = this.addresses.word(index, 1);
    key.target2 = this.addresses.word(index, 2);
    key.target3 = this.addresses.word(index, 3);
    key.targetPort = localPortOf(local);
    return connections.find(key satisfies FlowKey) !== NONE;
  }
}

const NO_PORTS: PortGeometry = { indices: [], firstPort: 0, portCount: 0, step: 1 };
