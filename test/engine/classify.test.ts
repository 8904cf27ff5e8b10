import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';
import { Classifier } from '../../src/engine/classify.ts';
import type { ClassificationRule } from '../../src/table/actions.ts';
import type { FlowKey } from '../../src/table/flowKey.ts';
import { flowKey } from '../support/miniDirector.ts';

function markOf(rules: readonly ClassificationRule[], key: FlowKey, ingress = 0): number {
  const classifier = new Classifier();
  classifier.set(rules);
  return classifier.markOf(key, ingress) >>> 0;
}

const HTTP = flowKey('tcp', '10.0.0.1:1025', '192.0.2.1:80');
const V6 = flowKey('tcp', '[2001:db8:7::1]:1025', '[2001:db8::1]:80');

describe('the mark of a packet', () => {
  const CASES: readonly (readonly [string, readonly ClassificationRule[], FlowKey, number])[] = [
    ['none without rules', [], HTTP, 0],
    ['of a rule that says nothing but the family', [{ family: 'v4', mark: 7 }], HTTP, 7],
    ['not of a rule of the other family', [{ family: 'v6', mark: 7 }], HTTP, 0],
    [
      'of the last rule that fits',
      [
        { family: 'v4', mark: 7 },
        { family: 'v4', mark: 8, targetPorts: [[80, 80]], protocol: 'tcp' },
        { family: 'v4', mark: 9, targetPorts: [[81, 81]], protocol: 'tcp' },
      ],
      HTTP,
      8,
    ],
    [
      'taken away by a later rule with mark 0',
      [
        { family: 'v4', mark: 7 },
        { family: 'v4', mark: 0 },
      ],
      HTTP,
      0,
    ],
    ['by target address', [{ family: 'v4', mark: 7, target: '192.0.2.1' }], HTTP, 7],
    ['not by another target address', [{ family: 'v4', mark: 7, target: '192.0.2.2' }], HTTP, 0],
    ['by source prefix', [{ family: 'v4', mark: 7, source: '10.0.0.0/8' }], HTTP, 7],
    ['by a prefix with bits behind it', [{ family: 'v4', mark: 7, source: '10.9.9.9/8' }], HTTP, 7],
    ['by the prefix of everything', [{ family: 'v4', mark: 7, source: '0.0.0.0/0' }], HTTP, 7],
    ['by protocol', [{ family: 'v4', mark: 7, protocol: 'udp' }], HTTP, 0],
    [
      'by a range of source ports, its ends included',
      [
        {
          family: 'v4',
          mark: 7,
          protocol: 'tcp',
          sourcePorts: [
            [1, 2],
            [1025, 1030],
          ],
        },
      ],
      HTTP,
      7,
    ],
    ['as large as 32 bits', [{ family: 'v4', mark: 0xffff_fffe }], HTTP, 0xffff_fffe],
    ['by an IPv6 prefix that ends within a word', [{ family: 'v6', mark: 7, source: '2001:db8:7::/47' }], V6, 7],
    ['not by an IPv6 prefix of another network', [{ family: 'v6', mark: 7, source: '2001:db8:8::/45' }], V6, 0],
    ['by a whole IPv6 address', [{ family: 'v6', mark: 7, target: '2001:db8::1' }], V6, 7],
  ];
  test.each(CASES)('%s', (_name, rules, key, mark) => expect(markOf(rules, key)).toBe(mark));

  test('by the port that the packet came in by', () => {
    const rules: ClassificationRule[] = [{ family: 'v4', mark: 7, port: 1 }];
    expect([markOf(rules, HTTP, 0), markOf(rules, HTTP, 1)]).toEqual([0, 7]);
  });
});

const prefix = fc.tuple(fc.constantFrom('10.0.0.0', '10.0.1.0', '10.128.0.1'), fc.integer({ min: 0, max: 32 }));
const rule = fc.record(
  {
    mark: fc.integer({ min: 0, max: 5 }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    source: prefix,
    target: prefix,
    ports: fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 })),
  },
  { requiredKeys: ['mark', 'protocol'] },
);
type Rule = typeof rule extends fc.Arbitrary<infer R> ? R : never;

/** What the rules say, taken literally. */
function slowMark(rules: readonly Rule[], key: FlowKey): number {
  let mark = 0;
  const within = (word: number, of: readonly [string, number] | undefined): boolean =>
    of === undefined || bitsOf(word).startsWith(bitsOf(address(of[0]).words[3]).slice(0, of[1]));
  for (const { mark: own, protocol, source, target, ports } of rules) {
    if (key.protocol !== Protocol[protocol] || !within(key.source3, source) || !within(key.target3, target)) continue;
    if (ports !== undefined && (key.targetPort < Math.min(...ports) || key.targetPort > Math.max(...ports))) continue;
    mark = own;
  }
  return mark;
}

function bitsOf(word: number): string {
  return (word >>> 0).toString(2).padStart(32, '0');
}

test('compiled rules say what the rules say', () => {
  const key = fc.record({
    source: fc.constantFrom('10.0.0.0', '10.0.1.7', '10.200.0.1', '11.0.0.0'),
    target: fc.constantFrom('10.0.0.0', '10.0.1.7', '10.200.0.1', '11.0.0.0'),
    port: fc.integer({ min: 0, max: 6 }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), key, (rules, { source, target, port, protocol }) => {
      const compiled = rules.map(({ mark, protocol: of, source: from, target: to, ports }) => ({
        ...{ family: 'v4' as const, mark, protocol: of },
        ...(from === undefined ? {} : { source: from.join('/') }),
        ...(to === undefined ? {} : { target: to.join('/') }),
        ...(ports === undefined ? {} : { targetPorts: [[Math.min(...ports), Math.max(...ports)] as const] }),
      }));
      const packet = flowKey(protocol, `${source}:9`, `${target}:${port}`);
      expect(packet.family).toBe(Family.v4);
      expect(markOf(compiled, packet)).toBe(slowMark(rules, packet));
    }),
    { numRuns: 200 },
  );
});
