/** Two hosts in network namespaces, each on a wire whose near end the test has, and programs that run there. */
import { spawn } from 'node:child_process';
import { ip, makeWire, RUN, type Wire } from './ioLinks.ts';

export interface Host {
  readonly namespace: string;
  /** The test's end of its wire. */
  readonly wire: Wire;
  readonly address: string;
  /** Runs a Python program there. @returns what it printed; rejects with what it complained about when it fails */
  python(program: string, ...words: readonly string[]): Promise<string>;
  remove(): void;
}

const PROGRAM_TIMEOUT_MS = 30_000;

/** @param number 1 to 9: the last byte of its address, in a network of 24 bits that this run has for itself */
export function makeHost(number: number): Host {
  const namespace = `uvsio${RUN}-${number}`;
  const address = `10.213.${process.pid % 256}.${number}`;
  removeNamespace(namespace);
  ip('netns', 'add', namespace);
  const wire = makeWire(`h${number}`);
  ip('link', 'set', wire.far, 'netns', namespace);
  ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', wire.far);
  ip('-n', namespace, 'link', 'set', wire.far, 'up');
  return {
    namespace,
    wire,
    address,
    python: (program, ...words) => run('ip', ['netns', 'exec', namespace, 'python3', '-c', program, ...words]),
    remove: () => {
      wire.remove();
      removeNamespace(namespace);
    },
  };
}

/** Runs a Python program in this namespace; as `Host.python`. */
export function runPython(program: string, ...words: readonly string[]): Promise<string> {
  return run('python3', ['-c', program, ...words]);
}

function removeNamespace(namespace: string): void {
  try {
    ip('netns', 'del', namespace);
  } catch {
    // It was not there.
  }
}

function run(command: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: PROGRAM_TIMEOUT_MS });
    let out = '';
    let complaints = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      complaints += text;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve(out.trim());
      else reject(new Error(`${command} ended with ${signal ?? status}: ${complaints}`));
    });
  });
}
