import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { formatAction, type TableAction } from '../../src/table/actions.ts';
import { applyActions, type TableHooks } from '../../src/table/applyActions.ts';
import { ConnectionFlag } from '../../src/table/connectionFlags.ts';
import { Tables } from '../../src/table/tables.ts';
import { actionOf } from '../support/ipvsadmActions.ts';
import { flowKey } from '../support/miniDirector.ts';

const LIMITS = { connections: 8, services: 2, destinations: 3 };
const SERVICE = 'ipvsadm -A -t 192.0.2.1:80 -s rr';
const server = (n: number, rest = '') => `ipvsadm -a -t 192.0.2.1:80 -r 10.0.1.${n}:80 -g -w 1${rest}`;

/** Notes every call as `name arguments`. */
function noting(calls: string[], tables?: Tables): TableHooks {
  const isListed = (s: number, d: number) => {
    for (let e = tables?.destinations.first(s) ?? NONE; e !== NONE; e = tables!.destinations.next(e)) if (e === d) return true;
    return false;
  };
  return {
    knowsScheduler: (name) => name !== 'nonsense',
    serviceAdded: (s, { scheduler }) => void calls.push(`serviceAdded ${s} ${scheduler}`),
    serviceEdited: (s, { scheduler }) => void calls.push(`serviceEdited ${s} ${scheduler}`),
    serviceRemoved: (s) => void calls.push(`serviceRemoved ${s}`),
    destinationAdded: (s, d) => void calls.push(`destinationAdded ${s} ${d} listed ${isListed(s, d)}`),
    destinationEdited: (s, d) => void calls.push(`destinationEdited ${s} ${d}`),
    destinationRemoving: (s, d) => void calls.push(`destinationRemoving ${s} ${d} listed ${isListed(s, d)}`),
    destinationRemoved: (s, d) => void calls.push(`destinationRemoved ${s} ${d} listed ${isListed(s, d)}`),
    timeoutsSet: ({ tcp, tcpFin, udp }) => void calls.push(`timeoutsSet ${tcp} ${tcpFin} ${udp}`),
    settingsSet: (settings) => void calls.push(`settingsSet ${Object.keys(settings).join(' ')}`),
    classificationSet: (rules) => void calls.push(`classificationSet ${rules.length}`),
    fullnatSet: ({ localAddresses }) => void calls.push(`fullnatSet ${localAddresses.join(' ')}`),
  };
}

function apply(tables: Tables, ...commands: readonly (string | TableAction)[]): string | undefined {
  const actions = commands.map((command) => (typeof command === 'string' ? actionOf(command) : command));
  return applyActions(tables, actions, noting([]))?.code;
}

/** All that the tables say of services and destinations. */
function snapshot({ services, destinations }: Tables): unknown {
  const all: unknown[] = [];
  for (let s = services.first(); s !== NONE; s = services.next(s)) {
    const list: unknown[] = [];
    for (let d = destinations.first(s); d !== NONE; d = destinations.next(d))
      list.push([destinations.key(d), destinations.settings(d)]);
    all.push([services.key(s), services.settings(s), list]);
  }
  return all;
}

test('the hooks are called in the order of the actions, around each removal', () => {
  const tables = new Tables(LIMITS, 1);
  const calls: string[] = [];
  const actions = [
    ...[SERVICE, server(1), 'ipvsadm -E -t 192.0.2.1:80 -s wlc', 'ipvsadm -e -t 192.0.2.1:80 -r 10.0.1.1:80 -g -w 3'],
    ...['ipvsadm -d -t 192.0.2.1:80 -r 10.0.1.1:80', server(2), 'ipvsadm -D -t 192.0.2.1:80'],
  ].map(actionOf);
  const timeouts: TableAction = { kind: 'setTimeouts', timeouts: { tcp: 1, tcpFin: 2, udp: 3 } };
  expect(applyActions(tables, [...actions, timeouts], noting(calls, tables))).toBeUndefined();
  expect(calls).toEqual([
    'serviceAdded 0 rr',
    'destinationAdded 0 0 listed true',
    'serviceEdited 0 wlc',
    'destinationEdited 0 0',
    'destinationRemoving 0 0 listed true',
    'destinationRemoved 0 0 listed false',
    'destinationAdded 0 1 listed true',
    'serviceRemoved 0',
    'timeoutsSet 1 2 3',
  ]);
  expect(snapshot(tables)).toEqual([]);
});

