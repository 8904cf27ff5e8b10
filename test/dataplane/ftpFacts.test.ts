/** What the selector and the fanout are told of services whose control connections are read. */
import { expect, test } from 'vitest';
import { selectorFacts } from '../../src/dataplane/selectorFacts.ts';
import type { ServiceKey, TableAction } from '../../src/table/actions.ts';
import { applyActions } from '../../src/table/applyActions.ts';
import { Tables } from '../../src/table/tables.ts';

const HOOKS = new Proxy({}, { get: (_hooks, name) => () => name === 'knowsScheduler' }) as Parameters<typeof applyActions>[2];

function factsOf(port: number, method: 'masq' | 'route', ftpPorts: readonly number[]) {
  const service: ServiceKey = { protocol: 'tcp', address: '10.0.0.1', port };
  const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
  const server = { method, weight: 1, upperThreshold: 0, lowerThreshold: 0 };
  const actions: TableAction[] = [
    { kind: 'setFtpPorts', ports: ftpPorts },
    { kind: 'addService', service, settings },
    { kind: 'addDestination', service, destination: { address: '10.0.1.1', port: 8021 }, settings: server },
  ];
  const tables = new Tables({ connections: 256, services: 8, destinations: 8 }, 1);
  expect(applyActions(tables, actions, HOOKS)).toBeUndefined();
  const { services, destinations } = selectorFacts(tables, [], []);
  const told = ({ port: of, byAddress = false }: { port: number; byAddress?: boolean }) =>
    `${of}${byAddress ? ' by address' : ''}`;
  return [services.map(told), destinations.map(told)];
}

test.each([
  ['port 21 is always one', 21, 'masq', [2121], ['21 by address', '0 by address'], ['0 by address']],
  [
    'another port is one when the helper listens to it',
    2121,
    'masq',
    [21, 2121],
    ['2121 by address', '0 by address'],
    ['0 by address'],
  ],
  ['it is none when the helper does not', 2121, 'masq', [21], ['2121'], ['8021']],
  ['nor is it without a masq real server', 2121, 'route', [2121], ['2121'], ['8021']],
] as const)('%s', (_name, port, method, ftpPorts, services, destinations) => {
  expect(factsOf(port, method, ftpPorts)).toEqual([services, destinations]);
});
