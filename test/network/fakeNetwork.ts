/** A host's network that does what the test says. */
import type { AddressFacts, HostNetwork, LinkFacts, NetworkEvent, RouteFacts } from '../../src/network/hostNetwork.ts';
import type { Wait } from '../../src/network/nextHopKeeper.ts';

/** An interface as `ip link` shows one of hardware. */
export function link(index: number, name: string, changes: Partial<LinkFacts> = {}): LinkFacts {
  const mac = `02:00:00:00:00:0${index}`;
  return {
    index,
    name,
    isUp: true,
    isLoopback: false,
    isEthernet: true,
    resolvesNeighbours: true,
    mac,
    mtu: 1500,
    kind: '',
    driver: '',
    ...changes,
  };
}

/** A route on the link itself. */
export function route(ifindex: number, changes: Partial<RouteFacts> = {}): RouteFacts {
  return { ifindex, gateway: null, source: '10.0.0.1', mtu: 1500, isLocal: false, ...changes };
}

export class FakeNetwork implements HostNetwork {
  linkList: LinkFacts[] = [link(1, 'lo', { isLoopback: true }), link(2, 'eth0'), link(3, 'eth1')];
  addressList: AddressFacts[] = [{ ifindex: 2, address: '10.0.0.1', prefixLength: 24 }];
  /** Address -> route; an address that is not here has none. */
  readonly routes = new Map<string, RouteFacts>();
  /** `address ifindex` -> MAC address. */
  readonly neighbours = new Map<string, string>();
  /** `address ifindex` of every probe. */
  readonly probes: string[] = [];
  isClosed = false;
  readonly #listeners = new Set<(event: NetworkEvent) => void>();

  async links(): Promise<readonly LinkFacts[]> {
    return this.linkList;
  }

  async addresses(): Promise<readonly AddressFacts[]> {
    return this.addressList;
  }

  async routeTo(address: string): Promise<RouteFacts | null> {
    return this.routes.get(address) ?? null;
  }

  async neighbour(address: string, ifindex: number): Promise<string | null> {
    return this.neighbours.get(`${address} ${ifindex}`) ?? null;
  }

  async probeNeighbour(address: string, ifindex: number): Promise<void> {
    this.probes.push(`${address} ${ifindex}`);
  }

  watch(listener: (event: NetworkEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.isClosed = true;
  }

  get watcherCount(): number {
    return this.#listeners.size;
  }

  /** Tells everybody who watches. */
  emit(event: NetworkEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** Waits that end when the test moves the time. */
export class ManualWaits {
  #now = 0;
  readonly #waits = new Set<{ at: number; then: () => void }>();

  readonly wait: Wait = (milliseconds, then) => {
    const entry = { at: this.#now + milliseconds, then };
    this.#waits.add(entry);
    return () => this.#waits.delete(entry);
  };

  /** Milliseconds to the end of each wait. */
  get pending(): number[] {
    return [...this.#waits].map(({ at }) => at - this.#now).toSorted((a, b) => a - b);
  }

  /** Ends the waits of this time, one after the other, and lets the answers come in between. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (let next = this.#first(end); next !== undefined; next = this.#first(end)) {
      this.#now = next.at;
      this.#waits.delete(next);
      next.then();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #first(end: number): { at: number; then: () => void } | undefined {
    return [...this.#waits].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
  }
}

/** Until every promise that is already kept has been heard. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
