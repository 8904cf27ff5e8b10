// hot path

/**
 * Which local address and port a fullnat connection has towards its real server. A pool for each protocol, address and port of a real
 * server (portPool.ts), shared by all services that have it: the pair need differ only between connections to the same one.
 *
 * With several workers each has the ports whose remainder by their number is its index, and bpf/fanout.ts brings it the replies to them.
 */
import { type Address, parseAddress } from '../base/address.ts';
import { Family, NONE, Protocol } from '../base/terms.ts';
import { type FullnatSettings, NO_FULLNAT } from './actions.ts';
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
  /** As they were configured last. */
  settings: FullnatSettings = NO_FULLNAT;
  readonly #share: PortShare;
  readonly #chance: () => number;
  #geometry: Record<4 | 6, PortGeometry>;
  /** By protocol, address and port. */
  readonly #pools = new Map<string, PortPool>();
  /** By destination * 3 + place of its protocol in PROTOCOLS. */
  readonly #poolOf: (PortPool | undefined)[];
  /** The same, while the destination is on a list and by fullnat. */
  readonly #listed: (PortPool | undefined)[];
  /** Names of pools that no listed destination needs, and the place in #poolOf that needed it last. */
  readonly #idle = new Map<string, number>();
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
    this.#listed = [...this.#poolOf];
  }

  /** Replaces addresses and ports. Connections keep theirs, also those that are configured no longer. Not on the hot path. */
  configure(settings: FullnatSettings, connections: ConnectionTable): void {
    const { localAddresses, ports } = settings;
    this.settings = settings;
    this.addresses.configure(
      localAddresses.map(parseAddress).filter((address) => address !== undefined),
      ports,
    );
    this.#geometry = { 4: this.#geometryOf(Family.v4, ports), 6: this.#geometryOf(Family.v6, ports) };
    const replaced = new Map<PortPool, PortPool>();
    for (const [name, old] of this.#pools) {
      const family = name.includes(':') ? Family.v6 : Family.v4;
      const pool = new PortPool(name, this.#geometry[family], this.#chance());
      pool.listed = old.listed;
      replaced.set(old, pool);
      this.#pools.set(name, pool);
    }
    for (const places of [this.#poolOf, this.#listed]) {
      for (const [i, old] of places.entries()) if (old !== undefined) places[i] = replaced.get(old);
    }
    for (let conn = connections.first(); conn !== NONE; conn = connections.next(conn)) {
      const local = connections.local(conn);
      if (local !== 0) this.#pool(connections.destination(conn), connections.protocol(conn))?.occupy(local);
    }
  }

  /** Destination `d` is on the service's list, or is edited: it has pools from now on, or none any more. Not on the hot path. */
  list(service: number, d: number, services: ServiceTable, destinations: DestinationTable): void {
    const isFullnat = destinations.settings(d).method === 'fullnat';
    const isByMark = services.firewallMark(service) !== 0;
    for (const [i, protocol] of PROTOCOLS.entries()) {
      const isServed = isFullnat && (isByMark || services.protocol(service) === protocol);
      this.#use(d * PROTOCOLS.length + i, isServed ? this.#poolNamed(protocol, destinations, d) : undefined);
    }
  }

  /** Destination `d` is on no list any more; its connections keep their pairs. Not on the hot path. */
  unlist(d: number): void {
    for (let i = 0; i < PROTOCOLS.length; i++) this.#use(d * PROTOCOLS.length + i, undefined);
  }

  /** Forgets the pools that nobody needs any more, once their last connection is over. Not on the hot path. */
  collect(): void {
    for (const [name, place] of this.#idle) {
      const pool = this.#pools.get(name);
      if (pool === undefined || pool.listed > 0) this.#idle.delete(name);
      else if (pool.used === 0) {
        this.#pools.delete(name);
        this.#idle.delete(name);
        if (this.#poolOf[place] === pool) this.#poolOf[place] = undefined;
      }
    }
  }

  /** Real servers' ports, by protocol, that have a pool. */
  get poolCount(): number {
    return this.#pools.size;
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
    const pool = new PortPool(name, this.#geometry[destinations.family(d) as Address['family']], this.#chance());
    this.#pools.set(name, pool);
    return pool;
  }

  /** Counts who needs which pool. */
  #use(place: number, pool: PortPool | undefined): void {
    const before = this.#listed[place];
    if (before === pool) return;
    if (before !== undefined && --before.listed === 0) this.#idle.set(before.name, place);
    if (pool !== undefined) {
      pool.listed++;
      this.#poolOf[place] = pool;
    }
    this.#listed[place] = pool;
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
