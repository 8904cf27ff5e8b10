/** Brings the tables of the data plane to what is desired. Everything that changes them goes through here, one change at a time. */
import type { DataPlane } from '../dataplane/handle.ts';
import { formatAction, type TableAction } from '../table/actions.ts';
import type { Log } from './log.ts';
import { planChanges } from './planChanges.ts';
import { EMPTY_TABLES, type Tables } from './tables.ts';

export class Reconciler {
  readonly #dataPlane: DataPlane;
  readonly #log: Log;
  #running: Tables = EMPTY_TABLES;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dataPlane: DataPlane, log: Log) {
    this.#dataPlane = dataPlane;
    this.#log = log;
  }

  /** What was applied last. */
  get running(): Tables {
    return this.#running;
  }

  /** @returns the actions that were applied; rejects with UvsError when the data plane refuses them, and then nothing has changed */
  bringTo(desired: Tables): Promise<readonly TableAction[]> {
    return this.change(() => desired);
  }

  /** As `bringTo`, from what runs when its turn has come. */
  change(desiredOf: (running: Tables) => Tables): Promise<readonly TableAction[]> {
    return this.#inTurn(async () => {
      const desired = desiredOf(this.#running);
      const actions = planChanges(this.#running, desired);
      await this.#apply(actions);
      this.#running = desired;
      return actions;
    });
  }

  /** Applies actions that are not in `Tables`: next hops, counters set to zero. */
  apply(actions: readonly TableAction[]): Promise<void> {
    return this.#inTurn(() => this.#apply(actions));
  }

  /** Resolves when everything that was asked for so far has been applied or refused. */
  async idle(): Promise<void> {
    await this.#last;
  }

  async #apply(actions: readonly TableAction[]): Promise<void> {
    if (actions.length === 0) return;
    await this.#dataPlane.apply(actions);
    for (const action of actions) this.#log.info({ action }, formatAction(action));
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const outcome = this.#last.then(change);
    this.#last = outcome.catch(() => undefined);
    return outcome;
  }
}
