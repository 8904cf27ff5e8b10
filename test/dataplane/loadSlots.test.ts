import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LoadSlots } from '../../src/dataplane/loadSlots.ts';
import type { ServiceKey, TableAction } from '../../src/table/actions.ts';

const SETTINGS = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
const service = (number: number): ServiceKey => ({ protocol: 'tcp', address: `192.0.2.${1 + number}`, port: 80 });
const destination = (number: number) => ({ address: `10.0.0.${1 + number}`, port: 80 });
const add = (s: number, d: number): TableAction => ({
  kind: 'addDestination',
  service: service(s),
  destination: destination(d),
  settings: SETTINGS,
});
const remove = (s: number, d: number): TableAction => ({
  kind: 'removeDestination',
  service: service(s),
  destination: destination(d),
});

/** Applies them. @returns the slots of the additions */
function apply(slots: LoadSlots, ...actions: TableAction[]): (number | undefined)[] {
  const slotted = slots.assign(actions);
  slots.applied(slotted);
  return slotted.flatMap((action) => (action.kind === 'addDestination' ? [action.loadSlot] : []));
}

test('one real server has a slot in each of its services', () => {
  expect(apply(new LoadSlots(8), add(0, 0), add(1, 0), add(0, 1))).toEqual([0, 1, 2]);
});

test('a destination that comes back has the slot that it had', () => {
  const slots = new LoadSlots(8);
  apply(slots, add(0, 0), add(0, 1));
  apply(slots, remove(0, 0));
  expect(apply(slots, add(0, 2), add(0, 0))).toEqual([2, 0]);
});

test('so it has when its service was removed, or when it was removed and added in one go', () => {
  const slots = new LoadSlots(8);
  apply(slots, add(0, 0), add(1, 1));
  apply(slots, { kind: 'removeService', service: service(0) });
  expect(apply(slots, add(0, 0))).toEqual([0]);
  expect(apply(slots, remove(1, 1), add(1, 1))).toEqual([1]);
});

test('what a refused change would have removed keeps its slot', () => {
  const slots = new LoadSlots(2);
  apply(slots, add(0, 0), add(0, 1));
  slots.assign([remove(0, 0)]);
  expect(apply(slots, remove(0, 1), add(0, 0))).toEqual([0]);
  expect(apply(slots, add(0, 2))).toEqual([1]);
});

test('when all slots are taken, the one whose destination left first is used again', () => {
  const slots = new LoadSlots(3);
  apply(slots, add(0, 0), add(0, 1), add(0, 2));
  apply(slots, remove(0, 1));
  apply(slots, remove(0, 0));
  expect(apply(slots, add(0, 3), add(0, 4))).toEqual([1, 0]);
});

test('at no time do two destinations on a list share a slot', () => {
  const steps = fc.array(fc.record({ s: fc.integer({ min: 0, max: 2 }), d: fc.integer({ min: 0, max: 3 }) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (sequence) => {
      const slots = new LoadSlots(2 * 12);
      const listed = new Map<string, number>();
      for (const { s, d } of sequence) {
        if (listed.delete(`${s} ${d}`)) apply(slots, remove(s, d));
        else listed.set(`${s} ${d}`, apply(slots, add(s, d))[0]!);
        expect(new Set(listed.values()).size).toBe(listed.size);
      }
    }),
    { numRuns: 50 },
  );
});
