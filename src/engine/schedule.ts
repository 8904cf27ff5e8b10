// hot path

/**
 * A packet without a connection: is it a service's, and which real server gets it (specs/ipvs.md sections 2.3 to 2.5).
 *
 *     opens? -> mark -> service -> drop_packet? -> template or scheduler -> connection
 *                no: the host's      no: dropped       nobody: answered
 */
import { NONE, Protocol } from '../base/terms.ts';
import { IcmpError } from '../forward/icmpErrors.ts';
import type { Burst } from '../memory/burst.ts';
import * as ethernet from '../packet/ethernet.ts';
import type { Flow } from '../packet/flow.ts';
import * as sctp from '../packet/sctp.ts';
import { TcpFlag } from '../packet/tcp.ts';
import { SctpState } from '../protocol/sctpStates.ts';
import { TcpState } from '../protocol/tcpStates.ts';
import { FRESH_TIMEOUT_TICKS } from '../protocol/timeouts.ts';
import { ConnectionFlag } from '../table/connectionFlags.ts';
import { PersistenceEngine, ServiceFlag } from '../table/services.ts';
import { answer } from './answer.ts';
import { enter, insert, NoConnection, pick } from './enter.ts';
import { counter, drop, punt } from './outcome.ts';
import { enterPersistent } from './persistence.ts';
import type { EngineState } from './state.ts';

const NO_DESTINATION = counter('noDestination');
const CONNECTION_TABLE_FULL = counter('connectionTableFull');
const LOCAL_PORTS_EXHAUSTED = counter('localPortsExhausted');
const PACKETS_SHED = counter('packetsShed');
const NO_CALL_ID = counter('noCallId');
const CALL_ID_TABLE_FULL = counter('callIdTableFull');
const FTP_PORT = 21;
const FTP_DATA_PORT = 20;
/** ForwardingMethod of a connection that has no real server: its packets go on to their own target (cache_bypass). */
const BYPASS = 4;

/**
 * Finds a real server for the packet in `s.flow` and enters a connection.
 * @returns the connection; NONE when the frame has ended here (punted, answered or dropped)
 */
export function schedule(s: EngineState, burst: Burst, i: number, ingress: number): number {
  const flow = s.flow;
  if (!opens(s)) return puntNone(s, burst, i);
  const mark = s.classifier.markOf(flow, ingress);
  const service = s.tables.services.find(flow, mark);
  if (service === NONE) return puntNone(s, burst, i);
  if (s.defence.dropsPacket()) return dropNone(s, burst, i, PACKETS_SHED);
  const conn = begin(s, service, flow, mark);
  if (conn === NoConnection.refused) return leave(s, burst, i, ingress, service, mark);
  if (conn < 0) return endWithout(s, burst, i, conn);
  if (s.tables.services.engine(service) !== PersistenceEngine.none) learnWay(s, burst, i, ingress);
  return conn;
}

/** Ends the frame for which there is no connection, for any of the reasons of NoConnection but `refused`. */
function endWithout(s: EngineState, burst: Burst, i: number, why: number): number {
  switch (why) {
    case NoConnection.full:
      return dropNone(s, burst, i, CONNECTION_TABLE_FULL);
    case NoConnection.noLocalPort:
      return dropNone(s, burst, i, LOCAL_PORTS_EXHAUSTED);
    case NoConnection.nameless:
      return dropNone(s, burst, i, NO_CALL_ID);
    case NoConnection.namesFull:
      return dropNone(s, burst, i, CALL_ID_TABLE_FULL);
    default:
      return puntNone(s, burst, i);
  }
}

/** The real servers of such a service open connections to its clients. */
function learnWay(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const at = burst.at[i]!;
  s.clientWays.learn(s.flow, ethernet.sourceHigh(s.v, at), ethernet.sourceLow(s.v, at), ingress);
}

/**
 * Finds a real server for the ICMP error in `s.flow` by the packet that it quotes, `s.quoted`, which went from the virtual address to the
 * client, and enters a connection for the latter (schedule_icmp).
 * @returns the connection, in state 0, which `endOnePacket` is to be asked about when the error was sent; NONE when the frame has ended here
 */
export function scheduleQuoted(s: EngineState, burst: Burst, i: number, ingress: number): number {
  const key = s.inverse;
  turnRound(s.quoted, key);
  // The mark is that of the ICMP packet itself.
  const mark = s.classifier.markOf(s.flow, ingress);
  const service = s.settings.scheduleIcmp ? s.tables.services.find(key, mark) : NONE;
  if (service === NONE) return puntNone(s, burst, i);
  if (s.defence.dropsPacket()) return dropNone(s, burst, i, PACKETS_SHED);
  const conn = begin(s, service, key, mark);
  if (conn >= 0) return conn;
  if (conn !== NoConnection.refused) return endWithout(s, burst, i, conn);
  if (isOtherFtpPort(s, service, key)) return puntNone(s, burst, i);
  return dropNone(s, burst, i, NO_DESTINATION);
}

