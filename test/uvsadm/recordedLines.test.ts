/**
 * Command lines that the real ipvsadm was given, one after the other on the same tables: the grammar must refuse each that it refused,
 * with the same words and exit code, and make of each other the same change. Recorded with the project's copy of the recordings
 * (B_ipvsadm), and with questions put to the real kernel since (U_cmdline).
 */
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/uvsadm/command.ts';
import { parseCommand, type Surroundings } from '../../src/uvsadm/parseCommand.ts';
import { isTableCommand, toActions } from '../../src/uvsadm/toActions.ts';
import { wordsOf } from '../conformance/shell.ts';
import { readGolden } from '../support/golden.ts';
import { TablesModel } from './tablesModel.ts';

interface Result {
  readonly cmd: string;
  readonly rc: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly after_Sn?: string;
  readonly after_timeout?: string;
}

interface CommandLines {
  readonly base_commands: readonly string[];
  readonly base_Sn: string;
  readonly results: readonly Result[];
}

/** What the recording machine knew by name. */
const HOSTS: Readonly<Record<string, number>> = { localhost: 0x7f000001, 'ip6-localhost': 0x7f000001 };
const PORTS: Readonly<Record<string, number>> = { 'http tcp': 80, 'domain tcp': 53, 'domain udp': 53 };
const SURROUNDINGS: Surroundings = {
  program: 'ipvsadm',
  names: { host: (name) => HOSTS[name], servicePort: (name, protocol) => PORTS[`${name} ${protocol}`] },
};
/** What the kernel says of commands that change no table. */
const OTHER_REFUSALS = ['No such device\n', 'No daemon is running\n'];

/** The tables after some commands; all of them must be taken. */
function tablesAfter(commands: readonly string[]): TablesModel {
  const tables = new TablesModel();
  for (const command of commands) expect(run(command, tables), command).toBe('0 ');
  return tables;
}

/** @returns exit code and standard error, `0 ` for what is no change of the tables */
function run(line: string, tables: TablesModel): string {
  const command = parseCommand(wordsOf(line).slice(1), SURROUNDINGS);
  const refusal = command instanceof Refusal ? command : isTableCommand(command) ? undefined : 'other';
  if (refusal === 'other') return '0 ';
  if (refusal !== undefined) return `${refusal.exitCode} ${refusal.message}\n`;
  const actions = toActions(command as Parameters<typeof toActions>[0], tables);
  if (actions instanceof Refusal) return `${actions.exitCode} ${actions.message}\n`;
  tables.apply(actions);
  return '0 ';
}

/** Lines of `ipvsadm -Sn` as commands. A mark above 2^31 is saved as a negative number, which no ipvsadm reads back. */
function saved(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => `ipvsadm ${line.replace(/-f -(\d+)/, (_, mark: string) => `-f ${2 ** 32 - Number(mark)}`)}`);
}

describe.each(['B_ipvsadm/p_cmdline.json', 'U_cmdline/p_grammar.json', 'U_cmdline/p_addresses.json'])('%s', (file) => {
  const recording = readGolden<CommandLines>(file);
  // What reads standard input is for whoever restores.
  const results = recording.results.filter(({ cmd }) => !cmd.startsWith('ipvsadm-') && cmd !== 'ipvsadm -R');

  test('the commands before make the tables that were saved', () => {
    expect(tablesAfter(recording.base_commands).saved()).toEqual(tablesAfter(saved(recording.base_Sn)).saved());
  });

  test.each(results)('$cmd', (result) => {
    const tables = tablesAfter(recording.base_commands);
    const got = run(result.cmd, tables);
    const isListing = result.rc === 1 || OTHER_REFUSALS.includes(result.stderr);
    expect(got).toBe(isListing ? '0 ' : `${result.rc} ${result.stderr}`);
    expect(tables.saved()).toEqual(tablesAfter(saved(result.after_Sn ?? recording.base_Sn)).saved());
    if (result.after_timeout !== undefined) expect(tables.timeouts()).toBe(result.after_timeout);
  });
});
