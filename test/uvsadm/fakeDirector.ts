/** A director that keeps tables and shows what it is told of traffic, and a command line run on it. */
import type { DestinationKey, Timeouts } from '../../src/table/actions.ts';
import { formatDestinationKey, formatServiceKey } from '../../src/table/actions.ts';
import { type DaemonOptions, type DaemonRole, Refusal } from '../../src/uvsadm/command.ts';
import { Daemons } from '../../src/uvsadm/daemons.ts';
import type { ListedConnection, ListedService, ReverseNames, Traffic, UvsadmDirector } from '../../src/uvsadm/director.ts';
import { runUvsadm } from '../../src/uvsadm/runUvsadm.ts';
import { type TableCommand, toActions } from '../../src/uvsadm/toActions.ts';
import { NO_NAMES } from '../../src/uvsadm/values.ts';
import { TablesModel } from './tablesModel.ts';

export const NO_TRAFFIC: Traffic = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };

/** What is shown of a service, or of a real server of any. */
export interface Shown {
  readonly traffic?: Traffic;
  readonly rates?: Traffic;
  readonly activeConnections?: number;
  readonly inactiveConnections?: number;
  readonly persistentClients?: number;
}

export class FakeDirector implements UvsadmDirector {
  readonly tableSize = 4096;
  readonly tables = new TablesModel();
  /** By `formatServiceKey` and `formatDestinationKey`. */
  readonly shown = new Map<string, Shown>();
  readonly slices: (readonly ListedConnection[])[] = [];
  /** How many commands came at once. */
  readonly batches: number[] = [];
  readonly #daemons = new Daemons((name) => (name === 'eth0' ? 1500 : undefined));

  async change(commands: readonly TableCommand[]): Promise<readonly (Refusal | undefined)[]> {
    this.batches.push(commands.length);
    return commands.map((command) => {
      const actions = toActions(command, this.tables, this.tables);
      if (actions instanceof Refusal) return actions;
      this.tables.apply(actions);
      return undefined;
    });
  }

  async services(): Promise<readonly ListedService[]> {
    return this.tables.services.map(({ key, settings, destinations }) => ({
      ...{ key, settings, traffic: NO_TRAFFIC, rates: NO_TRAFFIC, ...this.#shownOf(formatServiceKey(key)) },
      // The one added last comes first.
      destinations: destinations.toReversed().map((server) => ({
        ...{ ...server, traffic: NO_TRAFFIC, rates: NO_TRAFFIC },
        ...{ activeConnections: 0, inactiveConnections: 0, persistentClients: 0 },
        ...this.#shownOf(formatDestinationKey(server.key)),
      })),
    }));
  }

  async *connections(): AsyncGenerator<readonly ListedConnection[]> {
    yield* this.slices;
  }

  async timeouts(): Promise<Timeouts> {
    return this.tables.currentTimeouts;
  }

  async daemons(): Promise<readonly DaemonOptions[]> {
    return this.#daemons.list();
  }

  async startDaemon(options: DaemonOptions): Promise<Refusal | undefined> {
    return this.#daemons.start(options);
  }

  async stopDaemon(role: DaemonRole, syncId: number): Promise<Refusal | undefined> {
    return this.#daemons.stop(role, syncId);
  }

  #shownOf(name: string): Shown {
    return this.shown.get(name) ?? {};
  }
}

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  /** Pieces in which `out` came. */
  readonly pieces: number;
}

/** Runs a line of words without quoting. @param names by address, and by `port protocol` */
export async function run(
  line: string,
  director: UvsadmDirector,
  { input = '', names = {} }: { readonly input?: string; readonly names?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  const texts: { out: string[]; err: string[] } = { out: [], err: [] };
  const output = {
    out: async (text: string) => void texts.out.push(text),
    err: async (text: string) => void texts.err.push(text),
  };
  const reverseNames: ReverseNames = {
    hostOf: async (address) => names[address],
    serviceOf: (port, protocol) => names[`${port} ${protocol}`],
  };
  const args = line.split(' ').filter((word) => word !== '');
  const exitCode = await runUvsadm({ args, program: 'uvsadm', input, names: NO_NAMES, reverseNames }, director, output);
  return { exitCode, out: texts.out.join(''), err: texts.err.join(''), pieces: texts.out.length };
}

/** A director after these lines, each of which must be taken. */
export async function directorAfter(...lines: readonly string[]): Promise<FakeDirector> {
  const director = new FakeDirector();
  for (const line of lines) {
    const { exitCode, err } = await run(line, director);
    if (exitCode !== 0) throw new Error(`${line}: ${err}`);
  }
  return director;
}

/** `10.0.0.1:80` */
export function endpoint(address: string, port: number): DestinationKey {
  return { address, port };
}
