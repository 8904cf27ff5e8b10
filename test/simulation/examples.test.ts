import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/readConfig.ts';
import { tablesOf, unmarkedServices } from '../../src/control/tables.ts';
import { LAB_METHODS } from '../../src/lab/labPlan.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';

const KNOWN = {
  schedulers: SCHEDULERS.map(({ name }) => name),
  schedulerFlags: Object.fromEntries(SCHEDULERS.map(({ name, flags }) => [name, flags])),
};

/** Example -> method of the lab that its README brings up. */
const OTHERS = [
  ['persistence', 'dr'],
  ['fwmark', 'dr'],
  ['tunnels', 'tun'],
] as const;

describe.each(OTHERS)('examples/%s', (name, method) => {
  const { config, faults } = parseConfig(readFileSync(`examples/${name}/uvs.yaml`, 'utf8'), 'uvs.yaml', KNOWN);
  const plan = planLab('try', method, 2);

  test('has no fault, and every service by mark has a rule', () => {
    expect(faults).toEqual([]);
    expect(unmarkedServices(tablesOf(config!, []))).toEqual([]);
  });

  test('asks for addresses of the lab that its README brings up', () => {
    const real = plan.realServers.flatMap(({ address }) => [address.v4, address.v6]);
    for (const service of config!.services) {
      if ('address' in service) expect([plan.virtual.v4, plan.virtual.v6]).toContain(service.address);
      expect(service.realServers).toHaveLength(2);
      for (const server of service.realServers) expect(real).toContain(server.address);
    }
    expect(readFileSync(`examples/${name}/README.md`, 'utf8')).toContain(`uvs lab up try --method ${method}`);
  });
});

describe.each(LAB_METHODS)('examples/%s', (method) => {
  const { config, faults } = parseConfig(readFileSync(`examples/${method}/uvs.yaml`, 'utf8'), 'uvs.yaml', KNOWN);
  const plan = planLab('try', method, 2);

  test('has no fault', () => {
    expect(faults).toEqual([]);
  });

  test('fits the lab that its README brings up: addresses and ports are those of the plan', () => {
    const { ports, virtual, realServers } = plan;
    for (const service of config?.services ?? []) {
      if ('firewallMark' in service) throw new Error('these have addresses');
      const family = service.address.includes(':') ? 'v6' : 'v4';
      const [virtualPort, realPort] =
        service.protocol === 'tcp' ? [ports.virtualHttp, ports.realHttp] : [ports.virtualEcho, ports.realEcho];
      expect(`${service.address} ${service.port}`).toBe(`${virtual[family]} ${virtualPort}`);
      expect(service.realServers.map(({ address, port }) => `${address} ${port}`)).toEqual(
        realServers.map(({ address }) => `${address[family]} ${realPort}`),
      );
    }
    expect(config?.services).toHaveLength(3);
  });
});
