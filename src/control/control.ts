/** The control side of one running director: tables, next hops and local addresses, kept as the configuration and the host want them. */
import type { Config } from '../config/model.ts';
import type { DataPlane } from '../dataplane/handle.ts';
import type { HostNetwork, LinkFacts } from '../network/hostNetwork.ts';
import { NextHopKeeper, type Wait } from '../network/nextHopKeeper.ts';
import type { PublishedHop } from '../network/nextHopResolver.ts';
import type { TableAction } from '../table/actions.ts';
import type { DataPlaneStatus } from './directorStatus.ts';
import type { Log } from './log.ts';
import { Reconciler } from './reconciler.ts';
import { realServerAddresses, tablesOf } from './tables.ts';

export interface ControlOptions {
  readonly dataPlane: DataPlane;
  readonly network: HostNetwork;
  /** The interfaces of the data plane, in the order of its ports. */
  readonly links: readonly LinkFacts[];
  /** As they were given to the data plane at its start. */
  readonly localAddresses: readonly string[];
  readonly wait: Wait;
  readonly log: Log;
}

const PROBLEM_TEXTS = {
  local: 'is an address of the director itself: not supported yet, frames for it are dropped',
  unroutable: 'has no route, frames for it are dropped',
};

export class Control {
  readonly #options: ControlOptions;
  readonly #reconciler: Reconciler;
  readonly #keeper: NextHopKeeper;
  #localAddresses: string;

  constructor(options: ControlOptions) {
    const { dataPlane, network, wait, log } = options;
    this.#options = options;
    this.#localAddresses = options.localAddresses.join();
    this.#reconciler = new Reconciler(dataPlane, log);
    this.#keeper = new NextHopKeeper({
      network,
      wait,
      onHop: (address, hop) => this.#onHop(address, hop),
      onProblem: (address, problem) => log.warn({ address }, `real server ${address} ${PROBLEM_TEXTS[problem]}`),
      onAddressesChanged: () => this.#background('reading local addresses', this.#refreshLocalAddresses()),
      onError: (error) => log.error({ err: error }, `asking the kernel failed: ${String(error)}`),
    });
  }

  /**
   * Applies the difference between what runs and `config`; the same call serves the start and every reload.
   * @returns the actions that were applied; rejects with UvsError when the data plane refuses them, and then nothing has changed
   */
  async use(config: Config): Promise<readonly TableAction[]> {
    const actions = await this.#reconciler.bringTo(tablesOf(config));
    this.#keeper.keep(realServerAddresses(this.#reconciler.running));
    return actions;
  }

  /** Resolves when it is known of every real server how it is reached, or that it is not, and the data plane knows it too. */
  async settled(): Promise<void> {
    await this.#keeper.settled();
    await this.#reconciler.idle();
  }

  /** @param connections how many connections to list at most */
  status(connections: number): Promise<DataPlaneStatus> {
    return this.#options.dataPlane.status(connections);
  }

  /** Stops asking and watching. The data plane and the network belong to the caller. */
  stop(): void {
    this.#keeper.stop();
  }

  #onHop(address: string, { ifindex, mac, source, mtu }: PublishedHop): void {
    const port = this.#options.links.findIndex((link) => link.index === ifindex);
    if (port < 0) {
      const message = `real server ${address} is reached through an interface that the director is not attached to`;
      this.#options.log.warn({ address, ifindex }, `${message}; name it in the configuration and start again`);
      return;
    }
    const action: TableAction = { kind: 'setNextHop', nextHop: { address, port, mac, source, mtu } };
    this.#background(`setting the next hop of ${address}`, this.#reconciler.apply([action]));
  }

  async #refreshLocalAddresses(): Promise<void> {
    const { dataPlane, network, log } = this.#options;
    const addresses = await localAddresses(network);
    if (addresses.join() === this.#localAddresses) return;
    this.#localAddresses = addresses.join();
    await dataPlane.setLocalAddresses(addresses);
    log.info({ addresses }, `local addresses are now ${addresses.join(' ')}`);
  }

  #background(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#options.log.error({ err: error }, `${what} failed: ${String(error)}`));
  }
}

/** Every address of the host once, sorted. */
export async function localAddresses(network: HostNetwork): Promise<readonly string[]> {
  const facts = await network.addresses();
  return [...new Set(facts.map(({ address }) => address))].toSorted();
}
