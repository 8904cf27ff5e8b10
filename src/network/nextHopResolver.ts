/**
 * How one real server is reached: a pure machine, `step(state, event) -> [state, effects]`. It holds no clock and asks nobody:
 * effects say what to ask and how long to wait, events bring the answers. There is one wait at a time; a new one replaces the old.
 */
import type { RouteFacts } from './hostNetwork.ts';

/** Pauses between probes of a neighbour, or questions for a route, that has not been found; the last one repeats. */
export const RETRY_MS = [250, 500, 1000, 2000, 4000, 8000] as const;
/** After this long what was found is looked up, and confirmed, again. */
export const REFRESH_MS = 15_000;

export type Phase = 'routing' | 'resolving' | 'resolved' | 'local' | 'unroutable';

export interface ResolverState {
  readonly phase: Phase;
  /** Of the last answer; null before the first, and when there is none. */
  readonly route: RouteFacts | null;
  readonly mac: string | null;
  /** Fruitless tries since the last success. */
  readonly tries: number;
  /** The question for the neighbour belongs to a round of looking up, not to an event of the neighbour. */
  readonly isDue: boolean;
  /** What `publish` said last; null when it has said nothing. */
  readonly published: PublishedHop | null;
}

/** What the data plane must know. */
export interface PublishedHop {
  readonly ifindex: number;
  readonly mac: string | null;
  readonly source: string;
  readonly mtu: number;
  /** The address is the host's own; there is no MAC address. */
  readonly isLocal: boolean;
}

export type ResolverEvent =
  /** At the beginning, when the wait is over, and when routes, addresses or links changed. */
  | { readonly kind: 'start' | 'waited' | 'networkChanged' }
  | { readonly kind: 'routeAnswer'; readonly route: RouteFacts | null }
  /** The neighbour on the way changed. */
  | { readonly kind: 'neighbourChanged' }
  | { readonly kind: 'neighbourAnswer'; readonly mac: string | null };

export type ResolverEffect =
  | { readonly kind: 'askRoute' }
  | { readonly kind: 'askNeighbour' | 'probe'; readonly ifindex: number; readonly gateway: string | null }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'publish'; readonly hop: PublishedHop }
  /** A person should know; said once for as long as it lasts. */
  | { readonly kind: 'warn'; readonly problem: 'local' | 'unroutable' };

type Step = readonly [ResolverState, readonly ResolverEffect[]];

/** Before the `start` event. */
export const INITIAL_STATE: ResolverState = { phase: 'routing', route: null, mac: null, tries: 0, isDue: false, published: null };

/** One step. Answers that come late, after the question has become idle, do no harm. */
export function step(state: ResolverState, event: ResolverEvent): Step {
  switch (event.kind) {
    case 'start':
    case 'waited':
    case 'networkChanged':
      return [state, [{ kind: 'askRoute' }]];
    case 'routeAnswer':
      return onRoute(state, event.route);
    case 'neighbourChanged':
      return [state, state.route === null || state.route.isLocal ? [] : [askNeighbour(state.route)]];
    case 'neighbourAnswer':
      return onNeighbour(state, event.mac);
  }
}

function onRoute(state: ResolverState, route: RouteFacts | null): Step {
  if (route === null) return onNoRoute(state);
  if (route.isLocal) return onLocalRoute(state, route);
  const isSameWay = state.route !== null && state.route.ifindex === route.ifindex && state.route.gateway === route.gateway;
  // A MAC address belongs to its gateway and link: on a new way it is not known.
  const next: ResolverState = isSameWay
    ? { ...state, route, isDue: true }
    : { ...state, phase: 'resolving', route, mac: null, tries: 0, isDue: true };
  return [next, [askNeighbour(route)]];
}

function onNoRoute(state: ResolverState): Step {
  const phase = 'unroutable';
  const effects: ResolverEffect[] = [];
  if (state.phase !== phase) effects.push({ kind: 'warn', problem: phase });
  const tries = state.phase === phase ? state.tries + 1 : 0;
  const old = state.published;
  // What was published before must not attract frames any more.
  const published = old === null || (old.mac === null && !old.isLocal) ? old : { ...old, mac: null, isLocal: false };
  if (published !== null && published !== old) effects.push({ kind: 'publish', hop: published });
  effects.push({ kind: 'wait', milliseconds: retryMs(tries) });
  return [{ phase, route: null, mac: null, tries, isDue: false, published }, effects];
}

function onLocalRoute(state: ResolverState, route: RouteFacts): Step {
  const phase = 'local';
  const effects: ResolverEffect[] = [];
  if (state.phase !== phase) effects.push({ kind: 'warn', problem: phase });
  const { ifindex, source, mtu } = route;
  const hop: PublishedHop = { ifindex, mac: null, source, mtu, isLocal: true };
  if (!sameHop(state.published, hop)) effects.push({ kind: 'publish', hop });
  effects.push({ kind: 'wait', milliseconds: REFRESH_MS });
  return [{ phase, route, mac: null, tries: 0, isDue: false, published: hop }, effects];
}

function onNeighbour(state: ResolverState, mac: string | null): Step {
  const { route, isDue } = state;
  if (route === null || route.isLocal) return [state, []];
  const hop: PublishedHop = { ifindex: route.ifindex, mac, source: route.source, mtu: route.mtu, isLocal: false };
  const effects: ResolverEffect[] = sameHop(state.published, hop) ? [] : [{ kind: 'publish', hop }];
  const phase = mac === null ? 'resolving' : 'resolved';
  // A probe changes the kernel's entry, which is an event: only the passing of time may lead to the next probe, or they would chase
  // each other. An entry that was found is probed as well: nothing else tells the kernel that it is in use.
  const isLost = mac === null && phase !== state.phase;
  if (isDue || isLost) effects.push({ kind: 'probe', ifindex: route.ifindex, gateway: route.gateway });
  if (isDue || phase !== state.phase)
    effects.push({ kind: 'wait', milliseconds: mac === null ? retryMs(state.tries) : REFRESH_MS });
  const tries = mac === null ? state.tries + (isDue ? 1 : 0) : 0;
  return [{ phase, route, mac, tries, isDue: false, published: hop }, effects];
}

function askNeighbour({ ifindex, gateway }: RouteFacts): ResolverEffect {
  return { kind: 'askNeighbour', ifindex, gateway };
}

function retryMs(tries: number): number {
  return RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]!;
}

function sameHop(a: PublishedHop | null, b: PublishedHop): boolean {
  if (a === null || a.ifindex !== b.ifindex || a.mac !== b.mac || a.isLocal !== b.isLocal) return false;
  return a.source === b.source && a.mtu === b.mtu;
}
