/** A data plane that only remembers what it was told. */
import { UvsError } from '../../src/base/errors.ts';
import type { DataPlaneStatus } from '../../src/control/directorStatus.ts';
import { EMPTY_TABLES, type Tables } from '../../src/control/tables.ts';
import type { DataPlane } from '../../src/dataplane/handle.ts';
import type { ConnectionEntry } from '../../src/dataplane/messages.ts';
import { formatAction, type TableAction } from '../../src/table/actions.ts';
import { applied } from './tablesModel.ts';

const NO_TRAFFIC = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };

export class FakeDataPlane implements DataPlane {
  /** Every applied action as a line. */
  readonly lines: string[] = [];
  tables: Tables = EMPTY_TABLES;
  localAddresses: readonly string[] = [];
  isStopped = false;
  /** Of every listing of connections. */
  slices: readonly (readonly ConnectionEntry[])[] = [];
  /** Refuse the next call of `apply` with this message. */
  refuseNext: string | undefined;
  /** Ends as a worker does that dies by itself. */
  readonly die: (error: Error) => void;
  readonly ended: Promise<Error | undefined>;
  readonly #end: (error: Error | undefined) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.ended = promise;
    this.die = resolve;
    this.#end = resolve;
  }

  async apply(actions: readonly TableAction[]): Promise<void> {
    if (this.refuseNext !== undefined) {
      const message = this.refuseNext;
      this.refuseNext = undefined;
      throw new UvsError('CAPACITY_EXCEEDED', message);
    }
    this.tables = applied(this.tables, actions);
    this.lines.push(...actions.map(formatAction));
  }

  async setLocalAddresses(addresses: readonly string[]): Promise<void> {
    this.localAddresses = addresses;
  }

  async status(connections: number): Promise<DataPlaneStatus> {
    return {
      ports: [],
      services: [],
      connections: { count: connections, capacity: 1024, list: [] },
      traffic: NO_TRAFFIC,
      rates: NO_TRAFFIC,
      counters: {},
    };
  }

  async *connections(): AsyncGenerator<readonly ConnectionEntry[]> {
    yield* this.slices;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.#end(undefined);
  }
}
