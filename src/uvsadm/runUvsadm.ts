/** One command line of uvsadm from words to text and exit code. */
import type { ExitCode } from './command.ts';
import type { Output, ReverseNames, UvsadmDirector } from './director.ts';
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
}

/** @returns the exit code; what there is to say has been written to `output` by then */
export async function runUvsadm(run: UvsadmRun, director: UvsadmDirector, output: Output): Promise<ExitCode> {
  throw new Error(`not built yet: ${run.program} ${String(director.tableSize)} ${typeof output}`);
}
