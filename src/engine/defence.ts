// hot path

/**
 * What the director does against overload (specs/ipvs.md section 2.10, drop_entry, drop_packet, secure_tcp): looked at once a second.
 * Each has a mode: 0 = off, 1 = acts when memory is low, 2 = acts because it is, 3 = acts always; 1 and 2 change into each other.
 */
import { NONE, Protocol } from '../base/terms.ts';
import { SctpState } from '../protocol/sctpStates.ts';
import { TcpState } from '../protocol/tcpStates.ts';
import { TICKS_PER_SECOND } from '../protocol/timeouts.ts';
import { TEMPLATE_ASSURED } from '../table/connectionFlags.ts';
import { dropConnection } from './expiry.ts';
import { counter } from './outcome.ts';
import type { EngineState } from './state.ts';

const CONNECTIONS_SHED = counter('connectionsShed');

const AUTOMATIC = 1;
const ACTING = 2;
const ALWAYS = 3;

const PERIOD_MS = 1000;
/** Rows that one call of `run` looks at. */
const SHED_BUDGET = 1024;
/** Of all rows, drawn at random, each second. */
const SHED_SHARE = 32;
/** A connection refreshed more recently than that is not shed by its rate. */
const QUIET_TICKS = 60 * TICKS_PER_SECOND;
/** Packets up to which a connection counts as hardly used. */
const FEW_PACKETS = 8;

export class Defence {
  /** The tables of secure_tcp are in force. */
  secureTcp = false;
  #dropsEntries = false;
  /** One of so many scheduling attempts is dropped; 0 = none. */
  #dropRate = 0;
  #dropCounter = 0;
  #lastMilliseconds: number;
  /** Rows that are still to be looked at in this second. */
  #toLookAt = 0;
  /** By packets seen: candidates until the next one is shed. */
  readonly #shedCounters = new Int32Array(FEW_PACKETS + 1);

  constructor(nowMilliseconds: number) {
    this.#lastMilliseconds = nowMilliseconds;
  }

  /** Whether this packet, which would begin a connection, is dropped: each packet asked about counts. */
  dropsPacket(): boolean {
    if (this.#dropRate === 0) return false;
    if (--this.#dropCounter > 0) return false;
    this.#dropCounter = this.#dropRate;
    return true;
  }

  /** Once a second looks at memory and modes; then sheds connections, a share of them per call. */
  run(s: EngineState): void {
    if (((s.nowMilliseconds - this.#lastMilliseconds) | 0) >= PERIOD_MS) {
      this.#lastMilliseconds = s.nowMilliseconds;
      this.update(s);
      if (this.#dropsEntries) this.#toLookAt = Math.ceil(s.tables.connections.capacity / SHED_SHARE);
    }
    for (let n = 0; n < SHED_BUDGET && this.#toLookAt > 0; n++) {
      this.#toLookAt--;
      const conn = s.random.below(s.tables.connections.capacity);
      if (!this.#sheds(s, conn)) continue;
      dropConnection(s, conn, false);
      s.counters.add(CONNECTIONS_SHED);
    }
  }

  /** Puts modes into force, also right after they were set. */
  update(s: EngineState): void {
    const { values } = s.settings;
    const threshold = values.amemthresh;
    const available = s.availablePages();
    const isLow = available < threshold;
    values.drop_entry = nextMode(values.drop_entry, isLow);
    values.drop_packet = nextMode(values.drop_packet, isLow);
    values.secure_tcp = nextMode(values.secure_tcp, isLow);
    this.#dropsEntries = values.drop_entry >= ACTING;
    this.secureTcp = values.secure_tcp >= ACTING;
    if (values.drop_packet === ALWAYS) this.#dropRate = values.am_droprate;
    else if (values.drop_packet === ACTING) this.#dropCounter = this.#dropRate = Math.trunc(threshold / (threshold - available));
    else this.#dropRate = 0;
  }

  /** Whether row `conn`, if it is a connection, looks unfinished or idle enough to go. */
  #sheds(s: EngineState, conn: number): boolean {
    const { connections } = s.tables;
    if (!connections.inUse(conn) || connections.controlledCount(conn) > 0) return false;
    if (connections.isTemplate(conn)) {
      return isOfOnePackets(s, conn) ? this.#shedsByRate(s, conn) : connections.state(conn) !== TEMPLATE_ASSURED;
    }
    const state = connections.state(conn);
    switch (connections.protocol(conn)) {
      case Protocol.tcp:
        if (state === TcpState.synReceived || state === TcpState.synAck) return true;
        return state === TcpState.established && this.#shedsByRate(s, conn);
      case Protocol.sctp:
        if (state === SctpState.init1 || state === SctpState.init) return true;
        return state === SctpState.established && this.#shedsByRate(s, conn);
      default:
        return this.#shedsByRate(s, conn);
    }
  }

  /** Of those that have been quiet for a minute and seen n packets, 1 to 8, every n-th goes. */
  #shedsByRate(s: EngineState, conn: number): boolean {
    const { connections } = s.tables;
    const lasts = connections.isTemplate(conn)
      ? connections.timeoutTicks(conn)
      : s.timeouts.of(connections.protocol(conn), connections.state(conn));
    const leftTicks = (connections.expiresAtTick(conn) - s.nowTick) | 0;
    if (lasts - leftTicks < QUIET_TICKS) return false;
    const packets = connections.packetsIn(conn);
    if (packets > FEW_PACKETS || packets <= 0) return false;
    if (--this.#shedCounters[packets]! > 0) return false;
    this.#shedCounters[packets] = packets;
    return true;
  }
}

function nextMode(mode: number, isLow: boolean): number {
  if (mode !== AUTOMATIC && mode !== ACTING) return mode;
  return isLow ? ACTING : AUTOMATIC;
}

/** A template whose service schedules each datagram by itself. */
function isOfOnePackets(s: EngineState, template: number): boolean {
  const { connections, destinations, services } = s.tables;
  const d = connections.destination(template);
  return d !== NONE && destinations.available(d) && services.onePacket(destinations.service(d));
}
