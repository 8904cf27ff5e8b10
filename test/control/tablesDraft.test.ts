import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EMPTY_TABLES, type Tables } from '../../src/control/tables.ts';
import { TablesDraft } from '../../src/control/tablesDraft.ts';
import type { ServiceKey, TableAction } from '../../src/table/actions.ts';
import { applied } from './tablesModel.ts';

const service = fc.constantFrom<ServiceKey[]>(
  { protocol: 'tcp', address: '10.0.0.1', port: 80 },
  { protocol: 'udp', address: '10.0.0.1', port: 80 },
  { firewallMark: 1, family: 'v6' },
);
const destination = fc.record({ address: fc.constantFrom('10.0.1.1', '2001:db8::1'), port: fc.constantFrom(80, 81) });
const serviceSettings = fc.record({
  scheduler: fc.constantFrom('rr', 'wlc'),
  schedulerFlags: fc.constant([]),
  onePacket: fc.constant(false),
  persistenceSeconds: fc.constantFrom(0, 60),
  persistencePrefix: fc.constant(32),
});
const settings = fc.record({
  method: fc.constantFrom('route' as const, 'tunnel' as const),
  weight: fc.integer({ min: 0, max: 2 }),
  upperThreshold: fc.constant(0),
  lowerThreshold: fc.constant(0),
});
const action: fc.Arbitrary<TableAction> = fc.oneof(
  fc.record({ kind: fc.constantFrom('addService' as const, 'editService' as const), service, settings: serviceSettings }),
  fc.record({ kind: fc.constant('removeService' as const), service }),
  fc.record({ kind: fc.constantFrom('addDestination' as const, 'editDestination' as const), service, destination, settings }),
  fc.record({ kind: fc.constant('removeDestination' as const), service, destination }),
  fc.record({ kind: fc.constant('zeroStatistics' as const) }),
);

/** Whether it can be applied, asked of the draft itself. */
function fits(draft: TablesDraft, of: TableAction): boolean {
  switch (of.kind) {
    case 'addService':
      return !draft.hasService(of.service);
    case 'editService':
    case 'removeService':
      return draft.hasService(of.service);
    case 'addDestination':
      return draft.hasService(of.service) && !draft.hasDestination(of.service, of.destination);
    case 'editDestination':
    case 'removeDestination':
      return draft.hasDestination(of.service, of.destination);
    default:
      return true;
  }
}

/** Applies those that fit to both. @returns what the model has become */
function play(draft: TablesDraft, from: Tables, actions: readonly TableAction[], check: (model: Tables) => void): Tables {
  let model = from;
  for (const each of actions) {
    if (!fits(draft, each)) continue;
    draft.apply(each);
    model = applied(model, [each]);
    check(model);
  }
  return model;
}

test('a draft becomes what the actions make of the tables, one after the other', () => {
  const actions = fc.array(action, { maxLength: 30 });
  fc.assert(
    fc.property(actions, actions, (before, after) => {
      const first = new TablesDraft(EMPTY_TABLES);
      const model = play(first, EMPTY_TABLES, before, () => {});
      expect(first.tables).toEqual(model);
      const second = new TablesDraft(first.tables);
      play(second, model, after, (now) => expect(second.tables).toEqual(now));
    }),
    { numRuns: 50 },
  );
});

test('a draft that nothing was applied to is the tables themselves', () => {
  expect(new TablesDraft(EMPTY_TABLES).tables).toBe(EMPTY_TABLES);
});

test('services that no action named keep their entries', () => {
  const draft = new TablesDraft(EMPTY_TABLES);
  const key = (port: number) => ({ protocol: 'tcp' as const, address: '10.0.0.1', port });
  const plain = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
  for (const port of [80, 81]) draft.apply({ kind: 'addService', service: key(port), settings: plain });
  const [kept] = draft.tables.services;
  draft.apply({ kind: 'removeService', service: key(81) });
  expect(draft.tables.services).toEqual([kept]);
  expect(draft.tables.services[0]).toBe(kept);
});

test('a timeout of 0 leaves what there is', () => {
  const draft = new TablesDraft(EMPTY_TABLES);
  draft.apply({ kind: 'setTimeouts', timeouts: { tcp: 0, tcpFin: 7, udp: 0 } });
  expect(draft.tables.timeouts).toEqual({ tcp: 900, tcpFin: 7, udp: 300 });
});
