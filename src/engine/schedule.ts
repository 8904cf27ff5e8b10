// hot path

/** A packet without a connection: is it a service's, and which real server gets it (specs/ipvs.md sections 2.4 and 2.5). */
import { ForwardingMethod, NONE, Protocol } from '../base/terms.ts';
import { IcmpError } from '../forward/icmpErrors.ts';
import type { Burst } from '../memory/burst.ts';
import { TcpFlag } from '../packet/tcp.ts';
import { TcpState } from '../protocol/tcpStates.ts';
import { FRESH_TIMEOUT_TICKS } from '../protocol/timeouts.ts';
import { ConnectionFlag } from '../table/connections.ts';
import { ServiceFlag } from '../table/services.ts';
import { answer } from './answer.ts';
import { counter, drop, punt } from './outcome.ts';
import type { EngineState } from './state.ts';
import { toDestination } from './transmit.ts';

const NO_DESTINATION = counter('noDestination');
const CONNECTION_TABLE_FULL = counter('connectionTableFull');
const CONNECTIONS_CREATED = counter('connectionsCreated');
const FTP_DATA_PORT = 20;

/**
 * Finds a destination for the packet in `s.flow` and enters a connection.
 * @returns the connection; NONE when the frame has ended here (punted, answered, dropped, or sent without a connection)
 */
export function schedule(s: EngineState, burst: Burst, i: number, ingress: number): number {
  const flow = s.flow;
  if (flow.protocol === Protocol.tcp && (flow.tcpFlags & (TcpFlag.syn | TcpFlag.rst)) !== TcpFlag.syn)
    return puntNone(s, burst, i);
  const service = s.tables.services.find(flow, 0);
  if (service === NONE || flow.sourcePort === FTP_DATA_PORT) return puntNone(s, burst, i);
  const d = pick(s, service);
  if (d === NONE) {
    answer(s, burst, i, ingress, IcmpError.portUnreachable, 0, NO_DESTINATION);
    return NONE;
  }
  if (flow.protocol === Protocol.udp && (s.tables.services.flags(service) & ServiceFlag.onePacket) !== 0) {
    sendOnePacket(s, burst, i, ingress, service, d);
    return NONE;
  }
  return enter(s, burst, i, service, d);
}

/**
 * Whether a packet that opens a new connection may end this one, which has the same addresses: the port is in use again
 * (specs/ipvs.md section 2.3 with conn_reuse_mode 1).
 */
export function mayReuse(s: EngineState, conn: number): boolean {
  const flow = s.flow;
  if (flow.protocol !== Protocol.tcp || (flow.tcpFlags & TcpFlag.syn) === 0) return false;
  const state = s.tables.connections.state(conn);
  return (state === TcpState.timeWait || state === TcpState.close) && s.tables.connections.controller(conn) === NONE;
}

/** The scheduler's choice for the packet in `s.flow`. */
function pick(s: EngineState, service: number): number {
  const scheduler = s.schedulers[service];
  if (scheduler === undefined) return NONE;
  const services = s.tables.services;
  // A service without a port is for persistence only (specs/ipvs.md section 2.4).
  if (services.firewallMark(service) === 0 && services.port(service) !== s.flow.targetPort) return NONE;
  const { request, flow } = s;
  request.family = flow.family;
  request.protocol = flow.protocol;
  request.client0 = flow.source0;
  request.client1 = flow.source1;
  request.client2 = flow.source2;
  request.client3 = flow.source3;
  request.clientPort = flow.sourcePort;
  request.target0 = flow.target0;
  request.target1 = flow.target1;
  request.target2 = flow.target2;
  request.target3 = flow.target3;
  request.targetPort = flow.targetPort;
  return scheduler.pick(request);
}

function enter(s: EngineState, burst: Burst, i: number, service: number, d: number): number {
  const { connections, destinations } = s.tables;
  const flow = s.flow;
  const method = destinations.method(d);
  const masq = method === ForwardingMethod.masq;
  const flags = method | ConnectionFlag.inactive | (masq ? 0 : ConnectionFlag.noOutput);
  const conn = connections.insert(
    flow,
    masq ? destinations.addressWord(d, 0) : flow.target0,
    masq ? destinations.addressWord(d, 1) : flow.target1,
    masq ? destinations.addressWord(d, 2) : flow.target2,
    masq ? destinations.addressWord(d, 3) : flow.target3,
    masq ? destinations.port(d) || flow.targetPort : flow.targetPort,
    service,
    d,
    flags,
    s.nowTick,
    FRESH_TIMEOUT_TICKS,
  );
  if (conn === NONE) {
    drop(s, burst, i, CONNECTION_TABLE_FULL);
    return NONE;
  }
  s.tables.bindConnection(conn);
  s.tables.traffic.addConnection(service, d);
  s.counters.add(CONNECTIONS_CREATED);
  return conn;
}

/** One-packet scheduling: counted as a connection, but none is kept and replies are not translated (specs/ipvs.md section 5.2). */
function sendOnePacket(s: EngineState, burst: Burst, i: number, ingress: number, service: number, d: number): void {
  s.tables.traffic.addConnection(service, d);
  s.tables.traffic.addIn(service, d, s.flow.end - s.flow.l3);
  toDestination(s, burst, i, ingress, NONE, d, s.tables.destinations.method(d));
}

function puntNone(s: EngineState, burst: Burst, i: number): number {
  punt(s, burst, i);
  return NONE;
}
