import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DROP_NAMES } from '../../src/engine/counters.ts';
import { type LabRequests, sendRequests } from '../../src/lab/labClient.ts';
import { LAB_METHODS } from '../../src/lab/labPlan.ts';
import { runIp } from '../../src/lab/namespaces.ts';
import { sha256, testBytes } from '../../src/lab/testBytes.ts';
import { CLOSED_PORT, type EndToEndLab, HOST_PORT, inNamespace, labName, mustSkip, openEndToEndLab } from './endToEndRig.ts';

const FAMILIES = ['v4', 'v6'] as const;
/** More than two packets. */
const FRAGMENTED_BYTES = 4000;
/** Nobody listens there, and it belongs to no service. */
const SILENT_PORT = 4444;
/** Bulk over TCP, a datagram, one in fragments, and SILENT_PORT. */
const HOST_ANSWERS = ['director true', 'director true', 'director true', 'ECONNREFUSED'];
const BULK_BYTES = 10_000_000;
const BULK = { count: 1, timeoutMs: 20_000 } as const;
/** MTU of the path to a real server behind a tunnel: 1500 less the outer header. */
const TUNNEL_MTU = { v4: 1480, v6: 1460 } as const;

const DROPS = new Set<string>(DROP_NAMES);

const skip = mustSkip();
/** Fullnat has a file of its own. */
const METHODS = LAB_METHODS.filter((method) => method !== 'fullnat');
const SETUPS = METHODS.flatMap((method) => (['packet', 'xdp'] as const).map((io) => ({ method, io })));

describe.skipIf(skip).each(SETUPS)('method $method, attached by $io', ({ method, io }) => {
  let lab: EndToEndLab;
  const send = (requests: LabRequests) => sendRequests(lab.plan, requests);

  beforeAll(async () => {
    lab = await openEndToEndLab(labName('e2e'), method, io);
  });
  afterAll(() => lab?.close());

  test('the director is attached as asked, to each of its interfaces', async () => {
    const { ports } = await lab.director.status();
    const outside = ports.filter(({ name }) => name.startsWith('eth'));
    expect(outside.map((port) => `${port.name} ${port.io}`)).toEqual(
      method === 'nat' ? [`eth0 ${io}`, `eth1 ${io}`] : [`eth0 ${io}`],
    );
  });

  test.each(FAMILIES)('HTTP requests alternate between the real servers: IP%s', async (family) => {
    const results = await send({ count: 6, family });
    expect(results.map(({ error }) => error)).toEqual(new Array(6).fill(null));
    const [first, second, ...rest] = results.map(({ server }) => server);
    expect([first, second].sort()).toEqual(['rs1', 'rs2']);
    expect(rest).toEqual([first, second, first, second]);
  });

  test.each(FAMILIES)('curl downloads 10 MB intact: IP%s', async (family) => {
    const address = lab.plan.virtual[family];
    const url = `http://${address.includes(':') ? `[${address}]` : address}/bytes/${BULK_BYTES}`;
    const script = `curl --silent --fail --max-time 20 ${url} | sha256sum`;
    const printed = await inNamespace(lab.plan.client.namespace, ['sh', '-c', script]);
    expect(printed.split(' ')[0]).toBe(sha256(testBytes(BULK_BYTES)));
  });

  test.each(FAMILIES)('datagrams from six ports alternate and come back whole: IP%s', async (family) => {
    const results = await send({ count: 6, family, udp: true });
    expect(results.map(({ intact }) => intact)).toEqual(new Array(6).fill(true));
    const [first, second, ...rest] = results.map(({ server }) => server);
    expect([first, second].sort()).toEqual(['rs1', 'rs2']);
    expect(rest).toEqual([first, second, first, second]);
  });

  test.each(FAMILIES)('a download of 10 MB arrives intact: IP%s', async (family) => {
    expect(await send({ ...BULK, family, path: `/bytes/${BULK_BYTES}` })).toMatchObject([
      { bytes: BULK_BYTES, intact: true, error: null },
    ]);
  });

  test.each(FAMILIES)('an upload of 10 MB arrives intact: IP%s', async (family) => {
    expect(await send({ ...BULK, family, uploadBytes: BULK_BYTES })).toMatchObject([{ intact: true, error: null }]);
    if (method !== 'tun') return;
    // The client has been told what fits through the tunnel.
    const route = await runIp(['-n', lab.plan.client.namespace, 'route', 'get', lab.plan.virtual[family]]);
    expect(route).toContain(`mtu ${TUNNEL_MTU[family]}`);
  });

  test.each(FAMILIES)('a real server that refuses a datagram is heard: IP%s', async (family) => {
    expect(await send({ count: 2, family, udp: true, port: CLOSED_PORT })).toMatchObject([
      { error: 'ECONNREFUSED' },
      { error: 'ECONNREFUSED' },
    ]);
  });

  test.each(FAMILIES)('datagrams in three fragments come back whole: IP%s', async (family) => {
    const fragmented = { family, udp: true, datagramBytes: FRAGMENTED_BYTES } as const;
    // Through an IPv6 tunnel the first one may only teach the client the size that fits.
    if (method === 'tun' && family === 'v6') await send({ ...fragmented, count: 1 });
    const results = await send({ ...fragmented, count: 2 });
    expect(results.map(({ intact, error }) => error ?? intact)).toEqual([true, true]);
  });

  test.each(FAMILIES)(
    "the host keeps its own traffic, on its own address and the virtual one's other ports: IP%s",
    async (family) => {
      const asked = [lab.plan.directorAddress[family], lab.plan.virtual[family]].flatMap((address) => [
        send({ ...BULK, address, port: HOST_PORT, path: '/bytes/1000000' }),
        send({ count: 1, address, port: HOST_PORT, udp: true }),
        send({ count: 1, address, port: HOST_PORT, udp: true, datagramBytes: FRAGMENTED_BYTES }),
        send({ count: 1, address, port: SILENT_PORT }),
      ]);
      const answers = (await Promise.all(asked)).flat().map(({ server, intact, error }) => error ?? `${server} ${intact}`);
      expect(answers).toEqual([...HOST_ANSWERS, ...HOST_ANSWERS]);
    },
  );

  test('nothing was dropped on the way', async () => {
    const { counters, ports } = await lab.director.status();
    const expected = method === 'tun' ? ['packetTooBig', 'fragmentFirstDropped'] : [];
    expect(dropNames(counters).filter((name) => !expected.includes(name))).toEqual([]);
    for (const port of ports) expect(port.counters).toMatchObject({ transmitFailed: 0, frameTooLong: 0 });
  });
});

/** Counters that are not zero and say that a frame ended in the director. */
function dropNames(counters: Readonly<Record<string, number>>): string[] {
  return Object.keys(counters).filter((name) => DROPS.has(name));
}
