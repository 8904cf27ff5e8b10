import { expect, test } from 'vitest';
import { forEveryQueue } from '../../src/dataplane/ingressRules.ts';
import type { TableAction } from '../../src/table/actions.ts';

const PORTS = ['eth0', 'eth1', 'uvs-host', 'eth1', 'eth1'];

test('a rule for an interface is a rule for each of its queues, in its place among the others', () => {
  const rules = [
    { family: 'v4', mark: 1, port: 1 },
    { family: 'v4', mark: 2 },
    { family: 'v4', mark: 3, port: 0 },
  ] as const;
  const zero: TableAction = { kind: 'zeroStatistics' };
  const [first, second] = forEveryQueue([{ kind: 'setClassification', rules }, zero], PORTS);
  expect(first).toEqual({
    kind: 'setClassification',
    rules: [...[1, 3, 4].map((port) => ({ ...rules[0], port })), rules[1], rules[2]],
  });
  expect(second).toBe(zero);
});
