import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { CallIds } from '../../src/table/callIds.ts';
import { ConnectionFlag } from '../../src/table/connectionFlags.ts';
import { ConnectionTable } from '../../src/table/connections.ts';
import type { FlowKey } from '../../src/table/flowKey.ts';

const ROWS = 12;

function keyOf(client: number, family: 4 | 6): FlowKey {
  const word = family === 6 ? client : 0;
  return {
    ...{ family, protocol: 17, source0: word, source1: 0, source2: 0, source3: client, sourcePort: 0 },
    ...{ target0: 0, target1: 0, target2: 0, target3: 1, targetPort: 5060 },
  };
}

const STEPS = fc.array(
  fc.record({
    kind: fc.constantFrom('find', 'add', 'remove', 'neutralise'),
    client: fc.nat(1),
    family: fc.constantFrom(4 as const, 6 as const),
    name: fc.constantFrom('a@b', 'a@c', 'aaaaaaaaa', 'x'.repeat(255), 'b'),
  }),
  { maxLength: 40 },
);

test('templates are found by key and name, as a map finds them', () => {
  fc.assert(
    fc.property(STEPS, fc.integer(), (steps, seed) => {
      const connections = new ConnectionTable(ROWS, seed);
      const callIds = new CallIds(connections);
      callIds.prepare();
      const model = new Map<string, number>();
      for (const { kind, client, family, name } of steps) {
        const key = keyOf(client, family);
        const bytes = Buffer.from(`..${name}`);
        const identity = `${client} ${family} ${name}`;
        const known = model.get(identity) ?? NONE;
        expect(callIds.find(key, bytes, 2, name.length)).toBe(known);
        if (kind === 'add' && known === NONE && !callIds.isFull) {
          const flags = ConnectionFlag.template | ConnectionFlag.named;
          const conn = connections.insert(key, 0, 0, 0, 0, 0, 0, NONE, flags, 0, 600);
          callIds.add(conn, key, bytes, 2, name.length);
          model.set(identity, conn);
          expect([callIds.text(conn), connections.findTemplate(key)]).toEqual([name, NONE]);
        } else if (kind === 'remove' && known !== NONE) {
          callIds.remove(known);
          connections.remove(known);
          model.delete(identity);
          expect(callIds.text(known)).toBe(undefined);
        } else if (kind === 'neutralise' && known !== NONE) {
          connections.neutralise(known);
          model.delete(identity);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('nothing is there, and nothing is found, before it is prepared', () => {
  const callIds = new CallIds(new ConnectionTable(ROWS, 1));
  expect([callIds.find(keyOf(1, 4), Buffer.from('a'), 0, 1), callIds.text(0), callIds.copy(0, new Uint8Array(255), 0)]).toEqual([
    NONE,
    undefined,
    0,
  ]);
});
