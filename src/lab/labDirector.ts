/** A director as its users start it, `uvs run`, in the director's namespace of a lab. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchStatus } from '../api/statusClient.ts';
import { UvsError } from '../base/errors.ts';
import type { DataPlaneStatus } from '../dataplane/messages.ts';
import { type LabServiceOptions, labConfig } from './labConfig.ts';
import { type LabPlan, labFolder } from './labPlan.ts';
import { type LabProcess, labScript, startInNamespace } from './labProcess.ts';

const START_TIMEOUT_MS = 15_000;
const POLL_MS = 20;
const RELOAD_TIMEOUT_MS = 5000;
const RELOAD_POLL_MS = 5;

export interface LabDirectorOptions extends LabServiceOptions {
  readonly scheduler: string;
  /** As `uvs run --io` takes it. */
  readonly io: string;
  /** Default: the four services of `labConfig`. */
  readonly config?: string;
  /** Compiles before the first frame, which takes a few seconds. Default true. */
  readonly warmUp?: boolean;
}

export interface LabDirector {
  readonly process: LabProcess;
  readonly socket: string;
  readonly configFile: string;
  /** Its state. Rejects with DIRECTOR_UNREACHABLE when it has ended. @param connections how many to list at most; default 0 */
  status(connections?: number): Promise<DataPlaneStatus>;
  /** Gives it another configuration while it runs. Rejects with LAB_FAILED, its last words in the message, when it does not take it. */
  reload(config: string): Promise<void>;
  /** What it has logged. */
  log(): string;
  /** Ends it. Its files go with the lab. */
  stop(): Promise<void>;
}

/**
 * Starts it and waits until it answers and has resolved the neighbours of all real servers, so that the first request is not lost.
 * Rejects with LAB_FAILED, its last words in the message, when it ends before or is not ready in time.
 */
export async function startDirector(plan: LabPlan, options: LabDirectorOptions): Promise<LabDirector> {
  const folder = labFolder(plan.name);
  mkdirSync(folder, { recursive: true });
  const configFile = join(folder, 'uvs.yaml');
  const socket = join(folder, 'uvs.sock');
  const logFile = join(folder, 'log');
  writeFileSync(configFile, options.config ?? labConfig(plan, options.scheduler, options));
  const command = [process.execPath, labScript('../cli/uvs'), 'run', '--config', configFile, '--io', options.io];
  const more = ['--socket', socket, ...(options.warmUp === false ? ['--no-warm-up'] : [])];
  const started = startInNamespace(plan.director.namespace, [...command, ...more], logFile);
  const director: LabDirector = {
    process: started,
    socket,
    configFile,
    status: async (connections = 0) => (await fetchStatus(socket, connections)).dataPlane,
    reload: (config) => reload(director, logFile, config),
    log: () => started.lastWords(),
    stop: () => started.stop(),
  };
  const obstacle = await waitUntilReady(director);
  if (obstacle === undefined) return director;
  const log = director.log();
  await director.stop();
  throw new UvsError('LAB_FAILED', `the director ${obstacle}:\n${log}`);
}

const APPLIED = /configuration read again/;
const REFUSED = /configuration (?:was not applied|has \d+ fault)/;

/** Its log says when it has read the file again; by then real servers that are new have no next hop yet. */
async function reload(director: LabDirector, logFile: string, config: string): Promise<void> {
  const before = readFileSync(logFile).length;
  writeFileSync(director.configFile, config);
  process.kill(director.process.pid, 'SIGHUP');
  let said = '';
  const deadline = Date.now() + RELOAD_TIMEOUT_MS;
  while (!APPLIED.test(said) && !REFUSED.test(said) && Date.now() < deadline) {
    await delay(RELOAD_POLL_MS);
    said = readFileSync(logFile).subarray(before).toString();
  }
  const obstacle = APPLIED.test(said) ? await waitUntilReady(director) : 'did not take the new configuration';
  if (obstacle !== undefined) throw new UvsError('LAB_FAILED', `the director ${obstacle}:\n${said}`);
}

/** @returns what went wrong; undefined when the director is ready */
async function waitUntilReady(director: LabDirector): Promise<string | undefined> {
  const watch: { end?: number | NodeJS.Signals } = {};
  void director.process.ended.then((status) => {
    watch.end = status;
  });
  let obstacle = 'did not answer';
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await delay(POLL_MS)) {
    if (watch.end !== undefined) return `ended with ${watch.end}`;
    const status = await director.status().catch(() => undefined);
    if (status === undefined) continue;
    const destinations = status.services.flatMap((service) => service.destinations);
    if (destinations.every(({ nextHop }) => nextHop !== null)) return undefined;
    obstacle = 'did not find its real servers';
  }
  return obstacle;
}
