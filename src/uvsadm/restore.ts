/**
 * `-R`: a command line per line of standard input, without quoting. Lines that change the tables are gathered and handed over together,
 * which nobody sees but by the time it takes. As in ipvsadm a refusal of the kernel or an unknown option is said and passed over, while
 * what is wrong with values and combinations, or cannot be listed, ends it; the last line gives the exit code.
 */
import { type Command, ExitCode, Refusal } from './command.ts';
import type { Output, UvsadmDirector } from './director.ts';
import { isTryHelp, tryHelp } from './messages.ts';
import { parseCommand, type Surroundings } from './parseCommand.ts';
import { isTableCommand, type TableCommand } from './toActions.ts';

/** Handed over at once. */
const COMMANDS_AT_ONCE = 1000;

export interface RestoreContext extends Surroundings {
  readonly director: UvsadmDirector;
  readonly output: Output;
  /** Any other command. */
  run(command: Command): Promise<ExitCode>;
}

export async function restore(input: string, context: RestoreContext): Promise<ExitCode> {
  const { program, output } = context;
  const batch = new Batch(context);
  let exitCode: ExitCode = ExitCode.done;
  for (const line of linesOf(input)) {
    const args = argumentsOf(line, program);
    if (args.length === 0) continue;
    const command = parseCommand(args, context);
    if (!(command instanceof Refusal) && isTableCommand(command)) {
      if (batch.add(command) >= COMMANDS_AT_ONCE) exitCode = await batch.end(exitCode);
      continue;
    }
    exitCode = await batch.end(exitCode);
    const refusal = command instanceof Refusal ? command : command.kind === 'restore' ? tryHelp(program) : undefined;
    if (refusal !== undefined) {
      await output.err(`${refusal.message}\n`);
      exitCode = refusal.exitCode;
      if (exitCode !== ExitCode.refused || isTryHelp(refusal)) return exitCode;
      continue;
    }
    exitCode = await context.run(command as Command);
    if (exitCode === ExitCode.listing || isLast(command as Command)) return exitCode;
  }
  return batch.end(exitCode);
}

/** Table commands on their way to the director. */
class Batch {
  readonly #context: RestoreContext;
  #commands: TableCommand[] = [];

  constructor(context: RestoreContext) {
    this.#context = context;
  }

  /** @returns how many wait */
  add(command: TableCommand): number {
    return this.#commands.push(command);
  }

  /** Hands over what waits and says what was refused. @returns the exit code of the last one, or `before` when nothing waited */
  async end(before: ExitCode): Promise<ExitCode> {
    if (this.#commands.length === 0) return before;
    const commands = this.#commands;
    this.#commands = [];
    const outcomes = await this.#context.director.change(commands);
    const said = outcomes.map((refusal) => (refusal === undefined ? '' : `${refusal.message}\n`)).join('');
    if (said !== '') await this.#context.output.err(said);
    return outcomes.at(-1)?.exitCode ?? ExitCode.done;
  }
}

/** `-h` and `-v` end the program. */
function isLast({ kind }: Command): boolean {
  return kind === 'help' || kind === 'version';
}

function* linesOf(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    yield text.slice(from, end === -1 ? undefined : end);
    from = end === -1 ? text.length : end + 1;
  }
}

/** The name of the program may stand before a line, and wherever else it stands it is not looked at, either. */
function argumentsOf(line: string, program: string): string[] {
  return line.split(/[ \t\r]+/).filter((word) => word !== '' && word !== 'ipvsadm' && word !== program);
}
