import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planChanges } from '../../src/control/planChanges.ts';
import { EMPTY_TABLES, type Tables } from '../../src/control/tables.ts';
import { formatAction, formatDestinationKey, formatServiceKey, type TunnelSettings } from '../../src/table/actions.ts';
import { applied } from './tablesModel.ts';

const destination = fc.record({
  key: fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', '2001:db8::1'), port: fc.constantFrom(80, 81) }),
  settings: fc.record(
    {
      method: fc.constantFrom('route' as const, 'masq' as const, 'tunnel' as const),
      weight: fc.integer({ min: 0, max: 2 }),
      upperThreshold: fc.constantFrom(0, 9),
      lowerThreshold: fc.constant(0),
      tunnel: fc.constantFrom<TunnelSettings[]>(
        { type: 'gre', port: 0, checksum: 'none' },
        { type: 'gue', port: 6080, checksum: 'full' },
      ),
    },
    { requiredKeys: ['method', 'weight', 'upperThreshold', 'lowerThreshold'] },
  ),
});
const service = fc.record({
  key: fc.oneof(
    fc.record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      address: fc.constantFrom('10.0.0.100', '2001:db8::100'),
      port: fc.constantFrom(0, 80),
    }),
    fc.record({ firewallMark: fc.constantFrom(1, 2), family: fc.constantFrom('v4' as const, 'v6' as const) }),
  ),
  settings: fc.record({
    scheduler: fc.constantFrom('rr', 'sh'),
    schedulerFlags: fc.subarray(['sh-port', 'sh-fallback']),
    onePacket: fc.boolean(),
    persistenceSeconds: fc.constantFrom(0, 60),
    persistencePrefix: fc.constantFrom(24, 32),
  }),
  destinations: fc.uniqueArray(destination, { selector: ({ key }) => formatDestinationKey(key) }),
});
const tables: fc.Arbitrary<Tables> = fc.record({
  services: fc.uniqueArray(service, { selector: ({ key }) => formatServiceKey(key) }),
  timeouts: fc.record({ tcp: fc.constantFrom(900, 60), tcpFin: fc.constant(120), udp: fc.constantFrom(300, 5) }),
  settings: fc
    .record({ sloppy_tcp: fc.constantFrom(0, 1), sync_threshold: fc.constantFrom([3, 50] as const, [3, 10] as const) })
    .map((values) => ({ ...EMPTY_TABLES.settings, ...values })),
  classification: fc.array(
    fc.record({
      family: fc.constant('v4' as const),
      mark: fc.constantFrom(1, 2),
      target: fc.constantFrom('10.0.0.1', '10.0.0.0/8'),
    }),
    { maxLength: 2 },
  ),
  fullnat: fc.record({
    localAddresses: fc.subarray(['10.0.0.5', '10.0.0.6']),
    ports: fc.constant([5000, 65_535] as const),
    toa: fc.boolean(),
    timestamps: fc.boolean(),
  }),
});

/** Without the order, which a plan leaves as it is for what stays. */
function unordered({ services, ...others }: Tables): object {
  const byName = services.map(({ key, settings, destinations }) => [
    formatServiceKey(key),
    { settings, destinations: Object.fromEntries(destinations.map((each) => [formatDestinationKey(each.key), each.settings])) },
  ]);
  return { ...others, services: Object.fromEntries(byName) };
}

describe('a plan', () => {
  test('applied to what is running, gives what is desired', () => {
    fc.assert(
      fc.property(tables, tables, (running, desired) => {
        expect(unordered(applied(running, planChanges(running, desired)))).toEqual(unordered(desired));
      }),
    );
  });

  test('from nothing gives the desired order as well', () => {
    fc.assert(
      fc.property(tables, (desired) => {
        expect(applied(EMPTY_TABLES, planChanges(EMPTY_TABLES, desired))).toEqual(desired);
      }),
    );
  });

  test('from a state to itself is empty', () => {
    fc.assert(
      fc.property(tables, (running) => {
        expect(planChanges(running, structuredClone(running))).toEqual([]);
      }),
    );
  });

  test('has removals, then additions, then edits', () => {
    const rank = { remove: 0, add: 1, edit: 2, set: 2 };
    fc.assert(
      fc.property(tables, tables, (running, desired) => {
        const ranks = planChanges(running, desired).map(({ kind }) => rank[/^[a-z]+/.exec(kind)![0] as keyof typeof rank]);
        expect(ranks).toEqual(ranks.toSorted());
      }),
    );
  });

  test('never removes a real server that stays', () => {
    fc.assert(
      fc.property(tables, tables, (running, desired) => {
        const staying = new Set(
          desired.services.flatMap(({ key, destinations }) =>
            destinations.map((each) => `${formatServiceKey(key)} -> ${formatDestinationKey(each.key)}`),
          ),
        );
        for (const action of planChanges(running, desired)) {
          if (action.kind !== 'removeDestination') continue;
          expect(staying).not.toContain(`${formatServiceKey(action.service)} -> ${formatDestinationKey(action.destination)}`);
        }
      }),
    );
  });

  test('reads as lines for a person', () => {
    const settings = { method: 'route', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
    const web = {
      key: { protocol: 'tcp', address: '10.0.0.100', port: 80 },
      settings: { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 },
    } as const;
    const server = (address: string, weight: number) => ({ key: { address, port: 80 }, settings: { ...settings, weight } });
    const running: Tables = {
      ...EMPTY_TABLES,
      services: [{ ...web, destinations: [server('10.0.0.1', 1), server('10.0.0.2', 1)] }],
    };
    const desired: Tables = {
      timeouts: { tcp: 60, tcpFin: 120, udp: 300 },
      settings: { ...EMPTY_TABLES.settings, sync_threshold: [3, 10], drop_entry: 3 },
      classification: [{ family: 'v4', mark: 7 }],
      fullnat: { localAddresses: ['10.0.0.5'], ports: [5000, 6000], toa: false, timestamps: true },
      services: [{ ...web, destinations: [server('10.0.0.2', 0), server('10.0.0.3', 1)] }],
    };
    expect(planChanges(running, desired).map(formatAction)).toEqual([
      'removeDestination tcp 10.0.0.100:80 -> 10.0.0.1:80',
      'addDestination tcp 10.0.0.100:80 -> 10.0.0.3:80 route 1',
      'editDestination tcp 10.0.0.100:80 -> 10.0.0.2:80 route 0',
      'setTimeouts 60 120 300',
      'setSettings drop_entry=3 sync_threshold=3,10',
      'setFullnat 10.0.0.5 ports 5000-6000, no TOA',
      'setClassification 1 rules',
    ]);
  });
});
