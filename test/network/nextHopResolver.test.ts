import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  INITIAL_STATE,
  type PublishedHop,
  REFRESH_MS,
  RETRY_MS,
  type ResolverEffect,
  type ResolverEvent,
  type ResolverState,
  step,
} from '../../src/network/nextHopResolver.ts';
import { route } from './fakeNetwork.ts';

const MAC = '02:00:00:00:00:aa';
const OTHER_MAC = '02:00:00:00:00:bb';
const direct = route(2);
const viaGateway = route(2, { gateway: '10.0.0.254' });
const local = route(1, { isLocal: true });

/** Events as words. */
const EVENTS = {
  start: { kind: 'start' },
  waited: { kind: 'waited' },
  networkChanged: { kind: 'networkChanged' },
  neighbourChanged: { kind: 'neighbourChanged' },
  direct: { kind: 'routeAnswer', route: direct },
  direct9000: { kind: 'routeAnswer', route: { ...direct, mtu: 9000 } },
  gateway: { kind: 'routeAnswer', route: viaGateway },
  local: { kind: 'routeAnswer', route: local },
  noRoute: { kind: 'routeAnswer', route: null },
  mac: { kind: 'neighbourAnswer', mac: MAC },
  otherMac: { kind: 'neighbourAnswer', mac: OTHER_MAC },
  noMac: { kind: 'neighbourAnswer', mac: null },
} as const satisfies Record<string, ResolverEvent>;

function run(state: ResolverState, events: string): { state: ResolverState; effects: readonly ResolverEffect[] } {
  let effects: readonly ResolverEffect[] = [];
  for (const name of events.split(' ')) [state, effects] = step(state, EVENTS[name as keyof typeof EVENTS]);
  return { state, effects };
}

/** An effect as a word or two. */
function word(effect: ResolverEffect): string {
  switch (effect.kind) {
    case 'wait':
      return `wait ${effect.milliseconds}`;
    case 'publish':
      return `publish ${effect.hop.isLocal ? 'local' : (effect.hop.mac ?? 'nothing')}`;
    case 'warn':
      return `warn ${effect.problem}`;
    case 'askNeighbour':
    case 'probe':
      return `${effect.kind}${effect.gateway === null ? '' : ` ${effect.gateway}`}`;
    case 'askRoute':
      return effect.kind;
  }
}

const CASES = [
  // name                                                            events before, and the one that is looked at   phase         effects of the last
  ['it begins with the route', 'start', 'routing', 'askRoute'],
  ['a route leads to the neighbour', 'start direct', 'resolving', 'askNeighbour'],
  ['a gateway is the neighbour', 'start gateway', 'resolving', 'askNeighbour 10.0.0.254'],
  [
    'a neighbour that is known is published and kept alive',
    'start direct mac',
    'resolved',
    `publish ${MAC}, probe, wait ${REFRESH_MS}`,
  ],
  ['one that is not known is probed', 'start direct noMac', 'resolving', 'publish nothing, probe, wait 250'],
  ['the kernel finds it', 'start direct noMac neighbourChanged mac', 'resolved', `publish ${MAC}, wait ${REFRESH_MS}`],
  ['the pauses grow', 'start direct noMac waited direct noMac', 'resolving', 'probe, wait 500'],
  ['a refresh that finds the same says nothing', 'start direct mac waited direct mac', 'resolved', `probe, wait ${REFRESH_MS}`],
  ['a new MAC address is published', 'start direct mac neighbourChanged otherMac', 'resolved', `publish ${OTHER_MAC}`],
  [
    'a neighbour that is lost is published and sought at once',
    'start direct mac neighbourChanged noMac',
    'resolving',
    'publish nothing, probe, wait 250',
  ],
  ['news of a neighbour that is still lost start no second search', 'start direct noMac neighbourChanged noMac', 'resolving', ''],
  ['news that change nothing do nothing', 'start direct mac neighbourChanged mac', 'resolved', ''],
  ['a new gateway is asked for', 'start direct mac networkChanged gateway', 'resolving', 'askNeighbour 10.0.0.254'],
  [
    'a new MTU is published',
    'start direct mac networkChanged direct9000 mac',
    'resolved',
    `publish ${MAC}, probe, wait ${REFRESH_MS}`,
  ],
  ['no route is said once', 'start noRoute', 'unroutable', 'warn unroutable, wait 250'],
  ['and not twice', 'start noRoute waited noRoute', 'unroutable', 'wait 500'],
  [
    'a route that is lost withdraws the neighbour',
    'start direct mac networkChanged noRoute',
    'unroutable',
    'warn unroutable, publish nothing, wait 250',
  ],
  ['a route that comes back is used', 'start noRoute waited direct mac', 'resolved', `publish ${MAC}, probe, wait ${REFRESH_MS}`],
  ['an address of the director itself is said once', 'start local', 'local', `warn local, publish local, wait ${REFRESH_MS}`],
  ['and looked at again now and then', 'start local waited local', 'local', `wait ${REFRESH_MS}`],
  [
    'an address that leaves the director is sought outside',
    'start local networkChanged direct mac',
    'resolved',
    `publish ${MAC}, probe, wait ${REFRESH_MS}`,
  ],
  [
    'an address that comes to the director is local',
    'start direct mac networkChanged local',
    'local',
    `warn local, publish local, wait ${REFRESH_MS}`,
  ],
  [
    'a local address that is lost is withdrawn',
    'start local networkChanged noRoute',
    'unroutable',
    'warn unroutable, publish nothing, wait 250',
  ],
  ['news of a neighbour without a route ask nothing', 'start noRoute neighbourChanged', 'unroutable', ''],
  ['an answer that comes after the route is lost is ignored', 'start direct noRoute mac', 'unroutable', ''],
] as const;

