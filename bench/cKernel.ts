/** The C programs of bench/c: compiled once per process into a temporary folder, and run. They are the limit that figures stand beside. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SOURCES = join(import.meta.dirname, 'c');
/** Without -march=native, so that a binary is what a distribution would ship. */
const FLAGS = ['-O2', '-Wall', '-std=gnu11'];
const COMPILERS = ['cc', 'gcc', 'clang'];
const COMPILE_LIMIT_MS = 60_000;
const RUN_LIMIT_MS = 120_000;

/** What the pipeline program is asked for. */
export interface CKernelOptions {
  readonly method: 'nat' | 'dr' | 'tun';
  readonly connections: number;
  /** Whether each of the 4096 slots of the ring has one connection for ever, or (unless said) each frame a new one at random. */
  readonly draw?: 'once' | 'always';
  /** Of one frame with its check sequence, as packets are counted: 64 to 1518; the frame in memory has 4 less. */
  readonly bytes: number;
  /** Processed in all; rounded up to whole rings of 4096. */
  readonly frames: number;
  /** The table in huge pages, where the host gives some. */
  readonly huge?: boolean;
  readonly signal?: AbortSignal;
}

const compiled = new Map<string, Promise<string | undefined>>();
let folder: string | undefined;

/** Path of the compiled program that does per frame what the engine does; undefined when this machine has no C compiler. */
export function compileCKernel(): Promise<string | undefined> {
  return compile('pipeline');
}

/**
 * Path of the program compiled from `bench/c/NAME.c`; undefined when this machine has no C compiler.
 * @throws when a compiler is there and refuses the source
 */
export function compile(name: string): Promise<string | undefined> {
  const known = compiled.get(name);
  if (known !== undefined) return known;
  const compiling = compileAnew(name);
  compiled.set(name, compiling);
  return compiling;
}

/** One run of the pipeline program. @returns nanoseconds per frame */
export async function runCKernel(binary: string, options: CKernelOptions): Promise<number> {
  const { method, connections, draw = 'always', bytes, frames, huge, signal } = options;
  const numbers = ['--connections', `${connections}`, '--bytes', `${bytes}`, '--frames', `${frames}`];
  const words = ['--method', method, '--draw', draw, '--huge', huge === true ? '1' : '0'];
  const output = await runC(binary, [...words, ...numbers], signal);
  return Number(output);
}

/** Standard output of a compiled program. */
export async function runC(binary: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const limits = { timeout: RUN_LIMIT_MS, ...(signal === undefined ? {} : { signal }) };
  const { stdout } = await run(binary, args, limits);
  return stdout;
}

async function compileAnew(name: string): Promise<string | undefined> {
  const target = join(workFolder(), name);
  for (const compiler of COMPILERS) {
    try {
      await run(compiler, [...FLAGS, '-o', target, join(SOURCES, `${name}.c`)], { timeout: COMPILE_LIMIT_MS });
      return target;
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'ENOENT') throw fault;
    }
  }
  return undefined;
}

/** Made at first use, removed when the process ends. */
function workFolder(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), 'uvs-bench-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}
