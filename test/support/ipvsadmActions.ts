/** The ipvsadm commands of recordings and tests as table actions, by the grammar of uvsadm, for tables in which they can be carried out. */
import type { TableAction } from '../../src/table/actions.ts';
import { Refusal } from '../../src/uvsadm/command.ts';
import { parseCommand } from '../../src/uvsadm/parseCommand.ts';
import { isTableCommand, toActions } from '../../src/uvsadm/toActions.ts';
import { NO_NAMES } from '../../src/uvsadm/values.ts';

const ABLE = { knowsScheduler: () => true, knowsPersistenceEngine: () => true };

/** `ipvsadm -a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 4 -x 12 -y 5` and the like. Throws on whatever is not one change of a table. */
export function actionOf(line: string): TableAction {
  const [program = '', ...words] = line.split(' ');
  const command = parseCommand(words, { program, names: NO_NAMES });
  if (program !== 'ipvsadm' || command instanceof Refusal || !isTableCommand(command)) throw new Error(`not known here: ${line}`);
  const tables = {
    serviceKeys: () => [],
    hasService: () => command.kind !== 'addService',
    hasDestination: () => command.kind !== 'addServer',
  };
  const actions = toActions(command, tables, ABLE);
  if (actions instanceof Refusal || actions.length !== 1) throw new Error(`not known here: ${line}`);
  return actions[0]!;
}