describe('a next hop', () => {
  test.each(CASES)('%s', (_name, events, phase, effects) => {
    const outcome = run(INITIAL_STATE, events);
    expect(outcome.state.phase).toBe(phase);
    expect(outcome.effects.map(word).join(', ')).toBe(effects);
  });

  test('the pauses end at the longest', () => {
    let state = run(INITIAL_STATE, 'start direct noMac').state;
    const pauses: string[] = [];
    for (let i = 0; i < RETRY_MS.length + 1; i++) {
      const outcome = run(state, 'waited direct noMac');
      state = outcome.state;
      pauses.push(outcome.effects.map(word).join());
    }
    const expected = [...RETRY_MS.slice(1), RETRY_MS.at(-1), RETRY_MS.at(-1)].map((pause) => `probe,wait ${pause}`);
    expect(pauses).toEqual(expected);
  });

  test('a success makes the next pauses short again', () => {
    expect(
      run(INITIAL_STATE, 'start direct noMac waited direct noMac waited direct mac neighbourChanged noMac').effects.map(word),
    ).toContain('wait 250');
  });

  test('what is published carries interface, source and MTU of the route', () => {
    const publish = run(INITIAL_STATE, 'start direct9000 mac').effects.find((effect) => effect.kind === 'publish');
    expect(publish).toEqual({ kind: 'publish', hop: { ifindex: 2, mac: MAC, source: '10.0.0.1', mtu: 9000, isLocal: false } });
  });

  test('after any events, the state remembers what was published last, and nothing is published twice in a row', () => {
    const event = fc.constantFrom(...Object.values(EVENTS));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let state = INITIAL_STATE;
        let last: PublishedHop | null = null;
        for (const each of events) {
          const [next, effects] = step(state, each);
          for (const effect of effects) {
            if (effect.kind !== 'publish') continue;
            expect(effect.hop).not.toEqual(last);
            last = effect.hop;
          }
          state = next;
          expect(state.published).toEqual(last);
          expect(state.phase === 'resolved').toBe(state.mac !== null);
        }
      }),
    );
  });

  test('every answer to a round of looking up is followed by a wait, so that no round is the last', () => {
    const round = fc.constantFrom('direct mac', 'direct noMac', 'gateway mac', 'gateway noMac', 'local', 'noRoute');
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 10 }), (rounds) => {
        const { effects } = run(INITIAL_STATE, `start ${rounds.join(' waited ')}`);
        expect(effects.filter(({ kind }) => kind === 'wait')).toHaveLength(1);
      }),
    );
  });
});
