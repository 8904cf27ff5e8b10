import { describe, expect, test } from 'vitest';
import { selectorFacts } from '../../src/dataplane/selectorFacts.ts';
import type { ServiceKey, TableAction } from '../../src/table/actions.ts';
import { applyActions } from '../../src/table/applyActions.ts';
import { Tables } from '../../src/table/tables.ts';

const HOOKS = new Proxy({}, { get: (_hooks, name) => () => name === 'knowsScheduler' }) as Parameters<typeof applyActions>[2];

/** A service with one masqueraded real server on `port`. */
function withServer(service: ServiceKey, port: number, persistenceSeconds = 0): TableAction[] {
  const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds, persistencePrefix: 32 };
  const server = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
  return [
    { kind: 'addService', service, settings },
    { kind: 'addDestination', service, destination: { address: '10.0.1.1', port }, settings: server },
  ];
}

function tablesOf(actions: readonly TableAction[]): Tables {
  const tables = new Tables({ connections: 256, services: 8, destinations: 8 }, 1);
  expect(applyActions(tables, actions, HOOKS)).toBeUndefined();
  return tables;
}

const tcp = (port: number): ServiceKey => ({ protocol: 'tcp', address: '10.0.0.1', port });
const mark = (firewallMark: number): ServiceKey => ({ firewallMark, family: 'v4' });

const CASES = [
  // name                                              service    port    persistent   services          real server's ports
  ['an ordinary service', tcp(80), 8080, 0, ['tcp 80'], ['tcp 8080']],
  ['one with persistence', tcp(80), 8080, 60, ['tcp 80'], ['tcp 8080']],
  ['one on every port', tcp(0), 8080, 60, ['tcp 0'], ['tcp 0']],
  ['FTP, whose data come to other ports', tcp(21), 21, 60, ['tcp 21', 'tcp 0'], ['tcp 0']],
  ['one by mark', mark(7), 8080, 0, [], ['tcp 8080', 'udp 8080', 'sctp 8080']],
  ['one by mark that keeps the ports', mark(7), 0, 0, [], ['tcp 0', 'udp 0', 'sctp 0']],
  ['one by mark with persistence, which keeps the ports', mark(7), 8080, 60, [], ['tcp 0', 'udp 0', 'sctp 0']],
] as const;

describe('the selector is told of', () => {
  test.each(CASES)('%s', (_name, service, port, persistent, services, servers) => {
    const facts = selectorFacts(tablesOf(withServer(service, port, persistent)), [], ['10.0.0.254']);
    expect(facts.services.map((of) => `${of.protocol} ${of.port}`)).toEqual(services);
    expect(facts.destinations.map((of) => `${of.protocol} ${of.port}`)).toEqual(servers);
    expect(facts.localAddresses).toEqual(['10.0.0.254']);
  });

  test('rules that lead to a service, and of no others', () => {
    const rules = [
      { family: 'v4', mark: 7, target: '10.9.0.0/16' },
      { family: 'v6', mark: 7 },
      { family: 'v4', mark: 8 },
      { family: 'v4', mark: 0, target: '10.9.1.0/24' },
    ] as const;
    expect(selectorFacts(tablesOf(withServer(mark(7), 0)), rules, []).classified).toEqual([rules[0]]);
  });
});
