import { expect, test } from 'vitest';
import { warmUp } from '../../src/dataplane/warmUp.ts';

/** Ends and ways of a frame that a director meets in its first second. */
const MET = [
  ...['received', 'transmitted', 'punted', 'connectionsCreated', 'connectionsExpired', 'connectionsReused'],
  ...['icmpToClient', 'icmpToRealServer', 'icmpSent', 'superFramesSegmented', 'outerFragments', 'fragmentsFollowed'],
  ...['ttlExceeded', 'packetTooBig', 'connectionTableFull', 'malformedIpv4', 'malformedIpv6'],
];

test('the warm-up takes every usual way through the engine, and most frames go on', () => {
  const counters = warmUp((bytes) => new ArrayBuffer(bytes));
  expect(MET.filter((name) => (counters[name] ?? 0) === 0)).toEqual([]);
  expect(counters['transmitted']! / counters['received']!).toBeGreaterThan(0.5);
});
