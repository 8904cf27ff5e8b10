// hot path

/** Moves a connection through its protocol's states and restarts its timer. */
import { advance, isActive } from '../protocol/advance.ts';
import { Direction } from '../protocol/stateTable.ts';
import { ConnectionFlag } from '../table/connections.ts';
import { NodeDirection } from '../table/flowKey.ts';
import type { EngineState } from './state.ts';

/**
 * A packet of connection `conn`, the one that `s.flow` describes, has passed.
 * @param from NodeDirection: from the client (request) or the real server (reply)
 */
export function advanceConnection(s: EngineState, conn: number, from: number): void {
  const { connections } = s.tables;
  const protocol = connections.protocol(conn);
  const before = connections.state(conn);
  const state = advance(protocol, directionOf(s, conn, from), s.flow.tcpFlags, before);
  if (state !== before) {
    connections.setState(conn, state);
    s.tables.setActive(conn, isActive(protocol, state));
  }
  connections.touch(conn, s.timeouts.of(protocol, state), s.nowTick);
}

/** The column of the state table: a connection whose replies are not seen has its own, until one is (specs/ipvs.md section 3.1). */
function directionOf(s: EngineState, conn: number, from: number): Direction {
  const { connections } = s.tables;
  const flags = connections.flags(conn);
  const oneSided = (flags & ConnectionFlag.noOutput) !== 0;
  if (from === NodeDirection.request) return oneSided ? Direction.inputOnly : Direction.input;
  if (oneSided) connections.setFlags(conn, flags & ~ConnectionFlag.noOutput);
  return Direction.output;
}