describe('a list with a fault changes nothing', () => {
  const CASES: readonly (readonly [string, readonly string[], readonly (string | TableAction)[], string])[] = [
    // name, before, list, code
    ['a service that exists', [SERVICE], [server(1), SERVICE], 'SERVICE_EXISTS'],
    ['a service added twice', [], [SERVICE, server(1), SERVICE], 'SERVICE_EXISTS'],
    ['a scheduler that nobody knows', [], [SERVICE.replace('rr', 'nonsense')], 'SCHEDULER_UNKNOWN'],
    ['editing a service that does not exist', [], ['ipvsadm -E -t 192.0.2.1:80 -s rr'], 'SERVICE_UNKNOWN'],
    ['removing a service that does not exist', [SERVICE], [server(1), 'ipvsadm -D -t 192.0.2.9:80'], 'SERVICE_UNKNOWN'],
    ['a real server of a service removed before', [SERVICE], ['ipvsadm -D -t 192.0.2.1:80', server(1)], 'SERVICE_UNKNOWN'],
    ['a real server that exists', [SERVICE, server(1)], [server(2), server(1)], 'DESTINATION_EXISTS'],
    ['editing a real server that does not exist', [SERVICE], [server(1).replace('-a', '-e')], 'DESTINATION_UNKNOWN'],
    [
      'removing a real server twice',
      [SERVICE, server(1)],
      Array(2).fill('ipvsadm -d -t 192.0.2.1:80 -r 10.0.1.1:80'),
      'DESTINATION_UNKNOWN',
    ],
    ['one service too many', [SERVICE], [2, 3].map((n) => SERVICE.replace('2.1', `2.${n}`)), 'CAPACITY_EXCEEDED'],
    ['one real server too many', [SERVICE, server(1)], [2, 3, 4].map((n) => server(n)), 'CAPACITY_EXCEEDED'],
    [
      'a real server of the other family without a tunnel',
      [SERVICE],
      // The grammar of uvsadm would not let it through.
      [
        {
          ...actionOf('ipvsadm -a -t 192.0.2.1:80 -r 10.0.1.1:80 -m'),
          destination: { address: '2001:db8::1', port: 80 },
        } as TableAction,
      ],
      'CONFIG_INVALID',
    ],
  ];

  test.each(CASES)('%s', (_name, before, list, code) => {
    const tables = new Tables(LIMITS, 1);
    expect(apply(tables, ...before)).toBeUndefined();
    const was = snapshot(tables);
    expect(apply(tables, ...list)).toBe(code);
    expect(snapshot(tables)).toEqual(was);
  });

  test.each([
    [
      'an address that is none',
      { ...actionOf(SERVICE), service: { protocol: 'tcp', address: '192.0.2', port: 80 } } as TableAction,
    ],
    [
      'a MAC address that is none',
      { kind: 'setNextHop', nextHop: { address: '10.0.1.1', port: 0, mac: 'x', source: '10.0.1.254', mtu: 1500 } } as TableAction,
    ],
  ])('%s', (_name, action) => {
    expect(apply(new Tables(LIMITS, 1), action)).toBe('CONFIG_INVALID');
  });
});

