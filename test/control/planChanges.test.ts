import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planChanges } from '../../src/control/planChanges.ts';
import { EMPTY_TABLES, type Tables } from '../../src/control/tables.ts';
import { formatAction, formatDestinationKey, formatServiceKey } from '../../src/table/actions.ts';
import { applied } from './tablesModel.ts';

const destination = fc.record({
  key: fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', '2001:db8::1'), port: fc.constantFrom(80, 81) }),
  settings: fc.record({
    method: fc.constantFrom('route' as const, 'masq' as const, 'tunnel' as const),
    weight: fc.integer({ min: 0, max: 2 }),
    upperThreshold: fc.constantFrom(0, 9),
    lowerThreshold: fc.constant(0),
  }),
});
const service = fc.record({
  key: fc.record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    address: fc.constantFrom('10.0.0.100', '2001:db8::100'),
    port: fc.constantFrom(53, 80),
  }),
  settings: fc.record({
    scheduler: fc.constantFrom('rr', 'sh'),
    schedulerFlags: fc.subarray(['sh-port', 'sh-fallback']),
    onePacket: fc.boolean(),
    persistenceSeconds: fc.constant(0),
    persistencePrefix: fc.constant(32),
  }),
  destinations: fc.uniqueArray(destination, { selector: ({ key }) => formatDestinationKey(key) }),
});
const tables: fc.Arbitrary<Tables> = fc.record({
  services: fc.uniqueArray(service, { selector: ({ key }) => formatServiceKey(key) }),
  timeouts: fc.record({ tcp: fc.constantFrom(900, 60), tcpFin: fc.constant(120), udp: fc.constantFrom(300, 5) }),
});

/** Without the order, which a plan leaves as it is for what stays. */
function unordered({ services, timeouts }: Tables): object {
  const byName = services.map(({ key, settings, destinations }) => [
    formatServiceKey(key),
    { settings, destinations: Object.fromEntries(destinations.map((each) => [formatDestinationKey(each.key), each.settings])) },
  ]);
  return { timeouts, services: Object.fromEntries(byName) };
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
      services: [{ ...web, destinations: [server('10.0.0.2', 0), server('10.0.0.3', 1)] }],
    };
    expect(planChanges(running, desired).map(formatAction)).toEqual([
      'removeDestination tcp 10.0.0.100:80 -> 10.0.0.1:80',
      'addDestination tcp 10.0.0.100:80 -> 10.0.0.3:80 route 1',
      'editDestination tcp 10.0.0.100:80 -> 10.0.0.2:80 route 0',
      'setTimeouts 60 120 300',
    ]);
  });
});
