/** The bench's C programs: compiled at first use into a folder of this run, and run with one line of result. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { commandLine } from '../../src/lab/namespaces.ts';

const SOURCES = join(import.meta.dirname, '..', 'native');
const FOLDER_PREFIX = 'uvsbench-';

/** A folder for the files of one run. */
export function makeFolder(): string {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${FOLDER_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && commandLine(Number(owner)) === '') rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  return mkdtempSync(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
}

/** @returns the path of the program. Throws when there is no compiler. */
export function compileTool(name: 'generator' | 'delay' | 'stall', folder: string): string {
  const program = join(folder, name);
  execFileSync('cc', ['-O2', '-o', program, join(SOURCES, `${name}.c`)], { stdio: ['ignore', 'ignore', 'pipe'] });
  return program;
}

export interface RunningTool {
  /** When it has printed its first line. */
  readonly sending: Promise<void>;
  /** Its last line; rejects with what it wrote to standard error. */
  readonly result: Promise<string>;
}

/** Starts a program that prints a line when it begins, and at its end another. @param command with its arguments */
export function startTool(command: readonly string[], timeoutMs: number): RunningTool {
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const sending = Promise.withResolvers<void>();
  let last = '';
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = line;
    sending.resolve();
  });
  const result = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      sending.resolve();
      if (code === 0) resolve(last);
      else reject(new Error(`${command[0]}: ${words.trim() || `ended with ${code}`}`));
    });
  });
  // Whoever waits for `sending` first must not be surprised by a rejection meanwhile.
  result.catch(() => {});
  return { sending: sending.promise, result };
}