describe('room', () => {
  const remove = (n: number) => `ipvsadm -d -t 192.0.2.1:80 -r 10.0.1.${n}:80`;

  test('a full table takes as many as the same list removed before', () => {
    const tables = new Tables(LIMITS, 1);
    expect(apply(tables, SERVICE, server(1), server(2), server(3))).toBeUndefined();
    expect(apply(tables, remove(2), server(4), remove(4), server(5))).toBeUndefined();
    expect(apply(tables, SERVICE.replace('2.1', '2.2'), server(6).replace('2.1', '2.2'))).toBe('CAPACITY_EXCEEDED');
  });

  test('connections hold the row of a removed real server, for it alone', () => {
    const tables = new Tables(LIMITS, 1);
    apply(tables, SERVICE, server(1), server(2), server(3));
    tables.destinations.bind(tables.destinations.first(0));
    expect(apply(tables, remove(3), server(4))).toBe('CAPACITY_EXCEEDED');
    expect(apply(tables, remove(3), server(3))).toBeUndefined();
    expect(apply(tables, remove(3))).toBeUndefined();
    expect(apply(tables, server(4))).toBe('CAPACITY_EXCEEDED');
    expect(apply(tables, server(3))).toBeUndefined();
  });

  test('no list that is judged good fails to apply', () => {
    const n = fc.integer({ min: 1, max: 4 });
    const command = fc.oneof(
      n.map((i) => server(i)),
      n.map((i) => remove(i)),
      fc.constant(SERVICE),
      fc.constant('ipvsadm -D -t 192.0.2.1:80'),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(command, { maxLength: 4, size: 'max' }), fc.nat(8)), { maxLength: 12, size: 'max' }),
        (lists) => {
          const tables = new Tables(LIMITS, 1);
          const bound: number[] = [];
          for (const [list, binding] of lists) {
            const was = snapshot(tables);
            if (apply(tables, ...list) !== undefined) expect(snapshot(tables)).toEqual(was);
            const d = tables.services.inUse(0) ? tables.destinations.first(0) : NONE;
            if (binding < 3 && d !== NONE) bound.push(d);
            if (binding < 3 && d !== NONE) tables.destinations.bind(d);
            if (binding > 6 && bound.length > 0) tables.destinations.unbind(bound.pop()!, false);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

test('connections outlive their service; their destination is no longer available', () => {
  const tables = new Tables(LIMITS, 1);
  apply(tables, SERVICE, server(1));
  const d = tables.destinations.first(0);
  const key = flowKey('tcp', '10.1.0.1:1025', '192.0.2.1:80');
  const conn = tables.connections.insert(key, 0, 0, 0, 1, 80, 0, d, ConnectionFlag.inactive, 0, 30);
  tables.bindConnection(conn);
  tables.setActive(conn, true);
  expect(apply(tables, 'ipvsadm -D -t 192.0.2.1:80')).toBeUndefined();
  expect([tables.connections.inUse(conn), tables.destinations.available(d), tables.destinations.active(d)]).toEqual([
    true,
    false,
    1,
  ]);
  tables.removeConnection(conn);
  expect([tables.connections.count, tables.destinations.active(d), tables.destinations.references(d)]).toEqual([0, 0, 0]);
});

test('a template counts on its destination by itself', () => {
  const tables = new Tables(LIMITS, 1);
  apply(tables, SERVICE, server(1));
  const d = tables.destinations.first(0);
  const key = flowKey('tcp', '10.1.0.1:0', '192.0.2.1:80');
  const flags = ConnectionFlag.template | ConnectionFlag.inactive;
  const template = tables.connections.insert(key, 0, 0, 0, 1, 80, 0, d, flags, 0, 30);
  tables.bindConnection(template);
  expect([tables.destinations.templates(d), tables.destinations.total(d)]).toEqual([1, 0]);
  tables.removeConnection(template);
  expect(tables.destinations.references(d)).toBe(0);
});

test('an action reads as a line', () => {
  expect(formatAction(actionOf(server(1, ' -x 5')))).toBe('addDestination tcp 192.0.2.1:80 -> 10.0.1.1:80 route 1');
});
