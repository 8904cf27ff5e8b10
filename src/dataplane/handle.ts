/**
 * The control side's hold on the data plane: starts the workers, applies actions to every one of them, adds up what they say, stops
 * them. The first worker, the leader, holds the kernel-side selector: it learns of a change last, so that the others know a service
 * before its frames come.
 */
import { native } from '../io/native.ts';
import type { TableAction } from '../table/actions.ts';
import { sharedLoadBytes } from '../table/sharedLoads.ts';
import { LoadSlots, loadSlotCount } from './loadSlots.ts';
import { mergeStatus } from './mergeStatus.ts';
import type { ConnectionEntry, DataPlaneStatus, WorkerOptions } from './messages.ts';
import { WorkerHandle } from './workerHandle.ts';
import { checkWorkers, refuseUnbalanced } from './workerLimits.ts';

export interface DataPlane {
  /** Applies the actions whole, between two bursts. Rejects with UvsError when one is refused; then none was applied. */
  apply(actions: readonly TableAction[]): Promise<void>;
  /** Replaces the addresses that belong to the host. */
  setLocalAddresses(addresses: readonly string[]): Promise<void>;
  /** @param connections how many connections to list at most; 0 = none */
  status(connections: number): Promise<DataPlaneStatus>;
  /**
   * Every connection and template, slice by slice: between two of them frames go on, and nothing is done for a slice that is not asked
   * for. May be left before the end. What comes or goes meanwhile may be missing.
   */
  connections(): AsyncIterable<readonly ConnectionEntry[]>;
  /** Closes the ports, detaches from the kernel, ends the worker. */
  stop(): Promise<void>;
  /** Resolves with undefined after `stop`, with the error when the worker died by itself. */
  readonly ended: Promise<Error | undefined>;
}

/** Starts the workers and waits until their ports are open. Rejects with UvsError (PORT_OPEN_FAILED and others). */
export async function startDataPlane(options: WorkerOptions): Promise<DataPlane> {
  // Fails here, with a hint, when the helper is not built.
  native();
  const { workers: count = 1 } = options;
  checkWorkers(options);
  const loads = count === 1 ? undefined : new SharedArrayBuffer(sharedLoadBytes(loadSlotCount(options.limits), count));
  const workers: WorkerHandle[] = [];
  try {
    const leader = new WorkerHandle(options, { index: 0, count, shared: undefined }, loads);
    workers.push(leader);
    const shared = await started(leader);
    for (let index = 1; index < count; index++) workers.push(new WorkerHandle(options, { index, count, shared }, loads));
    await Promise.all(workers.map(started));
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.stop()));
    throw error;
  }
  return count === 1 ? workers[0]! : new WorkerGroup(options, workers);
}

/** Resolves when the worker serves its ports; rejects when it ends before. */
async function started(worker: WorkerHandle) {
  const failed = worker.ended.then((error) => {
    throw error ?? new Error('the worker ended at once');
  });
  return await Promise.race([worker.ready, failed]);
}

class WorkerGroup implements DataPlane {
  readonly ended: Promise<Error | undefined>;
  readonly #options: WorkerOptions;
  readonly #leader: WorkerHandle;
  readonly #followers: readonly WorkerHandle[];
  readonly #loadSlots: LoadSlots;

  constructor(options: WorkerOptions, [leader, ...followers]: readonly WorkerHandle[]) {
    this.#options = options;
    this.#leader = leader!;
    this.#followers = followers;
    this.#loadSlots = new LoadSlots(loadSlotCount(options.limits));
    this.ended = this.#firstEnd();
  }

  /** All workers have the same tables, so what one refuses all refuse, and the first of them is asked alone. */
  async apply(actions: readonly TableAction[]): Promise<void> {
    refuseUnbalanced(this.#options, actions);
    const [first, ...others] = this.#followers;
    const slotted = this.#loadSlots.assign(actions);
    await first?.apply(slotted);
    await Promise.all(others.map((worker) => worker.apply(slotted)));
    await this.#leader.apply(slotted);
    this.#loadSlots.applied(slotted);
  }

  async setLocalAddresses(addresses: readonly string[]): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.setLocalAddresses(addresses)));
  }

  async status(connections: number): Promise<DataPlaneStatus> {
    return mergeStatus(await Promise.all(this.#all.map((worker) => worker.status(connections))), connections);
  }

  /** One worker after the other. */
  async *connections(): AsyncGenerator<readonly ConnectionEntry[]> {
    for (const worker of this.#all) yield* worker.connections();
  }

  /** The leader first: then the host has its frames again. */
  async stop(): Promise<void> {
    await this.#leader.stop();
    await Promise.all(this.#followers.map((worker) => worker.stop()));
  }

  get #all(): readonly WorkerHandle[] {
    return [this.#leader, ...this.#followers];
  }

  /** One dead worker would lose its share of the frames: the others end with it. */
  async #firstEnd(): Promise<Error | undefined> {
    const error = await Promise.race(this.#all.map((worker) => worker.ended));
    await this.stop();
    return error;
  }
}
