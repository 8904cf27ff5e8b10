/** The commands of uvsadm against the running tables: the contract of uvsadm/director.ts, kept by the control side of a director. */
import { UvsError } from '../base/errors.ts';
import type { HostNetwork } from '../network/hostNetwork.ts';
import { PERSISTENCE_ENGINES, type Timeouts } from '../table/actions.ts';
import type { DaemonOptions, DaemonRole, Refusal } from '../uvsadm/command.ts';
import { Daemons } from '../uvsadm/daemons.ts';
import type { ListedConnection, ListedService, UvsadmDirector } from '../uvsadm/director.ts';
import { KernelError, kernelRefusal } from '../uvsadm/messages.ts';
import { type TableCommand, toActions } from '../uvsadm/toActions.ts';
import type { Control } from './control.ts';
import type { Log } from './log.ts';
import type { TablesDraft } from './tablesDraft.ts';

export interface UvsadmControlOptions {
  readonly control: Pick<Control, 'changeEach' | 'connections' | 'running' | 'status' | 'zeroStatistics'>;
  readonly knowsScheduler: (name: string) => boolean;
  /** Interfaces that a synchronisation daemon may name. */
  readonly network: Pick<HostNetwork, 'links'>;
  /** Rows of the connection table. */
  readonly tableSize: number;
  readonly log: Log;
}

export class UvsadmControl implements UvsadmDirector {
  readonly #options: UvsadmControlOptions;
  readonly #daemons = new Daemons((name) => this.#mtus.get(name));
  #mtus: ReadonlyMap<string, number> = new Map();
  #hasSaidThatNothingIsSent = false;

  constructor(options: UvsadmControlOptions) {
    this.#options = options;
  }

  get tableSize(): number {
    return this.#options.tableSize;
  }

  async change(commands: readonly TableCommand[]): Promise<readonly (Refusal | undefined)[]> {
    const { control, knowsScheduler, log } = this.#options;
    const abilities = { knowsScheduler, knowsPersistenceEngine: (name: string) => PERSISTENCE_ENGINES.includes(name) };
    const changes = commands.map((command) => (draft: TablesDraft) => toActions(command, draft, abilities));
    const outcomes = await control.changeEach<Refusal>(changes);
    return outcomes.map((outcome) => {
      if (!(outcome instanceof UvsError)) return outcome;
      log.error({ err: outcome }, `a command of uvsadm was refused: ${outcome.message}`);
      return refusalOf(outcome);
    });
  }

  async services(): Promise<readonly ListedService[]> {
    return (await this.#options.control.status(0)).services;
  }

  connections(): AsyncIterable<readonly ListedConnection[]> {
    return this.#options.control.connections();
  }

  async timeouts(): Promise<Timeouts> {
    return this.#options.control.running.timeouts;
  }

  async daemons(): Promise<readonly DaemonOptions[]> {
    return this.#daemons.list();
  }

  async startDaemon(options: DaemonOptions): Promise<Refusal | undefined> {
    const { network, log } = this.#options;
    this.#mtus = new Map((await network.links()).map(({ name, mtu }) => [name, mtu]));
    const refusal = this.#daemons.start(options);
    if (refusal !== undefined) return refusal;
    log.info({ daemon: options }, `the settings of the ${options.role} synchronisation daemon are kept`);
    if (!this.#hasSaidThatNothingIsSent) {
      this.#hasSaidThatNothingIsSent = true;
      log.warn({}, 'connections are not synchronised yet: the daemon is listed, but sends and takes nothing');
    }
    return undefined;
  }

  async stopDaemon(role: DaemonRole, syncId: number): Promise<Refusal | undefined> {
    const { log } = this.#options;
    const refusal = this.#daemons.stop(role, syncId);
    if (refusal === undefined) log.info({ role, syncId }, `the settings of the ${role} synchronisation daemon are dropped`);
    return refusal;
  }
}

/** What the data plane refuses, in the kernel's words; the log has its own. */
function refusalOf({ code }: UvsError): Refusal {
  return kernelRefusal(code === 'CAPACITY_EXCEEDED' ? KernelError.noMemory : KernelError.invalid);
}
