/**
 * FTP through a masq director with programs that are not ours: pyftpdlib serves, curl and Python's ftplib transfer, over both families, in
 * every mode, both ways. One real server opens its active connections from port 20, the other from any port.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { fetchStatus } from '../../src/api/statusClient.ts';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import { type LabPlan, labFolder } from '../../src/lab/labPlan.ts';
import { type LabProcess, labScript, startInNamespace } from '../../src/lab/labProcess.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { inNamespace, labName, mustSkip } from './endToEndRig.ts';

const BYTES = 10 << 20;
/** Of Debian, whose package the server is; another one may come first on the path. */
const PYTHON = '/usr/bin/python3';
const CLIENT_SCRIPT = join(import.meta.dirname, 'ftpClient.py');
/** Where the control connection of the second service is, and of the real servers of both. */
const OTHER_PORT = 2121;
const SERVER_PORTS = { 21: 21, [OTHER_PORT]: 8021 } as const;
const WORKERS = 2;
const START_TIMEOUT_MS = 15_000;
const POLL_MS = 20;
const MODES = [
  // command  family  client
  ['PASV', 'v4', 'curl'],
  ['EPSV', 'v4', 'curl'],
  ['EPSV', 'v6', 'curl'],
  ['PORT', 'v4', 'python'],
  ['EPRT', 'v4', 'python'],
  ['EPRT', 'v6', 'python'],
] as const;

type Mode = readonly [command: (typeof MODES)[number][0], family: 'v4' | 'v6', client: 'curl' | 'python'];

describe.skipIf(mustSkip())('FTP through a director with method masq', () => {
  const name = labName('ftp');
  const folder = mkdtempSync(join(tmpdir(), 'uvs-ftp-'));
  const content = randomBytes(BYTES);
  let plan: LabPlan;
  let director: LabDirector;

  beforeAll(async () => {
    plan = planLab(name, 'nat', 2);
    await labUp(plan);
    director = await startDirector(plan, { scheduler: 'rr', io: 'packet', config: ftpConfig(plan), warmUp: false });
    writeFileSync(join(folder, 'content'), content);
    for (const [i, { namespace, address }] of plan.realServers.entries()) {
      const own = join(folder, `rs${i}`);
      mkdirSync(own);
      writeFileSync(join(own, 'file'), content);
      for (const at of [address.v4, address.v6]) {
        for (const port of Object.values(SERVER_PORTS)) await serve(namespace, at, own, port, i === 0 ? port - 1 : 0);
      }
    }
  });
  afterAll(async () => {
    await director?.stop();
    await labDown(name);
    rmSync(folder, { recursive: true });
  });

  /** Gets, puts or lists as `mode` says. @returns what the client printed @param local file on our side */
  const transfer = (mode: Mode, action: 'get' | 'put' | 'list', file: string, local: string, port = 21): Promise<string> => {
    const [command, family, client] = mode;
    const host = plan.virtual[family];
    const { namespace } = plan.client;
    if (client === 'python') {
      return inNamespace(namespace, [PYTHON, CLIENT_SCRIPT, host, String(port), command, action, file, local]);
    }
    const options = { get: ['--output', local], put: ['--upload-file', local], list: ['--list-only'] }[action];
    const url = `ftp://${family === 'v6' ? `[${host}]` : host}:${port}/${file}`;
    const passive = command === 'PASV' ? ['--disable-epsv'] : [];
    return inNamespace(namespace, ['curl', '--silent', '--show-error', '--max-time', '30', ...passive, ...options, url]);
  };

  test.each(MODES)('%s over %s: files arrive whole, both ways', async (...mode) => {
    const [command, family] = mode;
    const before = await director.status();
    // Three connections a round, so that each real server gets each kind.
    for (const round of [0, 1]) {
      const got = join(folder, 'got');
      await transfer(mode, 'get', 'file', got);
      expect(hash(readFileSync(got))).toBe(hash(content));
      await transfer(mode, 'put', `put-${command}-${family}-${round}`, join(folder, 'content'));
      expect(await transfer(mode, 'list', '', '')).toContain('file');
    }
    const files = [0, 1].flatMap((i) => readdirSync(join(folder, `rs${i}`)).map((file) => join(folder, `rs${i}`, file)));
    const puts = files.filter((file) => file.includes(`put-${command}-${family}`));
    expect(puts.map((file) => dirname(file)).toSorted()).toEqual([0, 1].map((i) => join(folder, `rs${i}`)));
    for (const file of files) expect(hash(readFileSync(file))).toBe(hash(content));
    const after = await director.status();
    const counted = (of: string) => (after.counters[of] ?? 0) - (before.counters[of] ?? 0);
    expect(counted('ftpConnectionsExpected')).toBe(6);
    expect(counted('ftpRepliesRewritten')).toBe(command === 'PASV' ? 6 : 0);
  });

  test.each([MODES[0], MODES[3]])('%s over %s to another port that is listened to', async (...mode) => {
    const got = join(folder, 'got');
    for (const _round of [0, 1]) {
      await transfer(mode, 'get', 'file', got, OTHER_PORT);
      expect(hash(readFileSync(got))).toBe(hash(content));
    }
  });

  test('with two workers, all connections of a client meet one of them', async () => {
    await director.stop();
    const workers = await startWithWorkers(plan, director.configFile);
    // Each has ports of its own: that all twelve data connections meet the right worker by chance has a probability of 2^-12.
    for (const mode of [...MODES, ...MODES]) expect(await transfer(mode, 'list', '', '')).toContain('file');
    await workers.stop();
  });
});

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Both families, each with both real servers. */
function ftpConfig({ virtual, realServers }: LabPlan): string {
  const endpoint = (address: string, port: number) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
  const services = (['v4', 'v6'] as const).map((family) => ({
    address: `tcp ${endpoint(virtual[family], 21)}`,
    scheduler: 'rr',
    method: 'masq',
    realServers: realServers.map(({ address }) => ({ address: endpoint(address[family], 21) })),
  }));
  const other = {
    address: `tcp ${endpoint(virtual.v4, OTHER_PORT)}`,
    scheduler: 'rr',
    method: 'masq',
    realServers: realServers.map(({ address }) => ({ address: endpoint(address.v4, SERVER_PORTS[OTHER_PORT]) })),
  };
  return stringify({ ftpPorts: [21, OTHER_PORT], services: [...services, other] });
}

async function startWithWorkers(plan: LabPlan, configFile: string): Promise<LabProcess> {
  const socket = join(labFolder(plan.name), 'workers.sock');
  const options = ['--config', configFile, '--io', 'packet', '--workers', String(WORKERS), '--socket', socket];
  const started = startInNamespace(plan.director.namespace, [process.execPath, labScript('../cli/uvs'), 'run', ...options]);
  const ends = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const status = await fetchStatus(socket, 0).catch(() => undefined);
    // Ready is who knows the way to all real servers.
    if (status?.dataPlane.services.every(({ destinations }) => destinations.every(({ nextHop }) => nextHop !== null)))
      return started;
    if (Date.now() > ends) throw new Error(`no director with ${WORKERS} workers: ${started.lastWords()}`);
    await delay(POLL_MS);
  }
}

async function serve(namespace: string, address: string, folder: string, port: number, callsFrom: number): Promise<void> {
  const script = join(import.meta.dirname, 'ftpServer.py');
  const started = startInNamespace(namespace, [PYTHON, script, address, folder, String(port), String(callsFrom)]);
  const first = await started.lines.next();
  if (first.value !== 'ready') throw new Error(`no FTP server on ${address}: ${started.lastWords()}`);
}
