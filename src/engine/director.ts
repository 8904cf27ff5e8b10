// hot path

/**
 * The decision for one frame. `handle` is called once per frame and writes its end into the burst: `output` is the port that sends
 * it, or NONE. Three deep, each step once, downwards only:
 *
 *     handle -> parseFlow
 *            -> handleIcmp | handleLaterFragment | handleTransport
 *                  -> connections.find, schedule, advance -> toDestination | toClient -> emit
 */
import { ChecksumState, Family, ForwardingMethod, NONE, Protocol } from '../base/terms.ts';
import type { Burst } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import { FlowFault, FragmentKind, parseFlow } from '../packet/flow.ts';
import { TICKS_PER_SECOND } from '../protocol/timeouts.ts';
import { connectionOf, directionOf, NodeDirection } from '../table/flowKey.ts';
import { advanceConnection } from './advance.ts';
import { FastTables, runFast } from './fastPath.ts';
import { expireHeld, handleLaterFragment, keepDatagram, rememberFirst } from './fragments.ts';
import { handleIcmp } from './icmp.ts';
import { counter, drop, punt } from './outcome.ts';
import { mayReuse, schedule } from './schedule.ts';
import { type EngineOptions, EngineState } from './state.ts';
import { learnClientSide, METHOD_MASK, toClient, toDestination } from './transmit.ts';

const RECEIVED = counter('received');
const CHECKSUMS_COMPLETED = counter('checksumsCompleted');
const CONNECTIONS_EXPIRED = counter('connectionsExpired');
const CONNECTIONS_REUSED = counter('connectionsReused');
const DESTINATION_REMOVED = counter('destinationRemoved');
/** Counter of FlowFault f: FIRST_FAULT + f. */
const FIRST_FAULT = counter('none');

/** Length of a timer tick. */
const TICK_MS = 1000 / TICKS_PER_SECOND;
/** Connections that one call of `expire` ends at most. */
const EXPIRE_BUDGET = 256;
/** As the kernel looks through its trash of removed destinations. */
const SWEEP_TICKS = 60 * TICKS_PER_SECOND;

export class Director {
  readonly state: EngineState;
  readonly #fast: FastTables;
  #sweptAtTick = 0;

  constructor(options: EngineOptions) {
    this.state = new EngineState(options);
    this.#fast = new FastTables(this.state);
    this.setTime();
    this.#sweptAtTick = this.state.nowTick;
  }

  /** Reads the clock, once per burst. */
  setTime(): void {
    const s = this.state;
    const now = s.clock.now();
    s.nowMilliseconds = now | 0;
    s.nowTick = (now / TICK_MS) | 0;
    this.#fast.setTime(s);
  }

