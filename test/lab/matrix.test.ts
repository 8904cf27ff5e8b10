/** Every scheduler by every method, with real clients through a director that changes its scheduler while it runs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { sendRequests } from '../../src/lab/labClient.ts';
import { labConfig } from '../../src/lab/labConfig.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import { LAB_METHODS, type LabPlan } from '../../src/lab/labPlan.ts';
import { runIp } from '../../src/lab/namespaces.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import { labName, mustSkip } from './endToEndRig.ts';

const REAL_SERVERS = 3;
const REQUESTS = 9;
/** More than the connections that are open at a time, so that no server overflows however late a closed one is seen to close. */
const WEIGHT = 100;
/**
 * Each scheduler's client has an address of its own: a port that the system gives out a second time would lead to the server of the
 * connection that is remembered for it.
 */
const clientOf = (scheduler: number) => ({ v4: `10.77.0.${21 + scheduler}`, v6: `fd77::${21 + scheduler}` });

/**
 * Servers that one client's nine requests to one service reach, each answered before the next is sent: all of them in turn, or the one
 * that a hash of addresses, or the first place in a list, stands for. `any`: what chance will have.
 */
const REACHES: Readonly<Record<string, 'all' | 'one' | 'any'>> = {
  rr: 'all',
  wrr: 'all',
  lc: 'all',
  wlc: 'all',
  // Count active connections only, of which there is none by the time of the next request.
  sed: 'any',
  nq: 'any',
  fo: 'one',
  ovf: 'one',
  dh: 'one',
  sh: 'one',
  mh: 'one',
  maglev: 'one',
  lblc: 'one',
  lblcr: 'one',
  twos: 'any',
};

const skip = mustSkip();

/** To a scheduler fullnat is as masq. */
const METHODS = LAB_METHODS.filter((method) => method !== 'fullnat');

describe.skipIf(skip).each(METHODS)('method %s', (method) => {
  let plan: LabPlan;
  let director: LabDirector;

  beforeAll(async () => {
    plan = planLab(labName(`mx${method}`), method, REAL_SERVERS);
    await labUp(plan);
    await addClients(plan);
    [director] = await Promise.all([
      startDirector(plan, { scheduler: 'rr', io: 'packet', warmUp: false }),
      startRealServers(plan),
    ]);
  });
  afterAll(async () => {
    await director?.stop();
    if (plan !== undefined) await labDown(plan.name);
  });

  test.each(SCHEDULERS.map(({ name }, i) => [name, clientOf(i)] as const))(
    '%s answers every request',
    async (scheduler, client) => {
      await director.reload(labConfig(plan, scheduler, { weight: WEIGHT }));
      const [http, echo] = await Promise.all([
        sendRequests(plan, { count: REQUESTS, family: 'v4', from: [client.v4] }),
        sendRequests(plan, { count: REQUESTS, family: 'v6', udp: true, from: [client.v6] }),
      ]);
      const failed = [...http, ...echo].filter(({ error, intact }) => error !== null || intact === false);
      expect(failed).toEqual([]);
      expect([http.length, echo.length]).toEqual([REQUESTS, REQUESTS]);
      for (const results of [http, echo]) {
        const reached = new Set(results.map(({ server }) => server)).size;
        const expected = REACHES[scheduler];
        if (expected !== 'any')
          expect(`${scheduler} reaches ${reached}`).toBe(`${scheduler} reaches ${expected === 'all' ? REAL_SERVERS : 1}`);
      }
    },
  );
});

/** In one go: an address that is announced takes a moment. */
async function addClients({ client: { namespace } }: LabPlan): Promise<void> {
  const lines = SCHEDULERS.map((_, i) => {
    const { v4, v6 } = clientOf(i);
    return `address add ${v4}/24 dev eth0\naddress add ${v6}/64 dev eth0 nodad\n`;
  });
  await runIp(['-n', namespace, '-batch', '-'], lines.join(''));
}

test('the matrix knows every scheduler', () => {
  expect(Object.keys(REACHES).toSorted()).toEqual(SCHEDULERS.map(({ name }) => name).toSorted());
});
