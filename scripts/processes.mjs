// Running other programs: quietly for set-up, in the foreground for the program that the person asked for.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { PROJECT } from './project.mjs';

/** A fault that is told to a person without a stack trace. */
export class SetupFault extends Error {}

const TAIL_LINES = 30;

/**
 * Runs a program and keeps what it says to itself.
 * @returns its exit code and its output, standard output and error together
 */
export function capture(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: PROJECT, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (cause) => reject(new SetupFault(`${command}: ${cause.message}`, { cause })));
    child.on('close', (code, signal) => {
      resolve({ code: code ?? 128 + (constants.signals[signal] ?? 0), output: Buffer.concat(chunks).toString() });
    });
  });
}

/** Runs a program that is expected to succeed; if it does not, the end of its output becomes the fault. */
export async function runQuietly(command, args, options = {}) {
  const { code, output } = await capture(command, args, options);
  if (code === 0) return output;
  const tail = output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  throw new SetupFault(`\`${command} ${args.join(' ')}\` ended with ${code}:\n${tail}`);
}

/** A Ctrl-C that npm passes on arrives within this time of the one from the terminal. */
const SAME_SIGNAL_MS = 1000;

/** True when Ctrl-C on the terminal reaches this whole process group, the child included, without our help. */
function isTerminalForeground() {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[2] === fields[5]; // process group, and the terminal's foreground group (proc(5): pgrp, tpgid)
  } catch {
    return process.stdin.isTTY === true;
  }
}

/**
 * Stands aside for a program as `exec` would: its streams are ours, signals go on to it, its end is ours.
 * A second copy of one Ctrl-C (from the terminal, from npm) is not passed on: many programs take it for "at once".
 * @returns the exit code, 128 + signal when a signal ended it
 */
export function runForeground(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    const lastAt = new Map();
    const forward = (signal) => {
      const now = Date.now();
      const seenBefore = lastAt.has(signal);
      const again = now - (lastAt.get(signal) ?? 0) < SAME_SIGNAL_MS;
      lastAt.set(signal, now);
      const reachedChild = signal !== 'SIGTERM' && !seenBefore && isTerminalForeground();
      if (!again && !reachedChild) child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.on('error', (cause) => reject(new SetupFault(`${command}: ${cause.message}`, { cause })));
    child.on('close', (code, signal) => {
      for (const name of signals) process.removeListener(name, forward);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/** Runs `main`, and tells a fault in one paragraph instead of a stack trace. */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (fault) {
    if (!(fault instanceof SetupFault)) throw fault;
    console.error(`uvs: ${fault.message}`);
    process.exitCode = 1;
  }
}
