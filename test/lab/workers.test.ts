/** Two workers behind one interface: whoever gets a frame, both directions of a connection are the same worker's. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchStatus } from '../../src/api/statusClient.ts';
import type { DataPlaneStatus } from '../../src/dataplane/messages.ts';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { type LabRequests, sendRequests } from '../../src/lab/labClient.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import { LAB_METHODS, type LabMethod, type LabPlan, labFolder } from '../../src/lab/labPlan.ts';
import { type LabProcess, labScript, startInNamespace } from '../../src/lab/labProcess.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { CLOSED_PORT, endToEndConfig, labName, mustSkip } from './endToEndRig.ts';

const WORKERS = 2;
/** Each from a port of its own; that all of them meet one worker has a probability of 2^-39. */
const REQUESTS = 40;
const BULK_BYTES = 5_000_000;
const START_TIMEOUT_MS = 15_000;
const POLL_MS = 20;

interface WorkersLab {
  readonly plan: LabPlan;
  readonly director: LabProcess;
  status(): Promise<DataPlaneStatus>;
}

const skip = mustSkip();

describe.skipIf(skip).each(LAB_METHODS)('%s with two workers', (method) => {
  let lab: WorkersLab;
  const send = (requests: LabRequests) => sendRequests(lab.plan, requests);

  beforeAll(async () => {
    lab = await open(labName('wrk'), method);
  });
  afterAll(async () => {
    await lab?.director.stop();
    await labDown(labName('wrk'));
  });

  test.each(['v4', 'v6'] as const)('every request is answered, and both workers take part: IP%s', async (family) => {
    const before = await framesOf(lab);
    const results = await send({ count: REQUESTS, family });
    expect(results.map(({ error }) => error)).toEqual(new Array(REQUESTS).fill(null));
    const after = await framesOf(lab);
    for (const [i, frames] of after.entries()) expect(frames - before[i]!).toBeGreaterThan(REQUESTS);
  });

  test.each(['v4', 'v6'] as const)('datagrams, whole and in fragments, come back: IP%s', async (family) => {
    expect((await send({ count: 6, family, udp: true })).map(({ intact }) => intact)).toEqual(new Array(6).fill(true));
    // Later fragments have no port, which is what tells the worker of a fullnat reply.
    if (method === 'fullnat') return;
    const fragmented = { family, udp: true, datagramBytes: 4000 } as const;
    // Through an IPv6 tunnel the first one may only teach the client the size that fits.
    if (method === 'tun' && family === 'v6') await send({ ...fragmented, count: 1 });
    const results = await send({ ...fragmented, count: 2 });
    expect(results.map(({ intact, error }) => error ?? intact)).toEqual([true, true]);
  });

  test.each(['v4', 'v6'] as const)('bulk arrives intact both ways, and a refusal is heard: IP%s', async (family) => {
    const bulk = { count: 1, family, timeoutMs: 20_000 } as const;
    expect(await send({ ...bulk, path: `/bytes/${BULK_BYTES}` })).toMatchObject([{ bytes: BULK_BYTES, intact: true }]);
    expect(await send({ ...bulk, uploadBytes: BULK_BYTES })).toMatchObject([{ intact: true, error: null }]);
    const refused = await send({ count: 2, family, udp: true, port: CLOSED_PORT });
    expect(refused.map(({ error }) => error)).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
  });

  test('the status is that of both', async () => {
    const { workers = [], connections } = await lab.status();
    expect(workers).toHaveLength(WORKERS);
    expect(workers.reduce((sum, worker) => sum + worker.connections, 0)).toBe(connections.count);
  });
});

async function framesOf(lab: WorkersLab): Promise<number[]> {
  const { workers = [] } = await lab.status();
  return workers.map(({ frames }) => frames);
}

async function open(name: string, method: LabMethod): Promise<WorkersLab> {
  const plan = planLab(name, method, 2);
  await labUp(plan);
  const folder = labFolder(name);
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'uvs.yaml');
  const socket = join(folder, 'uvs.sock');
  writeFileSync(config, endToEndConfig(plan));
  const options = ['--config', config, '--io', 'packet', '--workers', String(WORKERS), '--no-warm-up', '--socket', socket];
  const command = [process.execPath, labScript('../cli/uvs'), 'run', ...options];
  const director = startInNamespace(plan.director.namespace, command, join(folder, 'log'));
  const lab: WorkersLab = { plan, director, status: async () => (await fetchStatus(socket, 0)).dataPlane };
  await startRealServers(plan);
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await delay(POLL_MS)) {
    const status = await lab.status().catch(() => undefined);
    const destinations = status?.services.flatMap((service) => service.destinations) ?? [];
    if (destinations.length > 0 && destinations.every(({ nextHop }) => nextHop !== null)) return lab;
  }
  throw new Error(`the director is not ready:\n${director.lastWords()}`);
}
