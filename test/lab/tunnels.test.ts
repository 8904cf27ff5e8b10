/** Every kind of tunnel with real clients: requests, path MTU discovery, traceroute. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAB_TUNNELS, type LabTunnel } from '../../src/lab/labConfig.ts';
import { LAB_METHODS } from '../../src/lab/labPlan.ts';
import { runIp } from '../../src/lab/namespaces.ts';
import { inNamespace, labName, mustSkip } from './endToEndRig.ts';
import { openServiceLab, type ServiceLab } from './serviceRig.ts';

const FAMILIES = ['v4', 'v6'] as const;
const UPLOAD = { count: 1, uploadBytes: 1_000_000, timeoutMs: 20_000 } as const;
/** The longest packet that fits into a tunnel at an MTU of 1500, as recorded of the kernel. */
const TUNNEL_MTU: Readonly<Record<LabTunnel, { readonly v4: number; readonly v6: number }>> = {
  ipip: { v4: 1480, v6: 1460 },
  gue: { v4: 1468, v6: 1448 },
  'gue-csum': { v4: 1468, v6: 1448 },
  'gue-remcsum': { v4: 1468, v6: 1448 },
  gre: { v4: 1476, v6: 1456 },
  'gre-csum': { v4: 1472, v6: 1452 },
};
/** Of the network behind the router. */
const NARROW_MTU = 1400;
const skip = mustSkip();

describe.skipIf(skip)('through tunnels', () => {
  let lab: ServiceLab;
  const client = (...command: string[]) => inNamespace(lab.plan.client.namespace, command);
  /** The path MTU that the client has learned. */
  const learnedMtu = async (family: 'v4' | 'v6') => {
    const route = await runIp(['-n', lab.plan.client.namespace, 'route', 'get', lab.plan.virtual[family]]);
    return Number(/\bmtu (\d+)/.exec(route)?.[1]);
  };
  const forgetMtu = async () => {
    for (const family of ['-4', '-6']) await runIp([family, '-n', lab.plan.client.namespace, 'route', 'flush', 'cache']);
  };

  beforeAll(async () => {
    lab = await openServiceLab(labName('tn'), 'tun', 2, 'packet');
  });
  afterAll(() => lab?.close());

  describe.each(Object.keys(LAB_TUNNELS) as LabTunnel[])('of kind %s', (tunnel) => {
    beforeAll(async () => {
      await forgetMtu();
      await lab.configure('rr', { tunnel });
    });

    test.each(FAMILIES)('requests and datagrams alternate between the real servers: IP%s', async (family) => {
      const [http, echo] = await Promise.all([lab.ask({ count: 4, family }), lab.ask({ count: 4, family, udp: true })]);
      for (const answers of [http, echo]) expect(answers.toSorted()).toEqual(['rs1', 'rs1', 'rs2', 'rs2']);
    });

    test.each(FAMILIES)('an upload learns the path MTU and arrives intact: IP%s', async (family) => {
      expect(await lab.ask({ ...UPLOAD, family })).toEqual([expect.stringMatching(/^rs\d$/)]);
      expect(await learnedMtu(family)).toBe(TUNNEL_MTU[tunnel][family]);
    });
  });

  test('the director learns of a narrow way behind a router, and tells the client', async () => {
    await forgetMtu();
    await lab.configure('rr', { tunnel: 'ipip' });
    const router = lab.plan.nodes.find(({ name }) => name === 'router')!;
    await runIp(['-n', router.namespace, 'link', 'set', 'eth1', 'mtu', String(NARROW_MTU)]);
    for (const family of FAMILIES) expect(await lab.ask({ ...UPLOAD, family })).toEqual([expect.stringMatching(/^rs\d$/)]);
    expect([await learnedMtu('v4'), await learnedMtu('v6')]).toEqual([NARROW_MTU - 20, NARROW_MTU - 40]);
  });

  test.each(FAMILIES)('tracepath shows the path MTU: IP%s', async (family) => {
    const { virtualEcho } = lab.plan.ports;
    const printed = await client(
      'tracepath',
      family === 'v4' ? '-4' : '-6',
      '-n',
      '-m',
      '6',
      '-p',
      String(virtualEcho),
      lab.plan.virtual[family],
    );
    expect(printed).toMatch(new RegExp(`pmtu ${NARROW_MTU - (family === 'v4' ? 20 : 40)}`));
  });
});

/**
 * Hops that must answer: the director, with a tunnel the router behind it, and at last the real server. In the tun lab there is one more
 * between the last two: the real server's kernel forwards the outer packet to the process that unpacks, which costs a hop; a kernel that
 * unpacks by itself has none, so nothing is asked of it.
 */
const HOPS = { dr: 2, nat: 2, tun: 4 } as const;
const LAB_HOP = { dr: -1, nat: -1, tun: 2 } as const;
/** Fullnat shows what nat does. */
const METHODS = LAB_METHODS.filter((method) => method !== 'fullnat');

describe.skipIf(skip).each(METHODS)('traceroute by method %s', (method) => {
  let lab: ServiceLab;

  beforeAll(async () => {
    lab = await openServiceLab(labName('tr'), method, 1, 'packet');
  });
  afterAll(() => lab?.close());

  test.each(FAMILIES)('shows every hop to the real server: IP%s', async (family) => {
    const to = lab.plan.virtual[family];
    const options = ['-n', '-T', '-p', String(lab.plan.ports.virtualHttp), '-q', '1', '-w', '2', '-m', '6'];
    const printed = await inNamespace(lab.plan.client.namespace, ['traceroute', family === 'v4' ? '-4' : '-6', ...options, to]);
    const hops = printed
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[1]);
    expect(hops).toHaveLength(HOPS[method]);
    // Errors that the director makes or relays come from the virtual address, as in Linux.
    for (const [i, hop] of hops.entries()) if (i !== LAB_HOP[method]) expect(hop).toBe(to);
  });
});
