/** Processes inside a lab's namespaces: started, watched for their first words, ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { UvsError } from '../base/errors.ts';

/** How long a process may take to say `ready`. */
const READY_TIMEOUT_MS = 10_000;
/** How long it may take to end after SIGTERM. */
const END_TIMEOUT_MS = 3000;
/** Characters of what it wrote that are kept for a message. */
const KEPT_TEXT = 4000;

export interface LabProcess {
  readonly pid: number;
  /** Lines of its standard output, for one reader; none when it writes to a log file. */
  readonly lines: AsyncIterableIterator<string>;
  /** The end of what it wrote to standard error, or to its log file. */
  lastWords(): string;
  /** Exit status, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** SIGTERM, then SIGKILL when that is not enough. Does nothing when it has ended. */
  stop(): Promise<void>;
  /** Lets our process end while this one goes on. */
  leaveRunning(): void;
}

/** A script of src/lab, or of a folder beside it, without extension: `.ts` in a checkout, `.js` in a package. */
export function labScript(name: string): string {
  return join(import.meta.dirname, name + extname(import.meta.filename));
}

/**
 * Starts `command` in a namespace, in a process group of its own, so that Ctrl-C reaches only us.
 * @param logFile gets what it writes; for processes that write much and have no reader
 */
export function startInNamespace(namespace: string, command: readonly string[], logFile?: string): LabProcess {
  const log = logFile === undefined ? undefined : openSync(logFile, 'a');
  const output = log ?? 'pipe';
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', output, output], detached: true });
  if (log !== undefined) closeSync(log);
  let errorText = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-KEPT_TEXT);
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('error', (error) => {
      errorText += error.message;
      resolve(-1);
    });
    // Not "exit": by "close" everything it wrote has arrived.
    child.on('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  return {
    pid: child.pid ?? 0,
    lines: child.stdout === null ? noLines() : createInterface({ input: child.stdout })[Symbol.asyncIterator](),
    lastWords: () => (logFile === undefined ? errorText : readFileSync(logFile, 'utf8').slice(-KEPT_TEXT)).trim(),
    ended,
    stop: () => stopChild(child, ended),
    leaveRunning() {
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
    },
  };
}

/** Starts a script of this folder with Node and waits for its line `ready`. Rejects with LAB_FAILED when it ends before. */
export async function startScript(namespace: string, script: string, args: readonly string[]): Promise<LabProcess> {
  const started = startInNamespace(namespace, [process.execPath, labScript(script), ...args]);
  const first = await Promise.race([started.lines.next(), delay(READY_TIMEOUT_MS, undefined, { ref: false })]);
  if (first !== undefined && first.done !== true && first.value === 'ready') return started;
  await started.stop();
  throw new UvsError('LAB_FAILED', `${script} in ${namespace} did not start: ${started.lastWords()}`);
}

async function* noLines(): AsyncGenerator<string, undefined> {}

async function stopChild(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
