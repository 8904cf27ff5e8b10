/** A director with many services in a namespace of its own, and beside it one that answers for all of its real servers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchStatus } from '../../src/api/statusClient.ts';
import { labScript, startInNamespace } from '../../src/lab/labProcess.ts';
import { removeNamespaces, runIp } from '../../src/lab/namespaces.ts';

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const REAL_SERVER_ADDRESSES = 100;

export interface ControlStage {
  readonly socket: string;
  close(): Promise<void>;
}

/** Resolves when the director answers; it has no services yet. */
export async function openControlStage(services: number, servers: number): Promise<ControlStage> {
  const folder = mkdtempSync(join(tmpdir(), 'uvs-bench-'));
  const [director, others] = [`uvs-bench${process.pid}-director`, `uvs-bench${process.pid}-others`];
  const socket = join(folder, 'uvs.sock');
  const config = join(folder, 'uvs.yaml');
  const limits = `{services: ${2 * services}, destinations: ${2 * services * servers}}`;
  writeFileSync(config, `interfaces: [eth0]\nservices: []\nlimits: ${limits}\n`);
  const close = async () => {
    await removeNamespaces([director, others]);
    rmSync(folder, { recursive: true });
  };
  try {
    await makeNamespaces(director, others);
    const command = [process.execPath, labScript('../cli/uvs'), 'run', '--config', config, '--io', 'packet', '--socket', socket];
    const started = startInNamespace(director, command, join(folder, 'log'));
    const isReady = async () => (await fetchStatus(socket, 0).catch(() => undefined)) !== undefined;
    for (const deadline = Date.now() + START_TIMEOUT_MS; !(await isReady()); await delay(POLL_MS)) {
      if (Date.now() > deadline) throw new Error(`the director did not get ready: ${started.lastWords().slice(-600)}`);
    }
    return { socket, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Lines for `uvsadm -R`. Ports tell real servers apart that share an address. */
export function manyServices(services: number, servers: number): string {
  const lines: string[] = [];
  for (let s = 0; s < services; s++) {
    const service = serviceName(s);
    lines.push(`-A -t ${service} -s rr`);
    for (let i = s * servers; i < (s + 1) * servers; i++) lines.push(`-a -t ${service} -r ${serverName(i)} -m -w 1`);
  }
  return `${lines.join('\n')}\n`;
}

export function serviceName(index: number): string {
  return `10.1.${index >> 8}.${index & 0xff}:80`;
}

export function serverName(index: number): string {
  return `10.2.0.${(index % REAL_SERVER_ADDRESSES) + 1}:${8000 + Math.floor(index / REAL_SERVER_ADDRESSES)}`;
}

async function makeNamespaces(director: string, others: string): Promise<void> {
  await runIp(['netns', 'add', director]);
  await runIp(['netns', 'add', others]);
  await runIp(['-n', director, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', others]);
  for (const name of [director, others]) {
    await runIp(['-n', name, 'link', 'set', 'lo', 'up']);
    await runIp(['-n', name, 'link', 'set', 'eth0', 'up']);
  }
  await runIp(['-n', director, 'address', 'add', '10.0.0.1/8', 'dev', 'eth0']);
  await runIp(['-n', others, 'address', 'add', '10.0.0.2/8', 'dev', 'eth0']);
  await runIp(['-n', others, 'route', 'add', 'local', '10.2.0.0/24', 'dev', 'lo']);
}