  /**
   * Decides about the frames from index `from` on, which came in by port `ingress`, until one has made frames of its own (see `handle`):
   * those are to be sent before the next one is looked at.
   * @returns index of the first frame not handled
   */
  handleBurst(burst: Burst, from: number, ingress: number): number {
    const { scratch } = this.state;
    let i = from;
    while (i < burst.count && scratch.used === 0) {
      i = runFast(this.#fast, burst, i, ingress);
      if (i < burst.count) this.handle(burst, i++, ingress);
    }
    return i;
  }

  /** Decides about frame `i`, which came in by port `ingress`. What it sends beside that frame is in `state.scratch` afterwards. */
  handle(burst: Burst, i: number, ingress: number): void {
    const s = this.state;
    const flow = s.flow;
    s.counters.add(RECEIVED);
    const fault = parseFlow(s.v, burst.at[i]!, burst.bytes[i]!, flow);
    if (fault !== FlowFault.none) {
      if (fault === FlowFault.notIp) punt(s, burst, i);
      else drop(s, burst, i, FIRST_FAULT + fault);
      return;
    }
    if (flow.fragment === FragmentKind.none) {
      if (burst.checksum[i] === ChecksumState.unknown) resolveChecksum(s, burst, i);
      dispatch(s, burst, i, ingress);
    } else if (flow.fragment === FragmentKind.first) {
      keepDatagram(s);
      dispatch(s, burst, i, ingress);
      rememberFirst(s);
    } else handleLaterFragment(s, burst, i, ingress);
  }

  /** Ends connections whose time is over, and fragments that waited in vain; bounded work, once per burst. */
  expire(): void {
    const s = this.state;
    expireHeld(s);
    this.#sweep();
    for (let n = 0; n < EXPIRE_BUDGET; n++) {
      const conn = s.tables.connections.expire(s.nowTick);
      if (conn === NONE) return;
      s.tables.removeConnection(conn);
      s.counters.add(CONNECTIONS_EXPIRED);
    }
  }

  /** Frees removed destinations that no connection refers to any more. */
  #sweep(): void {
    const now = this.state.nowTick;
    if (((now - this.#sweptAtTick) | 0) < SWEEP_TICKS) return;
    this.#sweptAtTick = now;
    this.state.tables.destinations.sweepTrash(now);
  }
}

/** Chooses the path of a packet that has a transport header. */
function dispatch(s: EngineState, burst: Burst, i: number, ingress: number): void {
  switch (s.flow.protocol) {
    case Protocol.tcp:
    case Protocol.udp:
      return handleTransport(s, burst, i, ingress);
    case Protocol.icmp:
      return s.flow.family === Family.v4 ? handleIcmp(s, burst, i, ingress) : punt(s, burst, i);
    case Protocol.icmpv6:
      return s.flow.family === Family.v6 ? handleIcmp(s, burst, i, ingress) : punt(s, burst, i);
    default:
      return punt(s, burst, i);
  }
}

function handleTransport(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const node = s.tables.connections.find(s.flow);
  if (node !== NONE && directionOf(node) === NodeDirection.reply) return handleReply(s, burst, i, ingress, node);
  let conn = node === NONE ? NONE : connectionOf(node);
  if (conn !== NONE && mayReuse(s, conn)) {
    s.tables.removeConnection(conn);
    s.counters.add(CONNECTIONS_REUSED);
    conn = NONE;
  }
  if (conn === NONE) {
    conn = schedule(s, burst, i, ingress);
    if (conn === NONE) return;
  } else if (!s.tables.destinations.available(s.tables.connections.destination(conn))) {
    // The timer is not refreshed: the connection ages away unless its real server comes back (expire_nodest_conn = 0).
    return drop(s, burst, i, DESTINATION_REMOVED);
  }
  handleRequest(s, burst, i, ingress, conn);
}

function handleRequest(s: EngineState, burst: Burst, i: number, ingress: number, conn: number): void {
  const { connections, destinations, traffic } = s.tables;
  const d = connections.destination(conn);
  traffic.addIn(destinations.service(d), d, s.flow.end - s.flow.l3);
  connections.addPacketIn(conn);
  advanceConnection(s, conn, NodeDirection.request);
  const method = connections.flags(conn) & METHOD_MASK;
  if (method === ForwardingMethod.masq) learnClientSide(s, burst, i, ingress, conn);
  s.outcome = conn * 2 + NodeDirection.request;
  toDestination(s, burst, i, ingress, conn, d, method);
}

function handleReply(s: EngineState, burst: Burst, i: number, ingress: number, node: number): void {
  const { connections, destinations, traffic } = s.tables;
  const conn = connectionOf(node);
  const d = connections.destination(conn);
  if (destinations.available(d)) traffic.addOut(destinations.service(d), d, s.flow.end - s.flow.l3);
  advanceConnection(s, conn, NodeDirection.reply);
  // Replies that pass a route or tunnel director are counted, then routed by the host.
  if ((connections.flags(conn) & METHOD_MASK) !== ForwardingMethod.masq) return punt(s, burst, i);
  s.outcome = node;
  toClient(s, burst, i, ingress, conn, d);
}

/** AF_XDP cannot say whether a checksum is complete; see `holdsOnlyPseudoHeader` for why completing is harmless. */
function resolveChecksum(s: EngineState, burst: Burst, i: number): void {
  if (checksum.holdsOnlyPseudoHeader(s.v, s.flow)) {
    checksum.completeTransport(s.v, s.flow);
    s.counters.add(CHECKSUMS_COMPLETED);
  }
  burst.checksum[i] = ChecksumState.complete;
}
