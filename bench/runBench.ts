/** `npm run bench`: runs the suites one after another and reports what they found. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type BenchArguments, HELP, parseArguments } from './arguments.ts';
import { describeMachine, readMachine } from './machine.ts';
import { makeReport, type Report, reportAsJson } from './report.ts';
import { reportAsHtml } from './reportHtml.ts';
import { reportAsText } from './reportText.ts';
import { runSuite, type SuiteRun } from './suites.ts';

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const options = parseArguments(args);
  if (typeof options === 'string') return refuse(options);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  for (const file of [options.json, options.html]) {
    if (file !== undefined && !existsSync(dirname(resolve(file)))) return refuse(`there is no folder for ${file}`);
  }
  const started = new Date();
  const machine = readMachine();
  const progress = progressFrom(started.getTime());
  progress(describeMachine(machine));
  const runs = await runSuites(options, progress);
  const report = makeReport(options, machine, started, runs);
  process.stdout.write(reportAsText(report));
  writeReport(options, report);
  return runs.some(({ state }) => state === 'broke') ? 1 : 0;
}

/** A wrong command line. */
function refuse(text: string): number {
  process.stderr.write(`bench: ${text}\nTry: npm run bench -- --help\n`);
  return 2;
}

/** Runs them in order. The first Ctrl-C lets the running suite clean up; the second ends at once. */
async function runSuites(
  { suites, quick, peers }: BenchArguments,
  progress: (line: string) => void,
): Promise<readonly SuiteRun[]> {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    progress('interrupted: ending with what was measured; again ends at once');
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const runs: SuiteRun[] = [];
  for (const suite of suites) {
    progress(`${suite} begins`);
    const run = await runSuite(suite, { quick, peers, progress, signal: controller.signal });
    progress(`${suite} ${run.state}${run.reason === '' ? '' : `: ${run.reason}`} (${run.seconds.toFixed(1)} s)`);
    runs.push(run);
  }
  process.off('SIGINT', interrupt);
  process.off('SIGTERM', interrupt);
  return runs;
}

function writeReport({ json, html }: BenchArguments, report: Report): void {
  if (json !== undefined) writeFileSync(json, reportAsJson(report));
  if (html !== undefined) writeFileSync(html, reportAsHtml(report));
}

/** Lines on standard error, each with the seconds since the start. */
function progressFrom(startMs: number): (line: string) => void {
  return (line) => process.stderr.write(`${((Date.now() - startMs) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
}

process.exitCode = await main(process.argv.slice(2));
