/**
 * Plays recorded command lines (schema cmdline-1): each on tables of its own that the same commands have filled, for its exit code, its
 * text, and what it left behind.
 */
import type { Ledger } from './ledger.ts';
import type { CommandLineRecording, CommandLineResult } from './recording.ts';
import { Rig } from './rig.ts';
import { type LineResult, RigDirector, runLine } from './rigDirector.ts';
import { wordsOf } from './shell.ts';
import { compareText, comparisonFor } from './textComparison.ts';

const ROOM = 16;

export async function playCommandLines(recording: CommandLineRecording, ledger: Ledger): Promise<void> {
  const { base_commands: commands, base_Sn: saved, results } = recording;
  const director = await directorAfter(commands, ledger);
  ledger.check('base_Sn', saved, await savedBy(director));
  for (const [i, result] of results.entries()) await playLine(i, result, recording, ledger);
}

async function playLine(i: number, result: CommandLineResult, recording: CommandLineRecording, ledger: Ledger): Promise<void> {
  const { cmd, rc, stdout, stderr } = result;
  const director = await directorAfter(recording.base_commands, ledger);
  const step = `line ${i}: ${cmd}`;
  const { args, got } = await run(cmd, result.stdin, director);
  compareText(step, comparisonFor(args).kind, { exitCode: rc, stdout, stderr }, got, ledger);
  const [saved, daemons] = [await savedBy(director), (await runLine(['-L', '--daemon'], director)).stdout];
  ledger.check(`${step}: after_Sn`, result.after_Sn ?? recording.base_Sn, saved);
  ledger.check(`${step}: after_daemon`, result.after_daemon ?? '', daemons);
  ledger.check(`${step}: changed`, result.changed, saved !== recording.base_Sn || daemons !== '');
  if (result.after_timeout === undefined) return;
  ledger.check(`${step}: after_timeout`, result.after_timeout, (await runLine(['-L', '--timeout'], director)).stdout);
}

/** The wrappers that Debian ships are a line or two of shell around ipvsadm. */
async function run(
  line: string,
  stdin: string | undefined,
  director: RigDirector,
): Promise<{ readonly args: readonly string[]; readonly got: LineResult }> {
  const [program = '', ...words] = wordsOf(line);
  if (program === 'ipvsadm') return { args: words, got: await runLine(words, director, { input: stdin ?? '' }) };
  if (program === 'ipvsadm-save') return { args: words, got: await runLine(['-S', ...words], director) };
  if (program !== 'ipvsadm-restore' || words.length > 0) throw new Error(`command not understood: ${line}`);
  await runLine(['-C'], director);
  const lines = (stdin ?? '').split('\n').filter((text) => !text.startsWith('#'));
  return { args: words, got: await runLine(['-R'], director, { input: lines.join('\n') }) };
}

async function directorAfter(commands: readonly string[], ledger: Ledger): Promise<RigDirector> {
  const director = new RigDirector(new Rig({ connections: ROOM }));
  for (const command of commands) {
    const { exitCode, stderr } = await runLine(wordsOf(command).slice(1), director);
    if (exitCode !== 0) ledger.fail(`base: ${command}`, 'exit code 0', `${exitCode} ${stderr}`);
  }
  return director;
}

async function savedBy(director: RigDirector): Promise<string> {
  return (await runLine(['-S', '-n'], director)).stdout;
}
