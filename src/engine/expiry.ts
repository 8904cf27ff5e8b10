// hot path

/**
 * How connections end (specs/ipvs.md sections 2.9 and 5.2): when their time is over, because their port is in use again, or because
 * their real server was removed and expire_nodest_conn is set. A connection that controls others outlives them.
 */
import { NONE } from '../base/terms.ts';
import { TICKS_PER_SECOND } from '../protocol/timeouts.ts';
import { ConnectionFlag, TEMPLATE_ASSURED } from '../table/connectionFlags.ts';
import { counter } from './outcome.ts';
import type { EngineState } from './state.ts';

const RECEIVED = counter('received');
const CONNECTIONS_EXPIRED = counter('connectionsExpired');
const CONNECTIONS_FLUSHED = counter('connectionsFlushed');

/** What a controller whose timer fires too early gets, from then on each time. */
const HELD_TICKS = 60 * TICKS_PER_SECOND;
/** Connections that one call of `expireDue` ends at most. */
const EXPIRE_BUDGET = 256;
/** Rows that one call of `flushRemoved` looks at. */
const FLUSH_BUDGET = 4096;
/** From a removal to the flush, when no frame comes. */
const FLUSH_DELAY_MS = 100;

/** Ends connections whose time is over; bounded. */
export function expireDue(s: EngineState): void {
  for (let n = 0; n < EXPIRE_BUDGET; n++) {
    const conn = s.tables.connections.expire(s.nowTick);
    if (conn === NONE) return;
    if (waitsForOthers(s, conn) || hold(s, conn)) continue;
    s.tables.removeConnection(conn);
    s.counters.add(CONNECTIONS_EXPIRED);
  }
}

/**
 * True for a controller that is to be looked at again a tick later: the last of those that it controls may end in this one, and the
 * kernel ends that one first, for its timer was started last.
 */
function waitsForOthers(s: EngineState, conn: number): boolean {
  const { connections } = s.tables;
  if (connections.controlledCount(conn) === 0) return false;
  const flags = connections.flags(conn);
  connections.setFlags(conn, flags ^ ConnectionFlag.lastTick);
  return (flags & ConnectionFlag.lastTick) === 0;
}

/** Ends a connection as if its timer had fired. One that controls others stays, but newer ones are found before it. */
export function retire(s: EngineState, conn: number): void {
  if (!hold(s, conn)) s.tables.removeConnection(conn);
}

/**
 * Drops a connection: a controller that has none left goes, too, unless it is a template that had answers.
 * @param andAssured also the template that had answers
 */
export function dropConnection(s: EngineState, conn: number, andAssured: boolean): void {
  const { connections } = s.tables;
  if (hold(s, conn)) return;
  const controller = connections.controller(conn);
  s.tables.removeConnection(conn);
  if (controller === NONE || connections.controlledCount(controller) > 0) return;
  const stays = !andAssured && connections.isTemplate(controller) && connections.state(controller) === TEMPLATE_ASSURED;
  // One step deep: what controls is a template or a control connection, and those are controlled by nobody or by a template.
  if (!stays) dropConnection(s, controller, andAssured);
}

/** True when the connection controls others: then it lasts another minute, and each time that long from now on. */
function hold(s: EngineState, conn: number): boolean {
  const { connections } = s.tables;
  if (connections.controlledCount(conn) === 0) return false;
  connections.setTimeoutTicks(conn, HELD_TICKS);
  connections.touch(conn, HELD_TICKS, s.nowTick);
  return true;
}

/**
 * The job that ends the connections of removed destinations, a share of the table per call. It begins behind the next frame, as the
 * kernel's begins a moment after the removal, or when no frame comes.
 */
export class RemovedFlush {
  #isPending = false;
  #requestedMilliseconds = 0;
  /** Frames received until then. */
  #requestedAfter = 0;
  /** The row to look at next. */
  #cursor = 0;

  /** A destination was removed: its connections are to end, also if it comes back. */
  request(s: EngineState): void {
    this.#isPending = true;
    this.#requestedMilliseconds = s.nowMilliseconds;
    this.#requestedAfter = s.counters.values[RECEIVED]!;
    this.#cursor = 0;
  }

  /** Does its share when it is due. */
  run(s: EngineState): void {
    if (!this.#isPending) return;
    const waitedMilliseconds = (s.nowMilliseconds - this.#requestedMilliseconds) | 0;
    if (this.#cursor > 0 || waitedMilliseconds >= FLUSH_DELAY_MS || s.counters.values[RECEIVED] !== this.#requestedAfter) {
      this.#scan(s, FLUSH_BUDGET);
    }
  }

  /** Does all at once: before a destination may come back. Not on the hot path. */
  finish(s: EngineState): void {
    if (this.#isPending) this.#scan(s, s.tables.connections.capacity);
  }

  #scan(s: EngineState, budget: number): void {
    const { connections } = s.tables;
    const end = Math.min(this.#cursor + budget, connections.capacity);
    for (; this.#cursor < end; this.#cursor++) if (isOrphan(s, this.#cursor)) flush(s, this.#cursor);
    this.#isPending = end < connections.capacity;
  }
}

/** In use, and its destination is not available. */
function isOrphan(s: EngineState, conn: number): boolean {
  const { connections, destinations } = s.tables;
  if (!connections.inUse(conn)) return false;
  const d = connections.destination(conn);
  return d !== NONE && !destinations.available(d);
}

/** A template with connections goes with the last of them. */
function flush(s: EngineState, conn: number): void {
  if (s.tables.connections.controlledCount(conn) > 0) return;
  dropConnection(s, conn, true);
  s.counters.add(CONNECTIONS_FLUSHED);
}
