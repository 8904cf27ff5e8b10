import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { SlotSet } from '../../src/table/slotSet.ts';

test('agrees with a set of numbers, whatever is done to it', () => {
  const step = fc.record({ add: fc.boolean(), slot: fc.nat(2999), from: fc.nat(3100) });
  fc.assert(
    fc.property(fc.constantFrom(1, 32, 33, 1024, 1025, 3000), fc.array(step, { maxLength: 60 }), (size, steps) => {
      const set = new SlotSet(size);
      const model = new Set<number>();
      for (const { add, slot: any, from } of steps) {
        const slot = any % size;
        if (add) {
          set.add(slot);
          model.add(slot);
        } else {
          set.delete(slot);
          model.delete(slot);
        }
        const behind = [...model].filter((each) => each >= from);
        expect([set.next(from), set.has(slot), set.count]).toEqual([
          behind.length === 0 ? NONE : Math.min(...behind),
          model.has(slot),
          model.size,
        ]);
      }
    }),
    { numRuns: 60 },
  );
});

test.each([0, 1, 31, 32, 33, 1023, 1024, 1025, 40_000])('filled, it has every slot below %i and no other', (size) => {
  const set = new SlotSet(size);
  set.fill();
  let count = 0;
  for (let slot = set.next(0); slot !== NONE; slot = set.next(slot + 1)) count++;
  expect([count, set.count, set.next(size)]).toEqual([size, size, NONE]);
});
