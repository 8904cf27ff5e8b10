/** What the commands change in a running director: settings and counters; and the rates that it shows. */
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DirectorStatus } from '../../src/control/directorStatus.ts';
import { labName, mustSkip } from './endToEndRig.ts';
import { openServiceLab, type ServiceLab } from './serviceRig.ts';

const RATE_PERIOD_MS = 2000;

describe.skipIf(mustSkip())('a running director', () => {
  let lab: ServiceLab;
  const uvs = (...args: string[]) =>
    new Promise<{ code: number; out: string; errors: string }>((resolve) => {
      const command = ['src/cli/uvs.ts', ...args, '--socket', lab.director.socket];
      const child = execFile(process.execPath, command, (_error, out, errors) =>
        resolve({ code: child.exitCode ?? -1, out, errors }),
      );
    });
  const status = async () => (JSON.parse((await uvs('status', '--json')).out) as DirectorStatus).dataPlane;

  beforeAll(async () => {
    lab = await openServiceLab(labName('run'), 'nat', 1, 'packet');
  });
  afterAll(() => lab?.close());

  test('shows its settings, changes them, and refuses what is out of range', async () => {
    const changed = await uvs('settings', 'sloppy_tcp=1', 'sync_threshold=3,10', '--json');
    expect(JSON.parse(changed.out)).toMatchObject({ sloppy_tcp: 1, sync_threshold: [3, 10], conn_reuse_mode: 1 });
    const refused = await uvs('settings', 'sloppy_tcp=0', 'drop_entry=4');
    expect([refused.code, refused.errors]).toEqual([1, expect.stringContaining('drop_entry cannot be 4 [SETTING_INVALID]')]);
    expect((await uvs('settings')).out).toMatch(/^sloppy_tcp +1 +\(default 0\)$/m);
  });

  test('counts, estimates rates, and begins again at zero', async () => {
    expect(await lab.ask({ count: 8 })).toEqual(new Array(8).fill('rs1'));
    await delay(RATE_PERIOD_MS + 300);
    const before = await status();
    const web = before.services.find(({ traffic }) => traffic.connections > 0)!;
    expect(web.traffic.connections).toBe(8);
    // All in one sample are 8 / 2 s, a quarter of the way; spread over two, or with one of nothing after them, they are less.
    expect(web.rates.connections).toBeGreaterThan(0.5);
    expect(web.rates.connections).toBeLessThanOrEqual(1);
    expect(web.rates.inPackets).toBeGreaterThan(web.rates.connections);
    expect([before.traffic, before.rates.connections]).toEqual([web.traffic, web.rates.connections]);

    expect((await uvs('zero')).code).toBe(0);
    const zeroed = await status();
    expect(zeroed.traffic).toEqual({ connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 });
    expect(await lab.ask({ count: 2 })).toEqual(['rs1', 'rs1']);
    const after = (await status()).services.find(({ key }) => JSON.stringify(key) === JSON.stringify(web.key))!;
    expect([after.traffic.connections, after.destinations[0]!.traffic.connections]).toEqual([2, 2]);
    const unknown = await uvs('zero', '--service', 'tcp 192.0.2.1:80');
    expect([unknown.code, unknown.errors]).toEqual([1, expect.stringContaining('[SERVICE_UNKNOWN]')]);
  });
});
