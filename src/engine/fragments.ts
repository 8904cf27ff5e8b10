// hot path

/**
 * Fragments: the first one has the ports and is handled like any packet; later ones follow it by the fragment table. A later one that
 * comes before its first is held for a moment, and released, in its own scratch frame, right behind the first.
 */
import { NONE } from '../base/terms.ts';
import type { Burst } from '../memory/burst.ts';
import { FlowFault, parseFlow } from '../packet/flow.ts';
import { connectionOf, directionOf, NodeDirection } from '../table/flowKey.ts';
import { counter, drop, punt } from './outcome.ts';
import { type EngineState, Outcome } from './state.ts';
import { METHOD_MASK, toClient, toDestination } from './transmit.ts';

const FRAGMENTS_FOLLOWED = counter('fragmentsFollowed');
const FRAGMENTS_HELD = counter('fragmentsHeld');
const FRAGMENTS_RELEASED = counter('fragmentsReleased');
const FRAGMENT_TABLE_FULL = counter('fragmentTableFull');
const FRAGMENT_TOO_LONG = counter('fragmentTooLong');
const FRAGMENT_FIRST_DROPPED = counter('fragmentFirstDropped');
const FRAGMENT_TIMED_OUT = counter('fragmentTimedOut');
const DESTINATION_REMOVED = counter('destinationRemoved');
const SCRATCH_EXHAUSTED = counter('scratchExhausted');

/** Handles a fragment without ports. */
export function handleLaterFragment(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const outcome = s.fragments.find(s.flow, s.nowMilliseconds);
  if (outcome === NONE) return hold(s, burst, i, ingress);
  if (outcome === Outcome.punted) return punt(s, burst, i);
  if (outcome === Outcome.dropped) return drop(s, burst, i, FRAGMENT_FIRST_DROPPED);
  s.counters.add(FRAGMENTS_FOLLOWED);
  follow(s, burst, i, ingress, outcome);
}

/** Before a first fragment is handled, and perhaps rewritten: keeps what names its datagram. */
export function keepDatagram(s: EngineState): void {
  const { flow, datagram } = s;
  datagram.family = flow.family;
  datagram.protocol = flow.protocol;
  datagram.fragmentId = flow.fragmentId;
  datagram.source0 = flow.source0;
  datagram.source1 = flow.source1;
  datagram.source2 = flow.source2;
  datagram.source3 = flow.source3;
  datagram.target0 = flow.target0;
  datagram.target1 = flow.target1;
  datagram.target2 = flow.target2;
  datagram.target3 = flow.target3;
}

/** After it: remembers its way, which `s.outcome` says, and sends those that came before it after it. */
export function rememberFirst(s: EngineState): void {
  const { fragments, datagram } = s;
  fragments.remember(datagram, s.outcome, s.nowMilliseconds);
  for (let slot = fragments.nextHeld(datagram); slot !== NONE; slot = fragments.nextHeld(datagram)) release(s, slot);
}

/** Counts the held fragments whose first did not come in time. */
export function expireHeld(s: EngineState): void {
  const expired = s.fragments.expire(s.nowMilliseconds);
  if (expired > 0) s.counters.add(FRAGMENT_TIMED_OUT, expired);
}

function hold(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const bytes = burst.bytes[i]!;
  if (!s.fragments.fits(bytes)) return drop(s, burst, i, FRAGMENT_TOO_LONG);
  if (!s.fragments.hold(s.flow, burst.at[i]!, bytes, ingress, s.nowMilliseconds)) return drop(s, burst, i, FRAGMENT_TABLE_FULL);
  drop(s, burst, i, FRAGMENTS_HELD);
}

/** Sends a held fragment from a scratch frame. */
function release(s: EngineState, slot: number): void {
  const bytes = s.fragments.heldBytes(slot);
  const from = s.fragments.heldAt(slot);
  const ingress = s.fragments.heldIngress(slot);
  const at = s.scratch.take();
  s.fragments.release(slot);
  if (at === NONE) {
    s.counters.add(SCRATCH_EXHAUSTED);
    return;
  }
  s.bytes.copyWithin(at, from, from + bytes);
  const burst = s.scratch.push(at, bytes);
  if (parseFlow(s.v, at, bytes, s.flow) !== FlowFault.none) return;
  s.counters.add(FRAGMENTS_RELEASED);
  handleLaterFragment(s, burst, s.scratch.index, ingress);
}

function follow(s: EngineState, burst: Burst, i: number, ingress: number, node: number): void {
  const { connections, destinations, traffic } = s.tables;
  const conn = connectionOf(node);
  if (!connections.inUse(conn)) return drop(s, burst, i, FRAGMENT_FIRST_DROPPED);
  const d = connections.destination(conn);
  const bytes = s.flow.end - s.flow.l3;
  if (directionOf(node) === NodeDirection.request) {
    if (!destinations.available(d)) return drop(s, burst, i, DESTINATION_REMOVED);
    traffic.addIn(destinations.service(d), d, bytes);
    return toDestination(s, burst, i, ingress, conn, d, connections.flags(conn) & METHOD_MASK);
  }
  if (destinations.available(d)) traffic.addOut(destinations.service(d), d, bytes);
  toClient(s, burst, i, ingress, conn, d);
}
