import { expect, test } from 'vitest';
import { changesSelection } from '../../src/dataplane/selectorChange.ts';
import { selectorFacts } from '../../src/dataplane/selectorFacts.ts';
import type { DestinationSettings, ServiceKey, TableAction } from '../../src/table/actions.ts';
import { applyActions } from '../../src/table/applyActions.ts';
import { Tables } from '../../src/table/tables.ts';

const HOOKS = new Proxy({}, { get: (_hooks, name) => () => name === 'knowsScheduler' }) as Parameters<typeof applyActions>[2];
const WEB: ServiceKey = { protocol: 'tcp', address: '10.0.0.1', port: 80 };
const MARKED: ServiceKey = { firewallMark: 7, family: 'v4' };
const PLAIN = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
const SERVER: DestinationSettings = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 };
const destination = { address: '10.0.1.1', port: 8080 };

const CASES: readonly (readonly [string, boolean, TableAction])[] = [
  ['a weight', false, { kind: 'editDestination', service: WEB, destination, settings: { ...SERVER, weight: 0 } }],
  ['a method', true, { kind: 'editDestination', service: WEB, destination, settings: { ...SERVER, method: 'route' } }],
  ['a real server', true, { kind: 'removeDestination', service: WEB, destination }],
  ['one that comes', true, { kind: 'addDestination', service: MARKED, destination, settings: SERVER }],
  ['persistence of a mark', true, { kind: 'editService', service: MARKED, settings: { ...PLAIN, persistenceSeconds: 60 } }],
  ['a service', true, { kind: 'removeService', service: WEB }],
  ['timeouts', false, { kind: 'setTimeouts', timeouts: { tcp: 1, tcpFin: 1, udp: 1 } }],
  ['counters', false, { kind: 'zeroStatistics' }],
  ['rules', true, { kind: 'setClassification', rules: [{ family: 'v4', mark: 7 }] }],
];

test.each(CASES)('%s: the selector is told, when it must be: %s', (_name, isTold, action) => {
  const tables = new Tables({ connections: 256, services: 8, destinations: 8 }, 1);
  const start: TableAction[] = [
    { kind: 'addService', service: WEB, settings: PLAIN },
    { kind: 'addService', service: MARKED, settings: PLAIN },
    { kind: 'addDestination', service: WEB, destination, settings: SERVER },
  ];
  applyActions(tables, start, HOOKS);
  const before = selectorFacts(tables, [], []);
  expect(changesSelection(tables, [action])).toBe(isTold);
  applyActions(tables, [action], HOOKS);
  if (!isTold) expect(selectorFacts(tables, [], [])).toEqual(before);
});

test('a real server that comes with its service is told of, however it is edited then', () => {
  const tables = new Tables({ connections: 256, services: 8, destinations: 8 }, 1);
  expect(changesSelection(tables, [{ kind: 'editDestination', service: WEB, destination, settings: SERVER }])).toBe(true);
});
