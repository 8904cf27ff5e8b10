/** Fullnat with real kernels on both sides: who the real servers see, and of whom they are told. Needs root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { formatEndpoint, parseEndpoint } from '../../src/base/address.ts';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { sendRequests } from '../../src/lab/labClient.ts';
import { labConfig } from '../../src/lab/labConfig.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import type { LabPlan } from '../../src/lab/labPlan.ts';
import { type LabProcess, labScript, startInNamespace, startScript } from '../../src/lab/labProcess.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { HOST_PORT, labName, mustSkip } from './endToEndRig.ts';

const skip = mustSkip();
const FAMILIES = ['v4', 'v6'] as const;
/** Whether there is something to compile the example in C with. */
const hasCompiler = spawnSync('cc', ['--version']).status === 0;
if (!hasCompiler) console.warn('there is no C compiler: examples/toa-c is not tried');
const PYTHON_PORT = 9001;
const C_PORT = 9002;
const EXAMPLE_PORTS: Readonly<Record<string, number>> = { python: PYTHON_PORT, ...(hasCompiler ? { c: C_PORT } : {}) };
const EXAMPLE_CASES = Object.entries(EXAMPLE_PORTS).flatMap(([name, port]) =>
  FAMILIES.map((family) => [name, family, port] as const),
);
const EXAMPLES = join(import.meta.dirname, '../../examples');

describe.skipIf(skip).each(['packet', 'xdp'])('fullnat by %s', (io) => {
  let plan: LabPlan;
  let director: LabDirector;
  let folder: string;
  const servers: LabProcess[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'uvs-toa-'));
    plan = planLab(labName(`fn${io}`), 'fullnat', 2);
    await labUp(plan);
    if (io === 'packet') servers.push(...startExamples(plan, folder));
    const starting = startDirector(plan, { scheduler: 'rr', io, config: configOf(plan), warmUp: false });
    [director] = await Promise.all([starting, startRealServers(plan), ...servers.map(({ lines }) => lines.next())]);
  });
  afterAll(async () => {
    await director?.stop();
    for (const server of servers) await server.stop();
    if (plan !== undefined) await labDown(plan.name);
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(FAMILIES)('a real server sees a local address and is told of the client: IP%s', async (family) => {
    const results = await sendRequests(plan, { count: 8, family });
    const locals = plan.localAddresses.map((each) => each[family]);
    const peers = results.map(({ seen }) => formatAddressOf(seen?.peer ?? ''));
    expect(new Set(peers)).toEqual(new Set(locals.map((each) => formatAddressOf(formatDestination(each)))));
    for (const { error, seen } of results) expect([error, seen?.client]).toEqual([null, seen?.self]);
  });

  test.each(FAMILIES)('an upload and a large answer come whole: IP%s', async (family) => {
    const down = await sendRequests(plan, { count: 2, family, path: '/bytes/300000' });
    const up = await sendRequests(plan, { count: 2, family, uploadBytes: 300_000 });
    expect([...down, ...up].map(({ error, intact }) => [error, intact])).toEqual(Array(4).fill([null, true]));
  });

  test.each(FAMILIES)('datagrams come back, also in fragments: IP%s', async (family) => {
    const small = await sendRequests(plan, { count: 2, family, udp: true });
    const large = await sendRequests(plan, { count: 2, family, udp: true, datagramBytes: 3000 });
    expect([...small, ...large].map(({ error, intact }) => [error, intact])).toEqual(Array(4).fill([null, true]));
  });

  test('what a real server asks of the host on a local address is for the host to answer', async () => {
    const local = plan.localAddresses[0]!.v4;
    const names = ['--name', 'host', '--http', String(HOST_PORT), '--echo', String(HOST_PORT), '--address', local];
    const host = await startScript(plan.director.namespace, 'realServer', names);
    const ask = [process.execPath, labScript('client'), '--target', `${local}:${HOST_PORT}`, '--timeout', '10000'];
    const client = startInNamespace(plan.realServers[0]!.namespace, ask);
    const line = await client.lines.next();
    await Promise.all([client.ended, host.stop()]);
    expect(JSON.parse(String(line.value))).toMatchObject({ server: 'host', error: null });
  });

  // The servers are the same whichever port brings the frames.
  test.each(io === 'packet' ? EXAMPLE_CASES : [])(
    'an ordinary server reads the SYN, as in the examples: in %s, over IP%s',
    (_name, family, port) => {
      const url = `http://${family === 'v6' ? `[${plan.virtual.v6}]` : plan.virtual.v4}:${port}/`;
      // A Python of the client's side, for it tells the port that it asked from.
      const script = `import http.client, sys
c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
c.request("GET", "/")
print(c.sock.getsockname()[0], c.sock.getsockname()[1], c.getresponse().read().decode())`;
      const ask = ['netns', 'exec', plan.client.namespace, 'python3', '-c', script, plan.virtual[family], String(port)];
      const [address, own, ...answer] = execFileSync('ip', ask, { encoding: 'utf8' }).trim().split(' ');
      expect(`${url} ${answer.join(' ')}`).toMatch(new RegExp(`client ${address} port ${own}$`));
      expect(answer.join(' ')).toMatch(/^peer \S+ port \d+/);
    },
  );

  test('every connection was told of, and nothing was dropped', async () => {
    const { counters } = await director.status();
    expect(counters['toaAdded']).toBeGreaterThan(0);
    expect([counters['localPortsExhausted'], counters['destinationRemoved']]).toEqual([undefined, undefined]);
  });
});

/** Both examples on both addresses of the first real server. */
function startExamples(plan: LabPlan, folder: string): LabProcess[] {
  if (hasCompiler)
    execFileSync('cc', ['-O1', '-Wall', '-Werror', '-o', join(folder, 'server'), join(EXAMPLES, 'toa-c/server.c')]);
  const [server] = plan.realServers;
  const start = (family: 'v4' | 'v6', command: readonly string[], port: number) =>
    startInNamespace(server!.namespace, [...command, server!.address[family], String(port)]);
  return FAMILIES.flatMap((family) => [
    start(family, ['python3', join(EXAMPLES, 'toa-python/server.py')], PYTHON_PORT),
    ...(hasCompiler ? [start(family, [join(folder, 'server')], C_PORT)] : []),
  ]);
}

/** The services of the lab, and those of the examples. */
function configOf(plan: LabPlan): string {
  const config = parse(labConfig(plan, 'rr')) as { services: object[] };
  const services = FAMILIES.flatMap((family) =>
    Object.values(EXAMPLE_PORTS).map((port) => ({
      address: `tcp ${family === 'v6' ? `[${plan.virtual.v6}]` : plan.virtual.v4}:${port}`,
      method: 'fullnat',
      realServers: [{ address: plan.realServers[0]!.address[family] }],
    })),
  );
  return JSON.stringify({ ...config, services: [...config.services, ...services] });
}

/** The address of `address:port`, in one spelling. */
function formatAddressOf(endpoint: string): string {
  const parsed = parseEndpoint(endpoint);
  return parsed === undefined ? endpoint : formatEndpoint(parsed.address, 0);
}

function formatDestination(address: string): string {
  return address.includes(':') ? `[${address}]:0` : `${address}:0`;
}
