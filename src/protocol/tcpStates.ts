// hot path

/** How TCP segments move a connection through its states, as a balancer in the middle sees them (specs/ipvs.md 3.1 and 3.2). */
import { cell, parseStateTable } from './stateTable.ts';

/** Numbers are those of listings and of synchronisation messages. */
export const TcpState = {
  none: 0,
  established: 1,
  synSent: 2,
  synReceived: 3,
  finWait: 4,
  timeWait: 5,
  close: 6,
  closeWait: 7,
  lastAck: 8,
  listen: 9,
  synAck: 10,
} as const;
export type TcpState = (typeof TcpState)[keyof typeof TcpState];

/** As listings print them, by number. */
export const TCP_STATE_NAMES: readonly string[] = [
  'NONE',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'SYNACK',
];

/** Seconds, by number. The second is `--set`'s first value, the fifth its second. */
export const TCP_TIMEOUT_SECONDS: readonly number[] = [2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120];

/** What a segment means: the first of RST, SYN, FIN, ACK that it carries; `other` carries none of them. */
export const TcpEvent = { syn: 0, fin: 1, ack: 2, rst: 3, other: 4 } as const;
export type TcpEvent = (typeof TcpEvent)[keyof typeof TcpEvent];

const EVENTS = ['syn', 'fin', 'ack', 'rst', 'other'];

const NORMAL = `
  INPUT       NO ES SS SR FW TW CL CW LA LI SA
    syn       SR ES ES SR SR SR SR SR SR SR SR
    fin       CL CW SS TW TW TW CL CW LA LI TW
    ack       ES ES SS ES FW TW CL CW CL LI ES
    rst       CL CL CL SR CL CL CL CL LA LI SR
    other     CL CL CL CL CL CL CL CL CL CL CL
  OUTPUT      NO ES SS SR FW TW CL CW LA LI SA
    syn       SS ES SS SR SS SS SS SS SS LI SR
    fin       TW FW SS TW FW TW CL TW LA LI TW
    ack       ES ES SS ES FW TW CL CW LA ES ES
    rst       CL CL SS CL CL TW CL CL CL CL CL
    other     CL CL CL CL CL CL CL CL CL CL CL
  INPUT-ONLY  NO ES SS SR FW TW CL CW LA LI SA
    syn       SR ES ES SR SR SR SR SR SR SR SR
    fin       CL FW SS TW FW TW CL CW LA LI TW
    ack       ES ES SS ES FW TW CL CW CL LI ES
    rst       CL CL CL SR CL CL CL CL LA LI CL
    other     CL CL CL CL CL CL CL CL CL CL CL
`;

/** While secure_tcp is active: a connection is established only by an ACK of the real server after its SYN+ACK. */
const SECURE = `
  INPUT       NO ES SS SR FW TW CL CW LA LI SA
    syn       SR ES ES SR SR SR SR SR SR SR SA
    fin       CL CW SS TW TW TW CL CW LA LI SA
    ack       ES ES SS SR FW TW CL CW CL LI SA
    rst       CL CL CL SR CL CL CL CL LA LI CL
    other     CL CL CL CL CL CL CL CL CL CL CL
  OUTPUT      NO ES SS SR FW TW CL CW LA LI SA
    syn       SS ES SS SA SS SS SS SS SS LI SA
    fin       TW FW SS TW FW TW CL TW LA LI TW
    ack       ES ES SS ES FW TW CL CW LA ES ES
    rst       CL CL SS CL CL TW CL CL CL CL CL
    other     CL CL CL CL CL CL CL CL CL CL CL
  INPUT-ONLY  NO ES SS SR FW TW CL CW LA LI SA
    syn       SA ES ES SR SA SA SA SA SA SA SA
    fin       CL FW SS TW FW TW CL CW LA LI TW
    ack       ES ES SS ES FW TW CL CW CL LI ES
    rst       CL CL CL SR CL CL CL CL LA LI CL
    other     CL CL CL CL CL CL CL CL CL CL CL
`;

const NORMAL_TABLE = parseStateTable(NORMAL, EVENTS);
const SECURE_TABLE = parseStateTable(SECURE, EVENTS);

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

/** @param tcpFlags the flags byte of the TCP header */
export function tcpEvent(tcpFlags: number): TcpEvent {
  if ((tcpFlags & RST) !== 0) return TcpEvent.rst;
  if ((tcpFlags & SYN) !== 0) return TcpEvent.syn;
  if ((tcpFlags & FIN) !== 0) return TcpEvent.fin;
  return (tcpFlags & ACK) !== 0 ? TcpEvent.ack : TcpEvent.other;
}

/** @param isSecure the stricter tables of secure_tcp */
export function nextTcpState(direction: number, event: number, state: number, isSecure = false): TcpState {
  return (isSecure ? SECURE_TABLE : NORMAL_TABLE)[cell(direction, event, state)] as TcpState;
}

/** Counts as an active connection ("ActiveConn"). */
export function isTcpActive(state: number): boolean {
  switch (state) {
    case TcpState.established:
    case TcpState.synSent:
    case TcpState.synReceived:
    case TcpState.synAck:
      return true;
    default:
      return false;
  }
}