/**
 * Whether the packet in `s.flow`, which belongs to this connection, is to be scheduled anew instead, for its port is in use again
 * (specs/ipvs.md section 2.3).
 */
export function mayReuse(s: EngineState, conn: number): boolean {
  if (!isNewConnection(s)) return false;
  const { connections, destinations } = s.tables;
  const { settings } = s;
  const d = connections.destination(conn);
  if (settings.expireNodestConn && d !== NONE && destinations.weight(d) === 0) return true;
  if (!settings.reusesClosing || connections.controller(conn) !== NONE) return false;
  const state = connections.state(conn);
  if (s.flow.protocol === Protocol.sctp) return state === SctpState.closed;
  if (state === TcpState.timeWait || state === TcpState.close) return true;
  const isOneSided = (connections.flags(conn) & ConnectionFlag.noOutput) !== 0;
  return settings.reusesFinWait && isOneSided && state === TcpState.finWait;
}

/** SYN, or an INIT chunk: the sender takes the connection for a new one. */
function isNewConnection(s: EngineState): boolean {
  const flow = s.flow;
  if (flow.protocol === Protocol.tcp) return (flow.tcpFlags & TcpFlag.syn) !== 0;
  return flow.protocol === Protocol.sctp && sctp.firstChunkType(s.v, flow.l4) === sctp.SctpChunk.init;
}

/** The packet in `s.flow` is of a kind that may begin a connection. */
function opens(s: EngineState): boolean {
  const { flow, settings } = s;
  if (flow.protocol === Protocol.udp) return true;
  if (flow.protocol === Protocol.tcp) {
    if ((flow.tcpFlags & TcpFlag.rst) !== 0) return false;
    return settings.sloppyTcp || (flow.tcpFlags & TcpFlag.syn) !== 0;
  }
  const chunk = sctp.firstChunkType(s.v, flow.l4);
  return chunk !== sctp.SctpChunk.abort && (settings.sloppySctp || chunk === sctp.SctpChunk.init);
}

/** @returns the new connection of `key`'s source to the service, or one of NoConnection */
function begin(s: EngineState, service: number, key: Flow, mark: number): number {
  if (key.sourcePort === FTP_DATA_PORT) return NoConnection.host;
  const { services, destinations } = s.tables;
  if ((services.flags(service) & ServiceFlag.persistent) !== 0) return enterPersistent(s, service, key, mark);
  // Other ports than its own are for persistence only.
  if (services.firewallMark(service) === 0 && services.port(service) !== key.targetPort) return NoConnection.refused;
  const d = pick(s, service, key);
  if (d === NONE) return NoConnection.refused;
  return enter(s, service, key, d, destinations.port(d) || key.targetPort, mark);
}

/** What becomes of the packet in `s.flow` when nobody may have it. @returns a connection past all real servers, or NONE */
function leave(s: EngineState, burst: Burst, i: number, ingress: number, service: number, mark: number): number {
  if (s.settings.cacheBypass && s.tables.services.firewallMark(service) !== 0) return bypass(s, burst, i, service, mark);
  if (isOtherFtpPort(s, service, s.flow)) return puntNone(s, burst, i);
  answer(s, burst, i, ingress, IcmpError.portUnreachable, 0, NO_DESTINATION);
  return NONE;
}

function bypass(s: EngineState, burst: Burst, i: number, service: number, mark: number): number {
  const isOnePacket = s.flow.protocol === Protocol.udp && s.tables.services.onePacket(service);
  const flags = BYPASS | (isOnePacket ? ConnectionFlag.onePacket : 0);
  const conn = insert(s, service, s.flow, NONE, 0, flags, FRESH_TIMEOUT_TICKS);
  if (conn === NONE) return dropNone(s, burst, i, CONNECTION_TABLE_FULL);
  s.tables.connections.setFirewallMark(conn, mark);
  return conn;
}

/** The service is one of port 21, and the packet is for another port, which the host may serve. */
function isOtherFtpPort(s: EngineState, service: number, key: Flow): boolean {
  return s.tables.services.port(service) === FTP_PORT && key.targetPort !== FTP_PORT;
}

/** Writes to `key` the packet that goes the opposite way. */
function turnRound(of: Flow, key: Flow): void {
  key.family = of.family;
  key.protocol = of.protocol;
  key.source0 = of.target0;
  key.source1 = of.target1;
  key.source2 = of.target2;
  key.source3 = of.target3;
  key.sourcePort = of.targetPort;
  key.target0 = of.source0;
  key.target1 = of.source1;
  key.target2 = of.source2;
  key.target3 = of.source3;
  key.targetPort = of.sourcePort;
}

function puntNone(s: EngineState, burst: Burst, i: number): number {
  punt(s, burst, i);
  return NONE;
}

function dropNone(s: EngineState, burst: Burst, i: number, reason: number): number {
  drop(s, burst, i, reason);
  return NONE;
}
