/** The rig as a director of uvsadm's: its commands change the rig's tables, its listings show them. */
import { UvsError } from '../../src/base/errors.ts';
import { NONE } from '../../src/base/terms.ts';
import { nextRow, readSlice, SLICE_BYTES, writeSlice } from '../../src/dataplane/connectionSlice.ts';
import { snapshot } from '../../src/dataplane/snapshot.ts';
import type { Timeouts } from '../../src/table/actions.ts';
import { type DaemonOptions, type DaemonRole, Refusal } from '../../src/uvsadm/command.ts';
import { Daemons } from '../../src/uvsadm/daemons.ts';
import type { ListedConnection, ListedService, Output, ReverseNames, UvsadmDirector } from '../../src/uvsadm/director.ts';
import { KernelError, kernelRefusal } from '../../src/uvsadm/messages.ts';
import { runUvsadm } from '../../src/uvsadm/runUvsadm.ts';
import { type TableCommand, toActions } from '../../src/uvsadm/toActions.ts';
import type { Names } from '../../src/uvsadm/values.ts';
import { nameOfPort, portOfName } from './portNames.ts';
import type { Rig } from './rig.ts';
import { ABILITIES, currentTables } from './tablesOfRig.ts';

/** Rows of the kernel's connection table: CONFIG_IP_VS_TAB_BITS=12. */
const TABLE_SIZE = 4096;
/** Interfaces of the recording machine's director. */
const MTUS: ReadonlyMap<string, number> = new Map([
  ['lo', 65_536],
  ['d0', 1500],
  ['r0', 1500],
]);

export class RigDirector implements UvsadmDirector {
  readonly tableSize = TABLE_SIZE;
  readonly #rig: Rig;
  readonly #daemons = new Daemons((name) => MTUS.get(name));
  #timeouts: Timeouts = { tcp: 900, tcpFin: 120, udp: 300 };

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  async change(commands: readonly TableCommand[]): Promise<readonly (Refusal | undefined)[]> {
    return commands.map((command) => this.#change(command));
  }

  /** Totals as of the last sample of the estimator, for that is what the kernel shows. */
  async services(): Promise<readonly ListedService[]> {
    const { state } = this.#rig.director;
    const { traffic } = state.tables;
    const now = state.clock.now();
    traffic.estimate(now, false);
    const { services } = snapshot(state, [], 0);
    traffic.estimate(now, true);
    return services;
  }

  async *connections(): AsyncGenerator<readonly ListedConnection[]> {
    const { state } = this.#rig.director;
    const buffer = new ArrayBuffer(SLICE_BYTES);
    for (let from = 0; from !== NONE; from = nextRow(buffer)) {
      writeSlice(state, from, buffer, state.clock);
      yield readSlice(buffer);
    }
  }

  async timeouts(): Promise<Timeouts> {
    return this.#timeouts;
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

  #change(command: TableCommand): Refusal | undefined {
    if ('service' in command && command.service !== undefined && 'address' in command.service) {
      this.#rig.host.addLocal(command.service.address);
    }
    const actions = toActions(command, currentTables(this.#rig.director.state.tables), ABILITIES);
    if (actions instanceof Refusal) return actions;
    try {
      this.#rig.apply(actions);
    } catch (error) {
      if (!(error instanceof UvsError)) throw error;
      return kernelRefusal(KernelError.invalid);
    }
    if (command.kind === 'setTimeouts') this.#timeouts = withoutZeros(command.timeouts, this.#timeouts);
    return undefined;
  }
}

/** What a command line left behind. */
export interface LineResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const HOSTS: Readonly<Record<string, number>> = { localhost: 0x7f000001, 'ip6-localhost': 0x7f000001 };
const HOST_NAMES: Readonly<Record<string, string>> = { '127.0.0.1': 'localhost', '::1': 'localhost' };
const NAMES: Names = { host: (name) => HOSTS[name], servicePort: portOfName };

/** Names of addresses beside the machine's own. */
export type HostNames = Readonly<Record<string, string>>;

export interface LineSurroundings {
  /** What stands on standard input. */
  readonly input?: string;
  readonly hosts?: HostNames;
}

/** A command line of ipvsadm, with its quirks. @param args without the program's name */
export async function runLine(
  args: readonly string[],
  director: UvsadmDirector,
  { input = '', hosts = {} }: LineSurroundings = {},
): Promise<LineResult> {
  let [stdout, stderr] = ['', ''];
  const output: Output = {
    out: async (text) => {
      stdout += text;
    },
    err: async (text) => {
      stderr += text;
    },
  };
  const reverseNames: ReverseNames = { hostOf: async (address) => hosts[address] ?? HOST_NAMES[address], serviceOf: nameOfPort };
  const run = { args, program: 'ipvsadm', input, names: NAMES, reverseNames, compat: true };
  const exitCode = await runUvsadm(run, director, output);
  return { exitCode, stdout, stderr };
}

function withoutZeros({ tcp, tcpFin, udp }: Timeouts, old: Timeouts): Timeouts {
  return { tcp: tcp || old.tcp, tcpFin: tcpFin || old.tcpFin, udp: udp || old.udp };
}
