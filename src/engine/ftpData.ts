// hot path

/**
 * Data connections of FTP, entered ahead of their first packet: in LISTEN, for two minutes, hanging on their control connection, at the
 * same real server. One port is open until that packet comes (table/expectedConnections.ts). Only ends of the control connection itself may
 * be named: a third host, which the kernel would let in, is refused.
 */
import { ForwardingMethod, NONE } from '../base/terms.ts';
import type { FtpEndpoint } from '../packet/ftpEndpoint.ts';
import { TcpFlag } from '../packet/tcp.ts';
import { TcpState } from '../protocol/tcpStates.ts';
import { ConnectionFlag } from '../table/connectionFlags.ts';
import { connectionOf, directionOf, NodeDirection } from '../table/flowKey.ts';
import { insert } from './enter.ts';
import { counter } from './outcome.ts';
import type { EngineState } from './state.ts';

const FTP_CONNECTIONS_EXPECTED = counter('ftpConnectionsExpected');
const FTP_CONNECTIONS_FULL = counter('ftpConnectionsFull');

/** The client of `conn` is who the endpoint names. */
export function isClient(
  { tables: { connections } }: EngineState,
  conn: number,
  { word0, word1, word2, word3 }: FtpEndpoint,
): boolean {
  return (
    connections.clientWord(conn, 3) === word3 &&
    connections.clientWord(conn, 2) === word2 &&
    connections.clientWord(conn, 1) === word1 &&
    connections.clientWord(conn, 0) === word0
  );
}

/** The real server of `conn` is who the endpoint names, by its own address or already by the virtual one. */
export function isServer(s: EngineState, conn: number, d: number, { word0, word1, word2, word3 }: FtpEndpoint): boolean {
  const { connections, destinations } = s.tables;
  const isOwn =
    destinations.addressWord(d, 3) === word3 &&
    destinations.addressWord(d, 2) === word2 &&
    destinations.addressWord(d, 1) === word1 &&
    destinations.addressWord(d, 0) === word0;
  if (isOwn) return true;
  return (
    connections.virtualWord(conn, 3) === word3 &&
    connections.virtualWord(conn, 2) === word2 &&
    connections.virtualWord(conn, 1) === word1 &&
    connections.virtualWord(conn, 0) === word0
  );
}

/**
 * Passive: the client of control connection `control` will call `port` of the virtual address, and means that of real server `d`.
 * @returns false when the table is full
 */
export function expectFromClient(s: EngineState, control: number, d: number, port: number): boolean {
  writeKey(s, control, 0, port);
  const known = knownConnection(s, control);
  const conn = known !== NONE ? known : enterExpected(s, control, d, port, ConnectionFlag.noClientPort);
  if (conn === NONE) return false;
  listen(s, conn);
  return true;
}

/** Active: the real server of control connection `control` will call the client's `port`, from the port below its own. */
export function expectFromServer(s: EngineState, control: number, port: number): void {
  const { connections, expected } = s.tables;
  const d = connections.destination(control);
  const usualPort = connections.replyPort(control) - 1;
  writeKey(s, control, port, connections.virtualPort(control) - 1);
  const known = knownConnection(s, control);
  if (known !== NONE) {
    expected.reopen(known, usualPort);
    return listen(s, known);
  }
  const conn = enterExpected(s, control, d, 0, ConnectionFlag.noServerPort);
  if (conn === NONE) return;
  connections.setDestinationPort(conn, usualPort);
  listen(s, conn);
}

/**
 * The node of the packet in `s.flow`, when it is the first one of a connection that waits for it: then the open port is known from now on.
 * @param node of an ordinary lookup, or NONE
 */
export function settleExpected(s: EngineState, node: number): number {
  const { expected } = s.tables;
  const { flow } = s;
  if ((flow.tcpFlags & (TcpFlag.syn | TcpFlag.ack | TcpFlag.rst)) !== TcpFlag.syn) return node;
  const found = node === NONE ? expected.find(flow) : node;
  if (found !== NONE) expected.settle(found, flow.sourcePort);
  return found;
}

/** Fills `s.inverse` with what the client of `control` would send. */
function writeKey(s: EngineState, control: number, clientPort: number, virtualPort: number): void {
  const { inverse: key } = s;
  const { connections } = s.tables;
  key.family = connections.family(control);
  key.protocol = connections.protocol(control);
  key.source0 = connections.clientWord(control, 0);
  key.source1 = connections.clientWord(control, 1);
  key.source2 = connections.clientWord(control, 2);
  key.source3 = connections.clientWord(control, 3);
  key.sourcePort = clientPort;
  key.target0 = connections.virtualWord(control, 0);
  key.target1 = connections.virtualWord(control, 1);
  key.target2 = connections.virtualWord(control, 2);
  key.target3 = connections.virtualWord(control, 3);
  key.targetPort = virtualPort;
}

/** The connection of `s.inverse` that hangs on the same control connection: it was announced before. */
function knownConnection(s: EngineState, control: number): number {
  const { connections } = s.tables;
  const node = connections.find(s.inverse);
  if (node === NONE || directionOf(node) !== NodeDirection.request) return NONE;
  return connections.controller(connectionOf(node)) === control ? connectionOf(node) : NONE;
}

/** @param port of the real server, 0 = open @param open the flag of the open port @returns NONE when the table is full */
function enterExpected(s: EngineState, control: number, d: number, port: number, open: number): number {
  const { connections, expected } = s.tables;
  const flags = ForwardingMethod.masq | ConnectionFlag.inactive | open;
  const ticks = s.timeouts.of(s.inverse.protocol, TcpState.listen);
  const conn = insert(s, connections.service(control), s.inverse, d, port, flags, ticks);
  if (conn === NONE) {
    s.counters.add(FTP_CONNECTIONS_FULL);
    return NONE;
  }
  expected.added();
  connections.setController(conn, control);
  // The real server may be the first to send something.
  connections.setClientMac(
    conn,
    connections.clientMacHigh(control),
    connections.clientMacLow(control),
    connections.clientSide(control),
  );
  connections.setFirewallMark(conn, connections.firewallMark(control));
  s.counters.add(FTP_CONNECTIONS_EXPECTED);
  return conn;
}

function listen(s: EngineState, conn: number): void {
  const { connections } = s.tables;
  connections.setState(conn, TcpState.listen);
  s.tables.setActive(conn, false);
  connections.touch(conn, s.timeouts.of(connections.protocol(conn), TcpState.listen), s.nowTick);
}
