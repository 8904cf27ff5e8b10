import { describe, expect, test } from 'vitest';
import { NONE, Protocol } from '../../src/base/terms.ts';
import type { FullnatSettings, TableAction } from '../../src/table/actions.ts';
import { applyActions } from '../../src/table/applyActions.ts';
import { localIndexOf, localPortOf, MAX_LOCAL_ADDRESSES } from '../../src/table/localAddresses.ts';
import type { PortShare } from '../../src/table/localPorts.ts';
import { Tables } from '../../src/table/tables.ts';
import { validateActions } from '../../src/table/validateActions.ts';
import { actionOf } from '../support/ipvsadmActions.ts';
import { flowKey } from '../support/miniDirector.ts';

const FULLNAT: FullnatSettings = { localAddresses: ['10.0.0.5', '10.0.0.6'], ports: [5000, 5009], toa: true, timestamps: true };
const SETTINGS = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
const HOOKS = new Proxy({}, { get: (_target, name) => (name === 'knowsScheduler' ? () => true : () => {}) }) as Parameters<
  typeof applyActions
>[2];

function tablesWith(fullnat: FullnatSettings, share: PortShare = { index: 0, count: 1 }): Tables {
  const tables = new Tables({ connections: 4096, services: 8, destinations: 8, localPorts: share }, 7);
  const settings = { method: 'fullnat', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
  const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const;
  const destination = { address: '10.0.0.2', port: 8080 };
  const fault = applyActions(
    tables,
    [
      actionOf('ipvsadm -A -t 192.0.2.1:80 -s rr'),
      { kind: 'addDestination', service, destination, settings },
      { kind: 'setFullnat', fullnat },
    ],
    HOOKS,
  );
  expect(fault).toBeUndefined();
  return tables;
}

/** Takes pairs for connections to the only destination until there are none. */
function takeAll({ localPorts, destinations, connections }: Tables): string[] {
  const pairs: string[] = [];
  for (;;) {
    const local = localPorts.take(0, Protocol.tcp, 8080, destinations, connections);
    if (local === NONE) return pairs;
    pairs.push(pairOf(local));
  }
}

function pairOf(local: number): string {
  return `${localIndexOf(local)}:${localPortOf(local)}`;
}

describe('local ports', () => {
  test.each([1, 2, 3, 7])('%i workers share all pairs, and no pair has two owners', (count) => {
    const shares = Array.from({ length: count }, (_, index) => takeAll(tablesWith(FULLNAT, { index, count })));
    const all = shares.flat();
    expect([all.length, new Set(all).size]).toEqual([20, 20]);
    for (const [index, pairs] of shares.entries()) {
      for (const pair of pairs) expect(Number(pair.split(':')[1]) % count).toBe(index);
    }
  });

  test('a destination that is removed keeps its pool as long as connections have pairs of it', () => {
    const tables = tablesWith(FULLNAT);
    const { connections, localPorts, destinations } = tables;
    const conn = connections.insert(flowKey('tcp', '10.1.0.1:4000', '192.0.2.1:80'), 0, 0, 0, 0x0a00_0002, 8080, 0, 0, 5, 0, 600);
    connections.setLocal(conn, localPorts.take(0, Protocol.tcp, 8080, destinations, connections));
    tables.bindConnection(conn);
    applyActions(tables, [actionOf('ipvsadm -d -t 192.0.2.1:80 -r 10.0.0.2:8080')], HOOKS);
    expect(localPorts.usage(0, Protocol.tcp)).toEqual({ used: 1, size: 20 });
    tables.removeConnection(conn);
    applyActions(tables, [], HOOKS);
    expect(localPorts.usage(0, Protocol.tcp)).toEqual({ used: 0, size: 0 });
  });

  test('pairs that connections have are not given again after a change of addresses and back', () => {
    const tables = tablesWith(FULLNAT);
    const { connections, localPorts, destinations } = tables;
    const local = localPorts.take(0, Protocol.tcp, 8080, destinations, connections);
    const conn = connections.insert(flowKey('tcp', '10.1.0.1:4000', '192.0.2.1:80'), 0, 0, 0, 0x0a00_0002, 8080, 0, 0, 5, 0, 600);
    connections.setLocal(conn, local);
    for (const localAddresses of [['10.0.0.7'], FULLNAT.localAddresses]) {
      applyActions(tables, [{ kind: 'setFullnat', fullnat: { ...FULLNAT, localAddresses } }], HOOKS);
    }
    const pairs = takeAll(tables);
    expect(pairs).toHaveLength(19);
    expect(pairs).not.toContain(pairOf(local));
  });

  test('addresses of before are told to the selector with all of their ports, until their places are needed', () => {
    const tables = tablesWith(FULLNAT);
    applyActions(
      tables,
      [{ kind: 'setFullnat', fullnat: { ...FULLNAT, localAddresses: ['10.0.0.6'], ports: [6000, 6001] } }],
      HOOKS,
    );
    expect(tables.localPorts.addresses.ranges()).toEqual([
      { address: '10.0.0.5', ports: [5000, 5009] },
      { address: '10.0.0.6', ports: [5000, 6001] },
    ]);
    const many = Array.from({ length: MAX_LOCAL_ADDRESSES }, (_, i) => `10.7.0.${i}`);
    applyActions(tables, [{ kind: 'setFullnat', fullnat: { ...FULLNAT, localAddresses: many } }], HOOKS);
    expect(tables.localPorts.addresses.ranges().map(({ address }) => address)).toEqual(expect.arrayContaining(many));
  });

  test.each([
    [
      'more addresses than there is room for',
      { localAddresses: Array.from({ length: 257 }, (_, i) => `10.${i >> 8}.0.${i & 255}`) },
    ],
    ['a port 0', { ports: [0, 9] as const }],
    ['a range that ends before it begins', { ports: [9, 8] as const }],
    ['half an address', { localAddresses: ['10.0.0'] }],
  ])('%s is refused', (_name, wrong) => {
    const action = { kind: 'setFullnat', fullnat: { ...FULLNAT, ...wrong } } as const;
    expect(validateActions(tablesWith(FULLNAT), [action])?.code).toMatch(/CAPACITY_EXCEEDED|CONFIG_INVALID/);
  });

  test('more local addresses than the memory for ports allows are refused, and fewer are not', () => {
    const service = { firewallMark: 7, family: 'v4' } as const;
    const settings = { method: 'fullnat', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
    const crowd = new Tables({ connections: 4096, services: 8, destinations: 256 }, 7);
    const many = Array.from({ length: 200 }, (_, i): TableAction => {
      return { kind: 'addDestination', service, destination: { address: '10.0.0.9', port: i + 1 }, settings };
    });
    const judge = (addresses: number) => {
      const localAddresses = Array.from({ length: addresses }, (_, i) => `10.7.0.${i}`);
      const fullnat = { ...FULLNAT, localAddresses, ports: [1, 65_535] as const };
      return validateActions(crowd, [
        { kind: 'addService', service, settings: SETTINGS },
        ...many,
        { kind: 'setFullnat', fullnat },
      ])?.message;
    };
    expect(judge(100)).toBeUndefined();
    expect(judge(200)).toMatch(/^600 real servers by fullnat would need \d+ MB/);
  });
});
