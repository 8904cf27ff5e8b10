// hot path

/** Moves a connection through its protocol's states and restarts its timer. */
import { NONE, Protocol } from '../base/terms.ts';
import * as sctp from '../packet/sctp.ts';
import { advance, isActive, isEstablished } from '../protocol/advance.ts';
import { sctpEvent } from '../protocol/sctpStates.ts';
import { Direction } from '../protocol/stateTable.ts';
import { ConnectionFlag, TEMPLATE_ASSURED } from '../table/connectionFlags.ts';
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
  const state = advance(protocol, directionOf(s, conn, from), signalOf(s), before, s.defence.secureTcp);
  if (state !== before) {
    connections.setState(conn, state);
    s.tables.setActive(conn, isActive(protocol, state));
    if (isEstablished(protocol, state)) assureTemplate(s, conn);
  }
  if (from === NodeDirection.reply && protocol === Protocol.udp) assureTemplate(s, conn);
  connections.touch(conn, s.timeouts.of(protocol, state), s.nowTick);
}

/** What the packet in `s.flow` says to the state table of its protocol. */
function signalOf(s: EngineState): number {
  const { flow, v } = s;
  if (flow.protocol !== Protocol.sctp) return flow.tcpFlags;
  return sctpEvent(sctp.firstChunkType(v, flow.l4), sctp.secondChunkType(v, flow.l4, flow.end));
}

/** The column of the state table: a connection whose replies are not seen has its own, until one is (specs/ipvs.md section 3.1). */
function directionOf(s: EngineState, conn: number, from: number): Direction {
  const { connections } = s.tables;
  const flags = connections.flags(conn);
  const oneSided = (flags & ConnectionFlag.noOutput) !== 0;
  if (from === NodeDirection.request) return oneSided ? Direction.inputOnly : Direction.input;
  const seen = flags & ~(ConnectionFlag.noOutput | ConnectionFlag.awaitsReply);
  if (seen !== flags) connections.setFlags(conn, seen);
  return Direction.output;
}

/** One of its connections was answered: the template is worth keeping (specs/ipvs.md section 5.3). */
function assureTemplate(s: EngineState, conn: number): void {
  const { connections } = s.tables;
  const controller = connections.controller(conn);
  if (controller !== NONE && connections.isTemplate(controller)) connections.setState(controller, TEMPLATE_ASSURED);
}
