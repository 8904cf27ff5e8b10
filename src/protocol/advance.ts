// hot path

/** The layer-4 protocols as one closed set: what each makes of a packet, and what its states mean. */
import { Protocol } from '../base/terms.ts';
import { nextSctpState, SCTP_STATE_NAMES, SctpState } from './sctpStates.ts';
import { isTcpActive, nextTcpState, TCP_STATE_NAMES, TcpState, tcpEvent } from './tcpStates.ts';

/**
 * The state that a packet moves its connection to.
 * @param direction Direction
 * @param signal TCP: the flags byte. SCTP: SctpEvent. UDP: ignored
 * @param isSecure secure_tcp is active
 */
export function advance(protocol: number, direction: number, signal: number, state: number, isSecure = false): number {
  switch (protocol) {
    case Protocol.tcp:
      return nextTcpState(direction, tcpEvent(signal), state, isSecure);
    case Protocol.sctp:
      return nextSctpState(direction, signal, state);
    default:
      return 0;
  }
}

/** A connection in this state counts as active. UDP never does. */
export function isActive(protocol: number, state: number): boolean {
  switch (protocol) {
    case Protocol.tcp:
      return isTcpActive(state);
    case Protocol.sctp:
      return state === SctpState.established;
    default:
      return false;
  }
}

/** The state that data passes in. UDP has none. */
export function isEstablished(protocol: number, state: number): boolean {
  if (protocol === Protocol.tcp) return state === TcpState.established;
  return protocol === Protocol.sctp && state === SctpState.established;
}

/** As listings print the state of a persistence template. */
export function templateStateName(state: number): string {
  return state === 0 ? 'NONE' : 'ASSURED';
}

/** As listings print it: `ESTABLISHED`, `UDP`. */
export function stateName(protocol: number, state: number): string {
  switch (protocol) {
    case Protocol.tcp:
      return TCP_STATE_NAMES[state] ?? `STATE_${state}`;
    case Protocol.sctp:
      return SCTP_STATE_NAMES[state] ?? `STATE_${state}`;
    case Protocol.udp:
      return 'UDP';
    default:
      return 'NONE';
  }
}
