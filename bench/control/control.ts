/**
 * The control side: commands of uvsadm as a person or a script types them, each a process of its own, against a director with many
 * services; beside them what it costs to start Node for nothing. And how long frames wait for a listing of connections.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labObstacle } from '../../src/lab/namespaces.ts';
import { type Figure, judge, type Suite, type Target } from '../figures.ts';
import { figureValue, Recorder } from '../lab/recorder.ts';
import { manyServices, openControlStage, serverName, serviceName } from './controlStage.ts';
import { filledDirector, listAll } from './slices.ts';

interface Scale {
  readonly services: number;
  readonly repetitions: number;
  readonly restores: number;
  readonly connections: number;
}

const FULL_SCALE: Scale = { services: 1000, repetitions: 15, restores: 3, connections: 1 << 20 };
const QUICK_SCALE: Scale = { services: 50, repetitions: 3, restores: 1, connections: 1 << 14 };
const SERVERS = 10;
const COMMAND_TIMEOUT_MS = 60_000;

const SCRIPTS = join(import.meta.dirname, '..', '..', 'scripts');
const LAUNCHER = join(SCRIPTS, 'uvsadm.sh');
const CLIENT = join(SCRIPTS, 'uvsadm.mjs');
/** Debian's, if there is one: what runs the client where the project's own is not installed. */
const OTHER_NODE = '/usr/bin/node';

/** A full run takes about a minute. */
export const control: Suite = async ({ quick, progress, signal }) => {
  const recorder = new Recorder('control');
  const scale = quick ? QUICK_SCALE : FULL_SCALE;
  const obstacle = labObstacle();
  if (obstacle !== undefined) throw obstacle;
  measureSlices(scale, recorder);
  progress(`control: ${scale.connections} connections listed`);
  const stage = await openControlStage(scale.services, SERVERS);
  try {
    await measureCommands(stage.socket, scale, recorder, progress, signal);
  } finally {
    await stage.close();
  }
  const figures = recorder.figures();
  return { figures, targets: controlTargets(figures) };
};

/** Lines 7 of the promises. */
export function controlTargets(figures: readonly Figure[]): Target[] {
  const { services } = FULL_SCALE;
  const labels = { services, node: process.versions.node };
  const command = (name: string) => figureValue(figures, name, labels, 'ms');
  const start = figureValue(figures, 'an empty script', { node: process.versions.node }, 'ms').toFixed(0);
  const wait = figures.find(({ name, unit }) => name === 'slice, p99' && unit === 'us')?.value ?? Number.NaN;
  const beside = `${services} services x ${SERVERS} real servers (Node starts in ${start} ms)`;
  return [
    judge('7a', `uvsadm -L -n, ${beside}`, command('uvsadm -L -n'), 'at most', 300, 'ms'),
    judge('7b', `uvsadm -e, among ${beside}`, command('uvsadm -e'), 'at most', 120, 'ms'),
    judge('7c', 'frames wait for a slice of a listing of connections, p99', wait, 'at most', 100, 'us'),
  ];
}

function measureSlices({ connections }: Scale, recorder: Recorder): void {
  const director = filledDirector(connections);
  for (let run = 0; run < 3; run++) {
    const { waitUs, readMs } = listAll(director);
    const sorted = waitUs.toSorted((a, b) => a - b);
    const labels = { connections };
    const note = `${waitUs.length} slices`;
    recorder.add({ name: 'slice, p50', labels, unit: 'us', value: sorted[sorted.length >> 1]!, note });
    recorder.add({ name: 'slice, p99', labels, unit: 'us', value: sorted[Math.floor(sorted.length * 0.99)]!, note });
    recorder.add({ name: 'slice, longest', labels, unit: 'us', value: sorted.at(-1)!, note });
    recorder.add({ name: 'reading all slices, control side', labels, unit: 'ms', value: readMs, note });
  }
}

async function measureCommands(
  socket: string,
  { services, repetitions, restores }: Scale,
  recorder: Recorder,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'uvs-bench-'));
  const empty = join(folder, 'empty.mjs');
  writeFileSync(empty, '');
  const input = manyServices(services, SERVERS);
  const other = existsSync(OTHER_NODE) ? await versionOf(OTHER_NODE) : undefined;
  const own = { services, node: process.versions.node };
  const time = async (name: string, labels: Record<string, string | number>, command: readonly string[], text = '') => {
    signal.throwIfAborted();
    recorder.add({ name, labels, unit: 'ms', value: await timed(command, socket, text) });
  };
  try {
    for (let i = 0; i < restores; i++) {
      await time('uvsadm -R of all', own, [LAUNCHER, '-R'], input);
      if (i + 1 < restores) await time('uvsadm -C', own, [LAUNCHER, '-C']);
    }
    progress(`control: ${services} services x ${SERVERS} real servers restored`);
    const [service, server] = [serviceName(services >> 1), serverName((services >> 1) * SERVERS)];
    for (let i = 1; i <= repetitions; i++) {
      await time('an empty script', { node: own.node }, [process.execPath, empty]);
      await time('uvsadm --timeout', own, [LAUNCHER, '-L', '--timeout']);
      await time('uvsadm -L -n', own, [LAUNCHER, '-L', '-n']);
      await time('uvsadm -L -n of one service', own, [LAUNCHER, '-L', '-n', '-t', service]);
      await time('uvsadm -e', own, [LAUNCHER, '-e', '-t', service, '-r', server, '-m', '-w', String(i)]);
      await time('uvsadm -d', own, [LAUNCHER, '-d', '-t', service, '-r', server]);
      await time('uvsadm -a', own, [LAUNCHER, '-a', '-t', service, '-r', server, '-m']);
      if (other === undefined) continue;
      await time('an empty script', { node: other }, [OTHER_NODE, empty]);
      await time('uvsadm -L -n', { services, node: other }, [OTHER_NODE, CLIENT, '-L', '-n']);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds from its start to its end. Rejects when it fails. */
async function timed([file = '', ...args]: readonly string[], socket: string, input: string): Promise<number> {
  const begun = performance.now();
  await run(file, args, { ...process.env, UVS_SOCKET: socket }, input);
  return performance.now() - begun;
}

async function versionOf(node: string): Promise<string> {
  return (await run(node, ['-p', 'process.versions.node'], process.env, '')).trim();
}

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv, input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: COMMAND_TIMEOUT_MS, maxBuffer: 1 << 26 };
    const child = execFile(file, args, options, (error, out) => (error === null ? resolve(out) : reject(error)));
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
