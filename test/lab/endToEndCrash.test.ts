import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labDown } from '../../src/lab/lab.ts';
import { sendRequests } from '../../src/lab/labClient.ts';
import { startDirector } from '../../src/lab/labDirector.ts';
import { listNamespaces, runIp } from '../../src/lab/namespaces.ts';
import { type EndToEndLab, endToEndConfig, HOST_PORT, inNamespace, labName, mustSkip, openEndToEndLab } from './endToEndRig.ts';

describe.skipIf(mustSkip()).each(['packet', 'xdp'] as const)('a director that is killed, attached by %s', (io) => {
  let lab: EndToEndLab;
  const ask = async () => (await sendRequests(lab.plan, { count: 1 }))[0];
  const link = () => runIp(['-n', lab.plan.director.namespace, '-d', 'link', 'show', 'dev', 'eth0']);

  beforeAll(async () => {
    lab = await openEndToEndLab(labName('crash'), 'nat', io);
  });
  afterAll(() => lab?.close());

  test('works before', async () => {
    expect(await ask()).toMatchObject({ error: null });
    if (io === 'xdp') expect(await link()).toContain('xdp');
  });

  test('leaves nothing on its interfaces: the kernel has all traffic again', async () => {
    process.kill(lab.director.process.pid, 'SIGKILL');
    expect(await lab.director.process.ended).toBe('SIGKILL');
    await expect.poll(link).not.toContain('xdp');
    // Nobody listens on the virtual port: the host says so, and says nothing while frames are taken away from it.
    await expect.poll(ask, { timeout: 5000 }).toMatchObject({ error: 'ECONNREFUSED' });
    const { virtual } = lab.plan;
    expect(await sendRequests(lab.plan, { count: 1, address: virtual.v4, port: HOST_PORT })).toMatchObject([
      { server: 'director' },
    ]);
    expect(await inNamespace(lab.plan.director.namespace, ['ls', '/sys/class/net'])).not.toContain('uvs');
  });

  test('starts again at once', async () => {
    lab.director = await startDirector(lab.plan, { scheduler: 'rr', io, config: endToEndConfig(lab.plan), warmUp: false });
    expect(await ask()).toMatchObject({ error: null });
  });

  test('goes with its lab', async () => {
    await labDown(lab.plan.name);
    expect(listNamespaces().filter((name) => name.startsWith(`uvs-${lab.plan.name}-`))).toEqual([]);
    expect(await lab.director.process.ended).toBeDefined();
  });
});
