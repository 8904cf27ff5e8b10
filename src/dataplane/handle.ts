/** The control side's hold on the data plane: starts the worker, applies actions, reads its state, stops it. */
import type { TableAction } from '../table/actions.ts';
import type { DataPlaneStatus, WorkerOptions } from './messages.ts';

export interface DataPlane {
  /** Applies the actions whole, between two bursts. Rejects with UvsError when one is refused; then none was applied. */
  apply(actions: readonly TableAction[]): Promise<void>;
  /** Replaces the addresses that belong to the host. */
  setLocalAddresses(addresses: readonly string[]): Promise<void>;
  /** @param connections how many connections to list at most; 0 = none */
  status(connections: number): Promise<DataPlaneStatus>;
  /** Closes the ports, detaches from the kernel, ends the worker. */
  stop(): Promise<void>;
  /** Resolves with undefined after `stop`, with the error when the worker died by itself. */
  readonly ended: Promise<Error | undefined>;
}

/** Starts a worker and waits until its ports are open. Rejects with UvsError (PORT_OPEN_FAILED and others). */
export async function startDataPlane(_options: WorkerOptions): Promise<DataPlane> {
  throw new Error('the worker is being built');
}
