/** The commands of every LVS guide as they stand, by a link named `ipvsadm`, in the namespace of a running director. */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { clientResults, sendRequests, startClient } from '../../src/lab/labClient.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import { type LabPlan, labFolder } from '../../src/lab/labPlan.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { labName, mustSkip } from './endToEndRig.ts';

const SCRIPTS = new URL('../../scripts/', import.meta.url).pathname;
const COMMAND_TIMEOUT_MS = 30_000;

describe.skipIf(mustSkip())('ipvsadm against a running director', () => {
  const plan: LabPlan = planLab(labName('adm'), 'dr', 2);
  const folder = join(labFolder(plan.name), 'bin');
  const [rip1 = '', rip2 = ''] = plan.realServers.map(({ address }) => address.v4);
  const vip = `${plan.virtual.v4}:${plan.ports.virtualHttp}`;
  let director: LabDirector;

  /** Runs a line of the shell on the director's host. */
  const shell = (line: string) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, UVS_SOCKET: director.socket };
      const command = ['netns', 'exec', plan.director.namespace, '/bin/bash', '-c', line];
      const child = execFile('ip', command, { env, timeout: COMMAND_TIMEOUT_MS }, (_error, out, err) =>
        resolve({ code: child.exitCode ?? -1, out, err }),
      );
    });
  /** Lines that all succeed. @returns what the last one printed */
  const run = async (...lines: string[]): Promise<string> => {
    const { code, out, err } = await shell(lines.join(' && '));
    expect([code, err]).toEqual([0, '']);
    return out;
  };
  const servers = async (count: number) => (await sendRequests(plan, { count })).map(({ server, error }) => server ?? error);

  beforeAll(async () => {
    await labUp(plan);
    mkdirSync(folder, { recursive: true });
    for (const [name, script] of [
      ['ipvsadm', 'uvsadm.sh'],
      ['ipvsadm-save', 'uvsadmSave.sh'],
      ['ipvsadm-restore', 'uvsadmRestore.sh'],
    ] as const) {
      symlinkSync(join(SCRIPTS, script), join(folder, name));
    }
    const interfaces = plan.director.interfaces.map(({ name }) => name).join();
    const config = `interfaces: [${interfaces}]\nservices: []\n`;
    [director] = await Promise.all([
      startDirector(plan, { scheduler: 'rr', io: 'packet', config, warmUp: false }),
      startRealServers(plan),
    ]);
  });
  afterAll(async () => {
    await director?.stop();
    await labDown(plan.name);
  });

  test('an empty table', async () => {
    await run('ipvsadm -C', 'ipvsadm --set 30 5 60');
    const title =
      'Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n';
    expect(await run('ipvsadm -L -n')).toBe(`IP Virtual Server version 1.2.1 (size=65536)\n${title}`);
    expect(await run('ipvsadm -L --timeout')).toBe('Timeout (tcp tcpfin udp): 30 5 60\n');
    expect(await servers(1)).toEqual(['ECONNREFUSED']);
  });

  test('a persistent service of one real server', async () => {
    await run(`ipvsadm -A -t ${vip} -s rr -p 20`, `ipvsadm -a -t ${vip} -r ${rip1}:80 -g -w 1`);
    // Its neighbour is known by the time that the command ends: no request is lost.
    expect(await servers(3)).toEqual(['rs1', 'rs1', 'rs1']);
    for (const list of ['ipvsadm -L -n', 'ipvsadm -ln']) {
      const [, , , service, server, ...more] = (await run(list)).split('\n');
      expect(service).toBe(`TCP  ${vip} rr persistent 20`);
      expect(server).toMatch(new RegExp(`^  -> ${rip1}:80 +Route   1      \\d +\\d +$`));
      expect(more).toEqual(['']);
    }
  });

  test.each(['ipvsadm -lnc', 'ipvsadm -lcn', 'ipvsadm -L -n -c'])('%s lists connections and templates', async (list) => {
    // Closed connections are gone after five seconds: there is a young one in each listing.
    expect(await servers(1)).toEqual(['rs1']);
    const [head, title, ...rows] = (await run(list)).trimEnd().split('\n');
    expect([head, title]).toEqual([
      'IPVS connection entries',
      'pro expire state       source             virtual            destination',
    ]);
    const { v4: client } = plan.clientAddress;
    const template = rows.filter((row) => row.includes(`${client}:0`));
    expect(template).toHaveLength(1);
    expect(rows.length).toBeGreaterThanOrEqual(2);
    for (const row of rows) {
      expect(row).toMatch(new RegExp(`^TCP 00:\\d\\d  [A-Z_]+ +${client}:\\d+ +${vip} +${rip1}:80$`));
    }
  });

  test('counts, and begins again at zero', async () => {
    const conns = async () =>
      (await run('ipvsadm -L -n --stats'))
        .split('\n')
        .slice(3, 5)
        .map((line) => line.trim().split(/ +/).at(-5));
    await run('ipvsadm -Z');
    expect(await conns()).toEqual(['0', '0']);
    expect(await servers(2)).toEqual(['rs1', 'rs1']);
    expect(await conns()).toEqual(['2', '2']);
  });

  test('what is wrong is said as ipvsadm does', async () => {
    const CASES = [
      [`ipvsadm -A -t ${vip} -s rr`, 255, 'Service already exists\n'],
      [`ipvsadm -a -t ${vip} -r ${rip1}:80`, 255, 'Destination already exists\n'],
      [`ipvsadm -d -t ${vip} -r ${rip2}:80`, 255, 'No such destination\n'],
      [`ipvsadm -a -t ${vip} -r ${rip2} -w x`, 2, 'illegal weight specified\n'],
      ['ipvsadm -n -L', 255, "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"],
    ] as const;
    for (const [line, code, err] of CASES) expect(await shell(line)).toEqual({ code, out: '', err });
  });

  test('is saved and restored', async () => {
    const saved = await run(`ipvsadm -a -t ${vip} -r ${rip2}:80 -g -w 7`, 'ipvsadm-save -n');
    const lines = [`-A -t ${vip} -s rr -p 20`, `-a -t ${vip} -r ${rip1}:80 -g -w 1`, `-a -t ${vip} -r ${rip2}:80 -g -w 7`];
    expect(saved).toBe(`${lines.join('\n')}\n`);
    writeFileSync(join(folder, 'rules'), `# kept\n${saved}`);
    const file = join(folder, 'rules');
    expect(await run('ipvsadm -C', `ipvsadm-restore < ${file}`, 'ipvsadm-save -n')).toBe(saved);
    expect(await run('ipvsadm-save -n | ipvsadm-restore', 'ipvsadm-save -n')).toBe(saved);
  });

  test('a script that greps the table takes servers out and in while a client goes on asking', async () => {
    await run(`ipvsadm -E -t ${vip} -s rr`, `ipvsadm -d -t ${vip} -r ${rip2}`);
    const client = startClient(plan, { count: 0, intervalMs: 2, timeoutMs: 500 });
    const answers: string[] = [];
    const asking = (async () => {
      for await (const { server, error } of clientResults(client)) answers.push(server ?? error ?? 'nothing');
    })();
    await expect.poll(() => answers.length, { timeout: 20_000 }).toBeGreaterThan(5);
    const isIn = `ipvsadm -ln | grep -q '${rip2}:80'`;
    const listings = await run(
      `for i in 1 2 3 4; do if ${isIn}; then ipvsadm -d -t ${vip} -r ${rip2}; else ipvsadm -a -t ${vip} -r ${rip2} -g; fi; ipvsadm -lnc | tail -n 1; done`,
    );
    await run(`ipvsadm -a -t ${vip} -r ${rip2}:80 -g`);
    const before = answers.length;
    await expect.poll(() => answers.slice(before).includes('rs2'), { timeout: 20_000 }).toBe(true);
    await client.stop();
    await asking;
    expect(listings.trimEnd().split('\n')).toHaveLength(4);
    expect(new Set(answers)).toContain('rs1');
    // One request at a time: each removal may cut off the one that is on its way.
    expect(answers.filter((answer) => !answer.startsWith('rs')).length).toBeLessThanOrEqual(2);
  });

  test('is taken apart again', async () => {
    await run(`ipvsadm -d -t ${vip} -r ${rip1}`, `ipvsadm -D -t ${vip}`, `ipvsadm -A -u ${vip} -s wlc`, 'ipvsadm --clear');
    expect((await run('ipvsadm -ln')).split('\n')).toHaveLength(4);
    expect(await servers(1)).toEqual(['ECONNREFUSED']);
    expect(director.log()).toContain('removeService tcp');
  });

  test('a reload of the configuration brings back what the file says', async () => {
    await run(`ipvsadm -A -t ${vip} -s rr`);
    const interfaces = plan.director.interfaces.map(({ name }) => name).join();
    await director.reload(`interfaces: [${interfaces}]\nservices: []\n`);
    expect((await run('ipvsadm -ln')).split('\n')).toHaveLength(4);
    await director.stop();
    const gone = await shell('ipvsadm -ln');
    expect([gone.code, gone.err.split('\n')[0]]).toEqual([2, "Can't initialize ipvs: Protocol not available"]);
  });
});
