/** What a lab's services may have, in the simulation: the same configuration, actions, engine and packets as with real frames. */
import { expect, test } from 'vitest';
import { address, formatAddress, parseEndpoint } from '../../src/base/address.ts';
import { LAB_TUNNELS, type LabServiceOptions, type LabTunnel } from '../../src/lab/labConfig.ts';
import { LAB_METHODS, type LabMethod } from '../../src/lab/labPlan.ts';
import { Simulation } from '../../src/lab/simulation.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';

const ASKED = [
  { family: 'v4', udp: false },
  { family: 'v6', udp: false },
  { family: 'v4', udp: true },
  { family: 'v6', udp: true },
] as const;

/** Servers that answer three requests to each of the four services. */
function answers(method: LabMethod, options: LabServiceOptions, scheduler = 'rr'): (string | null)[][] {
  const simulation = new Simulation(planLab('sim', method, 3), { scheduler, seed: 7, ...options });
  return ASKED.map((asked) => [1, 2, 3].map(() => simulation.request(asked).server));
}

const ALL = ['rs1', 'rs2', 'rs3'];

test.each(Object.keys(LAB_TUNNELS) as LabTunnel[])('a tunnel of kind %s carries both families', (tunnel) => {
  for (const servers of answers('tun', { tunnel })) expect(servers.toSorted()).toEqual(ALL);
});

test.each(LAB_METHODS)('services by mark are those by address: method %s', (method) => {
  expect(answers(method, { byMark: true })).toEqual(answers(method, {}));
  for (const servers of answers(method, { byMark: true })) expect(servers.toSorted()).toEqual(ALL);
});

test.each(LAB_METHODS)('a persistent client has one server for each service: method %s', (method) => {
  for (const servers of answers(method, { persistenceSeconds: 60 })) {
    expect(ALL).toContain(servers[0]);
    expect(servers).toEqual([servers[0], servers[0], servers[0]]);
  }
});

test.each(['v4', 'v6'] as const)('by fullnat a real server sees a local address and is told of the client: IP%s', (family) => {
  const plan = planLab('sim', 'fullnat', 2);
  const simulation = new Simulation(plan, { scheduler: 'rr', seed: 7 });
  for (const { error, seen } of [1, 2, 3, 4].map(() => simulation.request({ family }))) {
    expect([error, seen?.client]).toEqual([null, seen?.self]);
    const peer = parseEndpoint(seen?.peer ?? '');
    expect(plan.localAddresses.map((each) => formatAddress(address(each[family])))).toContain(formatAddress(peer!.address));
  }
});

test('a persistent client that stays away long enough is scheduled anew', () => {
  const simulation = new Simulation(planLab('sim', 'dr', 3), { scheduler: 'rr', seed: 7, persistenceSeconds: 60 });
  const first = simulation.request().server;
  simulation.wait(30_000);
  expect(simulation.request().server).toBe(first);
  // The closed connection holds the template for up to 120 s more, and it is looked at once a minute.
  simulation.wait(400_000);
  expect(simulation.request().server).not.toBe(first);
});

// Every scheduler by every method is for the lab (test/lab/matrix.test.ts).
test.each(SCHEDULERS.map(({ name }, i) => [name, LAB_METHODS[i % LAB_METHODS.length]!] as const))(
  'scheduler %s answers by method %s',
  (scheduler, method) => {
    for (const servers of answers(method, {}, scheduler)) for (const server of servers) expect(ALL).toContain(server);
  },
);
