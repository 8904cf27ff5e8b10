/** The machine's network namespaces, by the `ip` command: run lines, list, find processes, remove. Needs root and Linux. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { UvsError } from '../base/errors.ts';

/** Where iproute2 keeps the names. */
const NAMESPACE_FOLDER = '/var/run/netns';
/** Longest that one `ip` command may take. */
const COMMAND_TIMEOUT_MS = 10_000;
/** How long processes have to end by themselves before they are killed. */
const END_TIMEOUT_MS = 1500;

/** Why this machine cannot hold a lab; undefined when it can. */
export function labObstacle(): UvsError | undefined {
  if (process.platform !== 'linux') return new UvsError('NOT_LINUX', 'network namespaces need Linux');
  if (process.getuid?.() !== 0) return new UvsError('NOT_ROOT', 'network namespaces need root');
  return undefined;
}

/** Runs `ip` and gives back what it printed. Rejects with LAB_FAILED, or TOOL_MISSING when there is no `ip`. */
export function runIp(args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', args, { timeout: COMMAND_TIMEOUT_MS, maxBuffer: 1 << 22 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT')
        reject(new UvsError('TOOL_MISSING', 'no `ip` command', { hint: 'apt-get install iproute2' }));
      else reject(new UvsError('LAB_FAILED', `ip ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
    });
    // A command that failed early has closed its end; its exit status says more than our EPIPE.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Names of all network namespaces that `ip` knows; `ip netns list` would stumble over one that just goes. */
export function listNamespaces(): string[] {
  return existsSync(NAMESPACE_FOLDER) ? readdirSync(NAMESPACE_FOLDER).sort() : [];
}

/** Process ids that live in a namespace; none when it has gone. */
export async function namespaceProcesses(namespace: string): Promise<number[]> {
  try {
    const listing = await runIp(['netns', 'pids', namespace]);
    return listing.split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (listNamespaces().includes(namespace)) throw error;
    return [];
  }
}

/** The command line of a process; empty when it has ended. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
  } catch {
    return '';
  }
}

/** Ends the processes inside, at last by force, and removes the namespaces with all their links. */
export async function removeNamespaces(namespaces: readonly string[]): Promise<void> {
  if (namespaces.length === 0) return;
  const pids = (await Promise.all(namespaces.map(namespaceProcesses))).flat();
  await endProcesses(pids);
  try {
    await runIp(['-force', '-batch', '-'], namespaces.map((name) => `netns del ${name}\n`).join(''));
  } catch (error) {
    // Somebody else may have removed one of them meanwhile.
    if (listNamespaces().some((name) => namespaces.includes(name))) throw error;
  }
}

async function endProcesses(pids: readonly number[]): Promise<void> {
  let alive = pids.filter((pid) => signal(pid, 'SIGTERM'));
  for (const deadline = Date.now() + END_TIMEOUT_MS; alive.length > 0 && Date.now() < deadline; ) {
    await delay(10);
    alive = alive.filter((pid) => signal(pid, 0));
  }
  for (const pid of alive) signal(pid, 'SIGKILL');
}

/** @returns false when the process has ended */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
