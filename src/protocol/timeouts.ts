// hot path

/** How long a connection lasts in each state, in ticks of the timer wheel (100 ms). */
import { Protocol } from '../base/terms.ts';
import { SCTP_TIMEOUT_SECONDS } from './sctpStates.ts';
import { TCP_TIMEOUT_SECONDS, TcpState } from './tcpStates.ts';

/** Ticks of the timer wheel in a second. */
export const TICKS_PER_SECOND = 10;

/** Of a connection before its first packet has moved it (specs/ipvs.md 5.2), ticks. */
export const FRESH_TIMEOUT_TICKS = 3 * TICKS_PER_SECOND;

/** UDP has one state; `--set`'s third value. */
export const UDP_TIMEOUT_SECONDS = 300;

/** Seconds as `--set` gives them; 0 leaves one as it is. */
export interface TimeoutSeconds {
  readonly tcp: number;
  readonly tcpFin: number;
  readonly udp: number;
}

export class Timeouts {
  readonly #tcp = Int32Array.from(TCP_TIMEOUT_SECONDS, (seconds) => seconds * TICKS_PER_SECOND);
  readonly #sctp = Int32Array.from(SCTP_TIMEOUT_SECONDS, (seconds) => seconds * TICKS_PER_SECOND);
  #udp = UDP_TIMEOUT_SECONDS * TICKS_PER_SECOND;

  /** Running connections adopt a new value at their next packet. */
  set({ tcp, tcpFin, udp }: TimeoutSeconds): void {
    if (tcp > 0) this.#tcp[TcpState.established] = tcp * TICKS_PER_SECOND;
    if (tcpFin > 0) this.#tcp[TcpState.finWait] = tcpFin * TICKS_PER_SECOND;
    if (udp > 0) this.#udp = udp * TICKS_PER_SECOND;
  }

  /** Ticks. */
  of(protocol: number, state: number): number {
    switch (protocol) {
      case Protocol.tcp:
        return this.#tcp[state]!;
      case Protocol.sctp:
        return this.#sctp[state]!;
      default:
        return this.#udp;
    }
  }
}
