/** UVS as its users start it, `uvs run`, in the variants that the lab compares. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchStatus } from '../../src/api/statusClient.ts';
import type { DataPlaneStatus } from '../../src/dataplane/messages.ts';
import { labScript, startInNamespace } from '../../src/lab/labProcess.ts';
import { uvsConfig } from './peerConfigs.ts';
import { asPeer, type Load, type Peer, type RunningPeer } from './peers.ts';
import { onDirectorCore } from './placement.ts';
import type { Stage } from './stage.ts';

export type Wait = 'spin' | 'adaptive' | 'block';

const UVS = [process.execPath, labScript('../cli/uvs')];
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

/** Which of the three ways to wait for frames `uvs run` can be told. `adaptive` is what it does by itself. */
export function waysToWait(): readonly Wait[] {
  const help = execFileSync(UVS[0]!, [...UVS.slice(1), 'run', '--help'], { encoding: 'utf8' });
  return (['spin', 'adaptive', 'block'] as const).filter((wait) => wait === 'adaptive' || help.includes(`--${wait}`));
}

/** Every combination of port and way to wait that is worth its time, each with the loads for which it is a candidate. */
export function uvsPeers(): readonly Peer[] {
  const bulk: readonly Load[] = ['up', 'down'];
  const spinning: Peer['loads'] = { masq: ['split', 'connections', ...bulk], route: ['split'] };
  const adaptive: Peer['loads'] = {
    masq: ['frames', 'connections', 'keep-alive', 'udp', ...bulk],
    route: ['frames', 'connections', 'up'],
  };
  const blocking: Peer['loads'] = { masq: ['frames', 'connections', ...bulk] };
  // The same core receives for XDP: a spinning director takes it from its own supply.
  const variants = [
    { io: 'packet', wait: 'spin', loads: spinning },
    { io: 'packet', wait: 'adaptive', loads: adaptive },
    { io: 'packet', wait: 'block', loads: blocking },
    { io: 'xdp', wait: 'spin', loads: { masq: ['split'], route: ['split'] } },
    { io: 'xdp', wait: 'adaptive', loads: adaptive },
    { io: 'xdp', wait: 'block', loads: { masq: ['frames', 'connections'] } },
  ] as const;
  const ways = waysToWait();
  return variants
    .filter(({ wait }) => ways.includes(wait))
    .map(({ io, wait, loads }) => ({
      name: `uvs ${io} ${wait}`,
      loads,
      io,
      wait,
      isMain: wait === 'adaptive',
      start: async (stage: Stage, folder: string) => (await startUvs(stage, folder, { io, wait })).peer,
    }));
}

export interface UvsOptions {
  readonly io: string;
  readonly wait: Wait;
  readonly methods?: readonly ('masq' | 'route')[];
}

export interface RunningUvs {
  readonly peer: RunningPeer;
  readonly socket: string;
  readonly status: () => Promise<DataPlaneStatus>;
}

/** Resolves when it answers and knows the way to every real server; rejects with its last words. */
export async function startUvs(stage: Stage, folder: string, { io, wait, methods }: UvsOptions): Promise<RunningUvs> {
  const file = (ending: string) => join(folder, `${stage.director}-${io}-${wait}.${ending}`);
  writeFileSync(file('yaml'), uvsConfig(stage, methods ?? ['masq', 'route']));
  const socket = file('sock');
  const flags = wait === 'adaptive' ? [] : [`--${wait}`];
  const command = [...UVS, 'run', '--config', file('yaml'), '--io', io, '--socket', socket, '--log-level', 'warn', ...flags];
  const started = startInNamespace(stage.director, onDirectorCore(command), file('log'));
  const status = async () => (await fetchStatus(socket, 0)).dataPlane;
  const watch = { hasEnded: false };
  void started.ended.then(() => {
    watch.hasEnded = true;
  });
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && !watch.hasEnded; await delay(POLL_MS)) {
    const now = await status().catch(() => undefined);
    if (now === undefined || !isReady(now)) continue;
    const connectionCount = async () => (await status()).connections.count;
    return { peer: { ...asPeer(started, true), connectionCount, status }, socket, status };
  }
  await started.stop();
  throw new Error(`uvs run --io ${io} did not get ready: ${started.lastWords().slice(-600)}`);
}

function isReady(status: DataPlaneStatus): boolean {
  const destinations = status.services.flatMap((service) => service.destinations);
  return destinations.length > 0 && destinations.every(({ nextHop }) => nextHop !== null);
}
