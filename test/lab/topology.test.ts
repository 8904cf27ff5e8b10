import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { labDown, labStatus, labUp, listLabs } from '../../src/lab/lab.ts';
import { sendRequests } from '../../src/lab/labClient.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import { LAB_METHODS, type LabPlan } from '../../src/lab/labPlan.ts';
import { startInNamespace } from '../../src/lab/labProcess.ts';
import { listNamespaces, runIp } from '../../src/lab/namespaces.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { inNamespace, labName, mustSkip } from './endToEndRig.ts';

const LAB = labName('topo');
const skip = mustSkip();

async function ours(): Promise<string[]> {
  return listNamespaces()
    .filter((name) => name.startsWith(`uvs-${LAB}-`))
    .sort();
}

describe.skipIf(skip)('labs come and go', () => {
  afterEach(() => labDown(LAB));

  test.each(LAB_METHODS)('%s: up, up again, down, down again', async (method) => {
    const plan = planLab(LAB, method, 2);
    const wanted = [...plan.nodes.map(({ namespace }) => namespace), plan.switchNamespace].sort();
    await labUp(plan);
    expect(await ours()).toEqual(wanted);
    await labUp(plan);
    expect(await ours()).toEqual(wanted);
    expect(await listLabs()).toContain(LAB);
    expect(await labDown(LAB)).toBe(true);
    expect(await ours()).toEqual([]);
    expect(await labDown(LAB)).toBe(false);
    expect(await labStatus(LAB)).toBeUndefined();
  });

  test('one method follows another under the same name without leftovers', async () => {
    await labUp(planLab(LAB, 'tun', 3));
    await labUp(planLab(LAB, 'dr', 1));
    expect(await ours()).toEqual(['client', 'director', 'rs1', 'switch'].map((node) => `uvs-${LAB}-${node}`));
  });

  test('what a crashed run left behind, half a lab with processes inside, is replaced', async () => {
    const plan = planLab(LAB, 'dr', 2);
    await labUp(plan);
    const abandoned = startInNamespace(`uvs-${LAB}-rs1`, ['sleep', '600']);
    await expect
      .poll(async () => (await labStatus(LAB))?.namespaces.find(({ node }) => node === 'rs1')?.processes.length)
      .toBe(1);
    await runIp(['netns', 'del', `uvs-${LAB}-client`]);
    await runIp(['-n', `uvs-${LAB}-director`, 'link', 'del', 'eth0']);
    await labUp(plan);
    expect(await abandoned.ended).toBe('SIGTERM');
    const [answer] = await sendRequests(plan, { count: 1, address: plan.directorAddress.v4, port: 9 });
    expect(answer?.error).toBe('ECONNREFUSED');
  });

  test('a process that ignores SIGTERM does not stop a lab from going', async () => {
    const plan = planLab(LAB, 'dr', 1);
    await labUp(plan);
    const child = spawn('ip', [
      'netns',
      'exec',
      `uvs-${LAB}-rs1`,
      'sh',
      '-c',
      'trap "" TERM; echo ready; while :; do sleep 1; done',
    ]);
    await once(child.stdout, 'data');
    const ended = once(child, 'exit');
    await labDown(LAB);
    expect((await ended)[1]).toBe('SIGKILL');
    expect(await ours()).toEqual([]);
  });

  test('a step that fails leaves nothing', async () => {
    const plan = planLab(LAB, 'dr', 1);
    const broken = { ...plan, nodes: plan.nodes.map((node) => ({ ...node, routes: { v4: ['default via 192.0.2.1'], v6: [] } })) };
    await expect(labUp(broken)).rejects.toMatchObject({ code: 'LAB_FAILED' });
    expect(await ours()).toEqual([]);
  });
});

describe.skipIf(skip).each(LAB_METHODS)('real servers of a %s lab', (method) => {
  let plan: LabPlan;

  beforeAll(async () => {
    plan = planLab(LAB, method, 2);
    await labUp(plan);
    await startRealServers(plan);
  });
  afterAll(() => labDown(LAB));

  const cases = (['v4', 'v6'] as const).flatMap((family) => [
    { family, udp: false },
    { family, udp: true },
  ]);
  test.each(cases)('answer with their names: IP$family, UDP $udp', async ({ family, udp }) => {
    if (method === 'nat' || method === 'fullnat') return await answerInsideTheirNetwork(plan, family, udp);
    for (const { name, address } of plan.realServers) {
      const port = udp ? plan.ports.realEcho : plan.ports.realHttp;
      expect(await sendRequests(plan, { count: 1, address: address[family], port, udp })).toMatchObject([
        { server: name, error: null },
      ]);
    }
  });

  test('are not found by the virtual address, in neither family: it is the director that answers for it', async () => {
    const results = [
      await sendRequests(plan, { count: 1, family: 'v4' }),
      await sendRequests(plan, { count: 1, family: 'v6' }),
    ].flat();
    // Nothing listens on the director.
    expect(results.map(({ error }) => error)).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    const neighbours = await runIp(['-n', plan.client.namespace, 'neigh', 'show']);
    const front = plan.director.interfaces[0]!.mac;
    for (const address of [plan.virtual.v4, plan.virtual.v6]) {
      expect(neighbours.split('\n').find((line) => line.startsWith(`${address} `))).toContain(front);
    }
  });

  test('do not announce the virtual address, also when the director is gone', async () => {
    await runIp(['-n', plan.director.namespace, 'link', 'set', 'eth0', 'down']);
    await runIp(['-n', plan.client.namespace, 'neigh', 'flush', 'dev', 'eth0']);
    const requests = { count: 1, timeoutMs: 400 } as const;
    const results = (
      await Promise.all([sendRequests(plan, { ...requests, family: 'v4' }), sendRequests(plan, { ...requests, family: 'v6' })])
    ).flat();
    expect(results.map(({ server }) => server)).toEqual([null, null]);
    const neighbours = await runIp(['-n', plan.client.namespace, 'neigh', 'show', 'dev', 'eth0']);
    for (const address of [plan.virtual.v4, plan.virtual.v6]) {
      expect(neighbours.split('\n').find((line) => line.startsWith(`${address} `)) ?? '').not.toContain('lladdr');
    }
    await runIp(['-n', plan.director.namespace, 'link', 'set', 'eth0', 'up']);
  });
});

/** The client has no way to a NAT real server: the director does not forward. The next real server asks. */
async function answerInsideTheirNetwork(plan: LabPlan, family: 'v4' | 'v6', udp: boolean): Promise<void> {
  const [first, second] = plan.realServers;
  const port = udp ? plan.ports.realEcho : plan.ports.realHttp;
  const asking = { ...plan, client: plan.nodes.find(({ name }) => name === second!.name)! };
  const results = await sendRequests(asking, { count: 1, address: first!.address[family], port, udp });
  expect(results).toMatchObject([{ server: 'rs1', error: null }]);
  expect(await inNamespace(plan.director.namespace, ['cat', '/proc/sys/net/ipv4/ip_forward'])).toBe('0\n');
}
