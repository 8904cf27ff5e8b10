/** Brings the tables of the data plane to what is desired. Everything that changes them goes through here, one change at a time. */
import { UvsError } from '../base/errors.ts';
import type { DataPlane } from '../dataplane/handle.ts';
import { formatAction, type TableAction } from '../table/actions.ts';
import type { Log } from './log.ts';
import { planChanges } from './planChanges.ts';
import { EMPTY_TABLES, type Tables } from './tables.ts';
import { TablesDraft } from './tablesDraft.ts';

/** One of many changes: what it does to the tables that those before it leave, or why it does nothing. Asked twice, it says the same. */
export type Change<Refused> = (tables: TablesDraft) => readonly TableAction[] | Refused;

/**
 * Actions of one message: enough that ten thousand changes take few, for each costs a look at all tables; few enough that frames do not
 * wait long for it.
 */
const BATCH_ACTIONS = 1000;

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

  /**
   * Many changes in one turn, each whole or not at all; one that is refused stops nobody.
   * @returns for each why it did nothing: its own reason, or the data plane's; undefined when it was made
   */
  changeEach<Refused extends object>(changes: readonly Change<Refused>[]): Promise<(Refused | UvsError | undefined)[]> {
    return this.#inTurn(async () => {
      const outcomes: (Refused | UvsError | undefined)[] = [];
      while (outcomes.length < changes.length) {
        const { reasons, actions, tables } = this.#batch(changes.slice(outcomes.length));
        try {
          await this.#apply(actions);
          this.#running = tables;
          outcomes.push(...reasons);
        } catch (error) {
          if (!(error instanceof UvsError)) throw error;
          const batch = changes.slice(outcomes.length, outcomes.length + reasons.length);
          outcomes.push(...(await this.#oneByOne(batch)));
        }
      }
      return outcomes;
    });
  }

  /** Applies actions that are not in `Tables`: next hops, counters set to zero. @param actionsNow asked when their turn has come */
  apply(actionsNow: () => readonly TableAction[]): Promise<void> {
    return this.#inTurn(() => this.#apply(actionsNow()));
  }

  /** Resolves when everything that was asked for so far has been applied or refused. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** As many of the changes as fit into one message; `tables` is what they would leave. */
  #batch<Refused extends object>(changes: readonly Change<Refused>[]) {
    const draft = new TablesDraft(this.#running);
    const actions: TableAction[] = [];
    const reasons: (Refused | undefined)[] = [];
    for (const change of changes) {
      if (actions.length >= BATCH_ACTIONS) break;
      const judged = change(draft);
      reasons.push(isRefused(judged) ? judged : undefined);
      if (isRefused(judged)) continue;
      for (const action of judged) draft.apply(action);
      actions.push(...judged);
    }
    return { reasons, actions, tables: draft.tables };
  }

  /** When the data plane has refused all together: which of them does it refuse? */
  async #oneByOne<Refused extends object>(changes: readonly Change<Refused>[]): Promise<(Refused | UvsError | undefined)[]> {
    const draft = new TablesDraft(this.#running);
    const outcomes: (Refused | UvsError | undefined)[] = [];
    for (const change of changes) {
      const judged = change(draft);
      const refused = isRefused(judged) ? judged : await this.#refusalOf(judged);
      outcomes.push(refused);
      if (refused !== undefined || isRefused(judged)) continue;
      for (const action of judged) draft.apply(action);
      this.#running = draft.tables;
    }
    return outcomes;
  }

  async #refusalOf(actions: readonly TableAction[]): Promise<UvsError | undefined> {
    try {
      await this.#apply(actions);
      return undefined;
    } catch (error) {
      if (error instanceof UvsError) return error;
      throw error;
    }
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

function isRefused<Refused extends object>(judged: readonly TableAction[] | Refused): judged is Refused {
  return !Array.isArray(judged);
}
