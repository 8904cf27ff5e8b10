/** Runs the commands of a recording against the rig: ipvsadm through the grammar of uvsadm, iptables as classification rules. */

import { UvsError } from '../../src/base/errors.ts';
import type { ClassificationRule } from '../../src/table/actions.ts';
import { Refusal } from '../../src/uvsadm/command.ts';
import { parseCommand } from '../../src/uvsadm/parseCommand.ts';
import { isTableCommand, toActions } from '../../src/uvsadm/toActions.ts';
import { NO_NAMES } from '../../src/uvsadm/values.ts';
import { markRule } from './markRules.ts';
import type { Rig } from './rig.ts';
import { ABILITIES, currentTables } from './tablesOfRig.ts';

/** What a command left behind. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stderr: string;
}

const DONE: CommandResult = { exitCode: 0, stderr: '' };

export class Shell {
  readonly #rig: Rig;
  readonly #rules: ClassificationRule[] = [];

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** @throws Error for a command that is not understood */
  run(command: string): CommandResult {
    const words = wordsOf(command);
    if (words[0] === 'ipvsadm') return this.#ipvsadm(words.slice(1), command);
    if (words[0]?.endsWith('tables-legacy')) {
      this.#rules.push(markRule(command));
      this.#rig.apply([{ kind: 'setClassification', rules: [...this.#rules] }]);
      return DONE;
    }
    throw new Error(`command not understood: ${command}`);
  }

  #ipvsadm(args: readonly string[], line: string): CommandResult {
    const command = parseCommand(args, { program: 'ipvsadm', names: NO_NAMES });
    if (command instanceof Refusal) return refused(command);
    if (!isTableCommand(command)) throw new Error(`command not understood here: ${line}`);
    if ('service' in command && command.service !== undefined && 'address' in command.service) {
      this.#rig.host.addLocal(command.service.address);
    }
    const actions = toActions(command, currentTables(this.#rig.director.state.tables), ABILITIES);
    if (actions instanceof Refusal) return refused(actions);
    try {
      this.#rig.apply(actions);
    } catch (error) {
      if (!(error instanceof UvsError)) throw error;
      return { exitCode: 255, stderr: `${error.message}\n` };
    }
    return DONE;
  }
}

/** The words of a line; double quotes hold a word together. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

function refused({ exitCode, message }: Refusal): CommandResult {
  return { exitCode, stderr: `${message}\n` };
}
