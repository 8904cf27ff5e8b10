/** Keeps the next hop of every real server fresh: one resolver for each address, its waits, and the watch over the host's network. */
import type { HostNetwork, NetworkEvent } from './hostNetwork.ts';
import {
  INITIAL_STATE,
  type PublishedHop,
  type ResolverEffect,
  type ResolverEvent,
  type ResolverState,
  step,
} from './nextHopResolver.ts';

/** Calls back once, after so many milliseconds. @returns a function that forgets the call */
export type Wait = (milliseconds: number, then: () => void) => () => void;

export interface NextHopKeeperOptions {
  readonly network: HostNetwork;
  readonly wait: Wait;
  /** A next hop is known, changed or lost. */
  readonly onHop: (address: string, hop: PublishedHop) => void;
  /** A server cannot be reached by a next hop; said once for as long as it lasts. */
  readonly onProblem: (address: string, problem: 'local' | 'unroutable') => void;
  /** The host's addresses may have changed. */
  readonly onAddressesChanged: () => void;
  /** A question to the kernel failed for a reason that is no answer. */
  readonly onError: (error: unknown) => void;
}

/** Routes come and go in swarms (a routing daemon starts): one look after the swarm is enough. */
const SETTLE_MS = 100;
/** Pause after a question that the kernel did not answer at all. */
const QUESTION_FAILED_MS = 5000;

interface Resolver {
  readonly address: string;
  state: ResolverState;
  cancelWait: () => void;
  isStopped: boolean;
}

interface SettledListener {
  /** Undefined = all. */
  readonly among: ReadonlySet<string> | undefined;
  readonly resolve: () => void;
}

export class NextHopKeeper {
  readonly #options: NextHopKeeperOptions;
  readonly #resolvers = new Map<string, Resolver>();
  readonly #stopWatch: () => void;
  #settledListeners: readonly SettledListener[] = [];
  #cancelSettle: (() => void) | undefined;

  constructor(options: NextHopKeeperOptions) {
    this.#options = options;
    this.#stopWatch = options.network.watch((event) => this.#onNetwork(event));
  }

  /** Resolves these addresses from now on, and forgets all others. */
  keep(addresses: Iterable<string>): void {
    const wanted = new Set(addresses);
    for (const resolver of this.#resolvers.values()) if (!wanted.has(resolver.address)) this.#forget(resolver);
    for (const address of wanted) {
      if (this.#resolvers.has(address)) continue;
      const resolver: Resolver = { address, state: INITIAL_STATE, cancelWait: () => {}, isStopped: false };
      this.#resolvers.set(address, resolver);
      this.#feed(resolver, { kind: 'start' });
    }
  }

  /**
   * Resolves when the next hop of every address is resolved, or cannot be: local, no route.
   * @param among only these; default all
   */
  settled(among?: ReadonlySet<string>): Promise<void> {
    return new Promise((resolve) => {
      this.#settledListeners = [...this.#settledListeners, { among, resolve }];
      this.#tellIfSettled();
    });
  }

  /** Ends every wait and the watch; the network stays open. */
  stop(): void {
    this.#stopWatch();
    this.#cancelSettle?.();
    for (const resolver of this.#resolvers.values()) this.#forget(resolver);
  }

  #forget(resolver: Resolver): void {
    resolver.isStopped = true;
    resolver.cancelWait();
    this.#resolvers.delete(resolver.address);
  }

  #onNetwork(event: NetworkEvent): void {
    if (event.kind === 'neighbour') {
      for (const resolver of this.#resolvers.values()) {
        const { route } = resolver.state;
        const isOnTheWay = route?.ifindex === event.ifindex && (route.gateway ?? resolver.address) === event.address;
        if (isOnTheWay) this.#feed(resolver, { kind: 'neighbourChanged' });
      }
      return;
    }
    this.#cancelSettle ??= this.#options.wait(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      for (const resolver of this.#resolvers.values()) this.#feed(resolver, { kind: 'networkChanged' });
      this.#options.onAddressesChanged();
    });
  }

  #feed(resolver: Resolver, event: ResolverEvent): void {
    if (resolver.isStopped) return;
    const [state, effects] = step(resolver.state, event);
    resolver.state = state;
    for (const effect of effects) this.#perform(resolver, effect);
    this.#tellIfSettled();
  }

  #tellIfSettled(): void {
    if (this.#settledListeners.length === 0) return;
    const unsettled = [...this.#resolvers.values()].filter(
      ({ state }) => state.phase === 'routing' || state.phase === 'resolving',
    );
    const waits = ({ among }: SettledListener) => unsettled.some(({ address }) => among === undefined || among.has(address));
    const listeners = this.#settledListeners;
    this.#settledListeners = listeners.filter(waits);
    for (const listener of listeners) if (!this.#settledListeners.includes(listener)) listener.resolve();
  }

  #perform(resolver: Resolver, effect: ResolverEffect): void {
    const { network, wait, onHop, onProblem } = this.#options;
    const { address } = resolver;
    switch (effect.kind) {
      case 'askRoute':
        this.#answer(resolver, network.routeTo(address), (route) => ({ kind: 'routeAnswer', route }));
        break;
      case 'askNeighbour': {
        const question = network.neighbour(effect.gateway ?? address, effect.ifindex);
        this.#answer(resolver, question, (mac) => ({ kind: 'neighbourAnswer', mac }));
        break;
      }
      case 'probe':
        network
          .probeNeighbour(effect.gateway ?? address, effect.ifindex)
          .catch((error: unknown) => this.#report(resolver, error));
        break;
      case 'wait':
        resolver.cancelWait();
        resolver.cancelWait = wait(effect.milliseconds, () => this.#feed(resolver, { kind: 'waited' }));
        break;
      case 'publish':
        onHop(address, effect.hop);
        break;
      case 'warn':
        onProblem(address, effect.problem);
        break;
    }
  }

  /** A question that fails is asked again after a pause. */
  #answer<T>(resolver: Resolver, question: Promise<T>, eventOf: (answer: T) => ResolverEvent): void {
    question.then(
      (answer) => this.#feed(resolver, eventOf(answer)),
      (error: unknown) => {
        this.#report(resolver, error);
        if (!resolver.isStopped) this.#perform(resolver, { kind: 'wait', milliseconds: QUESTION_FAILED_MS });
      },
    );
  }

  #report(resolver: Resolver, error: unknown): void {
    if (!resolver.isStopped) this.#options.onError(error);
  }
}
