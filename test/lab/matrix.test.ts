/** Every scheduler by every method, with real clients through a director that changes its scheduler while it runs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { sendRequests } from '../../src/lab/labClient.ts';
import { labConfig } from '../../src/lab/labConfig.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import { LAB_METHODS, type LabPlan } from '../../src/lab/labPlan.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import { labName, mustSkip } from './endToEndRig.ts';

const REAL_SERVERS = 3;
const REQUESTS = 9;
/** More than the connections that are open at a time, so that none of these servers overflows however slowly a closed one is seen to close. */
const WEIGHT = 100;

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

describe.skipIf(skip).each(LAB_METHODS)('method %s', (method) => {
  let plan: LabPlan;
  let director: LabDirector;

  beforeAll(async () => {
    plan = planLab(labName(`mx${method}`), method, REAL_SERVERS);
    await labUp(plan);
    [director] = await Promise.all([startDirector(plan, { scheduler: 'rr', io: 'packet' }), startRealServers(plan)]);
  });
  afterAll(async () => {
    await director?.stop();
    if (plan !== undefined) await labDown(plan.name);
  });

  test.each(SCHEDULERS.map(({ name }) => name))('%s answers every request', async (scheduler) => {
    await director.reload(labConfig(plan, scheduler, { weight: WEIGHT }));
    const [http, echo] = await Promise.all([
      sendRequests(plan, { count: REQUESTS, family: 'v4' }),
      sendRequests(plan, { count: REQUESTS, family: 'v6', udp: true }),
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
  });
});

test('the matrix knows every scheduler', () => {
  expect(Object.keys(REACHES).toSorted()).toEqual(SCHEDULERS.map(({ name }) => name).toSorted());
});
