import { expect, test } from 'vitest';
import { FINE_CLOCK } from '../../src/dataplane/coarseClock.ts';
import { Idle } from '../../src/dataplane/idle.ts';
import { warmUp } from '../../src/dataplane/warmUp.ts';

/** Ends and ways of a frame that a director meets in its first second, whatever its ports. */
const MET = [
  ...['received', 'transmitted', 'punted', 'connectionsCreated', 'connectionsExpired', 'connectionsReused'],
  ...['icmpToClient', 'icmpToRealServer', 'icmpSent', 'outerFragments', 'fragmentsHeld', 'fragmentsJoined'],
  ...['ttlExceeded', 'packetTooBig', 'connectionTableFull', 'malformedIpv4', 'malformedIpv6', 'neighbourUnresolved'],
  ...['toaAdded', 'localPortsExhausted'],
];

/** Scenes of one kind of port. */
const SCENES = 3;

test('the warm-up takes every usual way through the engine, behind each kind of port, and most frames go on', () => {
  const waiter = { wait: () => true };
  const scenes = warmUp({
    kinds: ['packet', 'xdp', 'packet'],
    idle: () => new Idle('adaptive', waiter, { now: () => (FINE_CLOCK.now() * 1000) | 0 }),
    beforeSleep: () => {},
    rounds: 1,
  });
  expect(scenes).toHaveLength(2 * SCENES);
  for (const all of [scenes.slice(0, SCENES), scenes.slice(SCENES)]) {
    const sum = (name: string) => all.reduce((total, counters) => total + (counters[name] ?? 0), 0);
    expect(MET.filter((name) => sum(name) === 0)).toEqual([]);
    expect(sum('transmitted') / sum('received')).toBeGreaterThan(0.5);
  }
});
