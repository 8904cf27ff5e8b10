/** One command line of uvsadm from words to text and exit code. */
import { assert } from '../base/assert.ts';
import { type Command, ExitCode, Refusal } from './command.ts';
import type { Output, ReverseNames, UvsadmDirector } from './director.ts';
import { helpText, versionLine } from './helpText.ts';
import { writeListing, writeSaved } from './listing.ts';
import { parseCommand } from './parseCommand.ts';
import { restore } from './restore.ts';
import { isTableCommand } from './toActions.ts';
import type { Names } from './values.ts';

export interface UvsadmRun {
  /** Without the program's name. */
  readonly args: readonly string[];
  /** As the program was called: `ipvsadm`, `uvsadm`; its messages follow the name. */
  readonly program: string;
  /** Of `-R`: what stands on standard input. */
  readonly input: string;
  readonly names: Names;
  readonly reverseNames: ReverseNames;
  /** As if every listing had `--compat`. Default false. */
  readonly compat?: boolean;
}

/** @returns the exit code; what there is to say has been written to `output` by then */
export async function runUvsadm(run: UvsadmRun, director: UvsadmDirector, output: Output): Promise<ExitCode> {
  const command = parseCommand(run.args, run);
  if (command instanceof Refusal) return refused(command, output);
  if (command.kind !== 'restore') return runCommand(command, run, director, output);
  const { program, names } = run;
  const each = (line: Command): Promise<ExitCode> => runCommand(line, run, director, output);
  return restore(run.input, { program, names, director, output, run: each });
}

async function runCommand(command: Command, run: UvsadmRun, director: UvsadmDirector, output: Output): Promise<ExitCode> {
  if (isTableCommand(command)) {
    const [refusal] = await director.change([command]);
    return refused(refusal, output);
  }
  const context = { director, output, reverseNames: run.reverseNames };
  const compat = run.compat === true;
  switch (command.kind) {
    case 'list':
      return writeListing({ ...command.options, compat: compat || command.options.compat }, context);
    case 'save':
      await writeSaved({ ...command.options, compat: compat || command.options.compat }, context);
      return ExitCode.done;
    case 'startDaemon':
      return refused(await director.startDaemon(command.options), output);
    case 'stopDaemon':
      return refused(await director.stopDaemon(command.role, command.syncId), output);
    case 'help':
      await output.out(helpText(run.program));
      return ExitCode.done;
    case 'version':
      await output.out(versionLine(run.program));
      return ExitCode.done;
    case 'restore':
      assert(false, 'a restore does not stand in another');
  }
}

/** Says what there is to say. */
async function refused(refusal: Refusal | undefined, output: Output): Promise<ExitCode> {
  if (refusal === undefined) return ExitCode.done;
  await output.err(`${refusal.message}\n`);
  return refusal.exitCode;
}
