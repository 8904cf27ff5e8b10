/** The control side of one running director: tables, next hops and local addresses, kept as the configuration and the host want them. */
import type { UvsError } from '../base/errors.ts';
import { checkSetting, type SettingValue } from '../base/settings.ts';
import type { Config } from '../config/model.ts';
import type { DataPlane } from '../dataplane/handle.ts';
import type { HostNetwork, LinkFacts } from '../network/hostNetwork.ts';
import { NextHopKeeper, type Wait } from '../network/nextHopKeeper.ts';
import type { PublishedHop } from '../network/nextHopResolver.ts';
import { formatServiceKey, type NextHop, type ServiceKey, type TableAction } from '../table/actions.ts';
import type { DataPlaneStatus } from './directorStatus.ts';
import type { Log } from './log.ts';
import { type Change, Reconciler } from './reconciler.ts';
import { missingLocalAddresses, realServerAddresses, type Tables, tablesOf, unmarkedServices } from './tables.ts';

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

/** A neighbour that lives answers within a millisecond or two; frames for one that does not are counted drops. */
const NEW_HOPS_WAIT_MS = 100;

export class Control {
  readonly #options: ControlOptions;
  readonly #reconciler: Reconciler;
  readonly #keeper: NextHopKeeper;
  readonly #nextHops: TableAction[] = [];
  #localAddresses: readonly string[];

  constructor(options: ControlOptions) {
    const { dataPlane, network, wait, log } = options;
    this.#options = options;
    this.#localAddresses = options.localAddresses;
    this.#reconciler = new Reconciler(dataPlane, log);
    this.#keeper = new NextHopKeeper({
      network,
      wait,
      onHop: (address, hop) => this.#onHop(address, hop),
      onProblem: (address, problem) => this.#onProblem(address, problem),
      onAddressesChanged: () => this.#background('reading local addresses', this.#refreshLocalAddresses()),
      onError: (error) => log.error({ err: error }, `asking the kernel failed: ${String(error)}`),
    });
  }

  /**
   * Applies the difference between what runs and `config`; the same call serves the start and every reload.
   * @returns the actions that were applied; rejects with UvsError when the data plane refuses them, and then nothing has changed
   */
  async use(config: Config): Promise<readonly TableAction[]> {
    const interfaces = this.#options.links.map(({ name }) => name);
    const tables = tablesOf(config, interfaces);
    const actions = await this.#reconciler.bringTo(tables);
    this.#warnOfUnmarked(unmarkedServices(tables));
    this.#warnOfMissing();
    this.#keeper.keep(realServerAddresses(this.#reconciler.running));
    return actions;
  }

  /**
   * Changes services, real servers or timeouts until the configuration is used again: each whole or not at all, in order. Waits a moment
   * for the next hops of new real servers, so that whoever sends to them behind this call loses no packet.
   * @returns for each change why it was not made: its own reason, or the data plane's; undefined when it was made
   */
  async changeEach<Refused extends object>(changes: readonly Change<Refused>[]): Promise<(Refused | UvsError | undefined)[]> {
    const before = this.#reconciler.running;
    const outcomes = await this.#reconciler.changeEach(changes);
    const after = this.#reconciler.running;
    if (after.services === before.services) return outcomes;
    const known = new Set(before.services.map(({ key }) => formatServiceKey(key)));
    this.#warnOfUnmarked(unmarkedServices(after).filter((key) => !known.has(formatServiceKey(key))));
    await this.#followRealServers(before, after);
    return outcomes;
  }

  /** What was applied last. */
  get running(): Tables {
    return this.#reconciler.running;
  }

  /** The run-time settings as they are, under the kernel's names. */
  get settings(): Readonly<Record<string, SettingValue>> {
    return this.#reconciler.running.settings;
  }

  /**
   * Changes settings until the configuration is used again; those left out stay.
   * Rejects with UvsError SETTING_INVALID, and then nothing has changed.
   */
  async changeSettings(values: Readonly<Record<string, SettingValue>>): Promise<readonly TableAction[]> {
    for (const [name, value] of Object.entries(values)) {
      const fault = checkSetting(name, value);
      if (fault !== undefined) throw fault;
    }
    return this.#reconciler.change((running) => ({ ...running, settings: { ...running.settings, ...values } }));
  }

  /**
   * Counters show from now on what comes from now on: of one service and its real servers, or of all and the total.
   * Rejects with UvsError SERVICE_UNKNOWN.
   */
  zeroStatistics(service?: ServiceKey): Promise<void> {
    return this.#reconciler.apply(() => [{ kind: 'zeroStatistics', ...(service === undefined ? {} : { service }) }]);
  }

  /** Resolves when it is known of every real server how it is reached, or that it is not, and the data plane knows it too. */
  async settled(): Promise<void> {
    await this.#keeper.settled();
    await this.#reconciler.idle();
  }

  /** Every connection and template, slice by slice. */
  connections(): ReturnType<DataPlane['connections']> {
    return this.#options.dataPlane.connections();
  }

  /** @param connections how many connections to list at most */
  status(connections: number): Promise<DataPlaneStatus> {
    return this.#options.dataPlane.status(connections);
  }

  /** Stops asking and watching. The data plane and the network belong to the caller. */
  stop(): void {
    this.#keeper.stop();
  }

  #warnOfUnmarked(keys: readonly ServiceKey[]): void {
    for (const key of keys) {
      const name = formatServiceKey(key);
      this.#options.log.warn({ service: name }, `no classification rule gives the mark of ${name}: nothing will come to it`);
    }
  }

  /** Of local addresses of fullnat for which the host would not answer ARP. */
  #warnOfMissing(): void {
    for (const address of missingLocalAddresses(this.#reconciler.running, this.#localAddresses)) {
      const message = `local address ${address} is none of this host's: replies to it will not come here`;
      this.#options.log.warn({ address }, message);
    }
  }

  async #followRealServers(before: Tables, after: Tables): Promise<void> {
    const known = new Set(realServerAddresses(before));
    const addresses = realServerAddresses(after);
    this.#keeper.keep(addresses);
    const added = addresses.filter((address) => !known.has(address));
    if (added.length === 0) return;
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.wait(NEW_HOPS_WAIT_MS, late.resolve);
    await Promise.race([this.#keeper.settled(new Set(added)).then(() => this.#reconciler.idle()), late.promise]);
    cancel();
  }

  #onHop(address: string, { ifindex, mac, source, mtu, isLocal }: PublishedHop): void {
    if (isLocal) {
      // No port leads there: the packet goes to the host.
      this.#setNextHop({ address, port: 0, mac: null, source, mtu, local: true });
      return;
    }
    const port = this.#options.links.findIndex((link) => link.index === ifindex);
    if (port < 0) {
      const message = `real server ${address} is reached through an interface that the director is not attached to`;
      this.#options.log.warn({ address, ifindex }, `${message}; name it in the configuration and start again`);
      return;
    }
    this.#setNextHop({ address, port, mac, source, mtu });
  }

  /** Those that come while another change is on its way go with one message. */
  #setNextHop(nextHop: NextHop): void {
    if (this.#nextHops.push({ kind: 'setNextHop', nextHop }) > 1) return;
    this.#background(
      'setting next hops',
      this.#reconciler.apply(() => this.#nextHops.splice(0)),
    );
  }

  #onProblem(address: string, problem: 'local' | 'unroutable'): void {
    const { log } = this.#options;
    if (problem === 'unroutable') {
      log.warn({ address }, `real server ${address} has no route, frames for it are dropped`);
      return;
    }
    log.info({ address }, `real server ${address} is the director's own host, which gets its packets unchanged`);
    const destinations = this.#reconciler.running.services.flatMap((service) => service.destinations);
    if (destinations.some(({ key, settings }) => key.address === address && settings.method === 'masq')) {
      const message = `real server ${address} is the director's own host: masq does not rewrite for it; use method route`;
      log.warn({ address }, message);
    }
  }

  async #refreshLocalAddresses(): Promise<void> {
    const { dataPlane, network, log } = this.#options;
    const addresses = await localAddresses(network);
    if (addresses.join() === this.#localAddresses.join()) return;
    this.#localAddresses = addresses;
    await dataPlane.setLocalAddresses(addresses);
    log.info({ addresses }, `local addresses are now ${addresses.join(' ')}`);
    this.#warnOfMissing();
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
