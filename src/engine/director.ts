// hot path

/**
 * The decision for one frame. `handle` is called once per frame and writes its end into the burst: `output` is the port that sends
 * it, or NONE. Three deep, each step once, downwards only:
 *
 *     handle -> parseFlow
 *            -> gatherFragment, until the datagram is whole
 *            -> handleIcmp | handleTransport
 *                  -> connections.find, schedule, advance -> toDestination | toClient -> emit
 */
import { ChecksumState, Family, NONE, Protocol } from '../base/terms.ts';
import { IcmpError } from '../forward/icmpErrors.ts';
import type { Burst } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import { FlowFault, FragmentKind, parseFlow } from '../packet/flow.ts';
import { decrementHopLimit } from '../packet/hopLimit.ts';
import { areAcceptable, hasOptions } from '../packet/ipv4Options.ts';
import * as sctp from '../packet/sctp.ts';
import { TcpFlag } from '../packet/tcp.ts';
import { TICKS_PER_SECOND } from '../protocol/timeouts.ts';
import { METHOD_MASK } from '../table/connectionFlags.ts';
import { connectionOf, directionOf, NodeDirection } from '../table/flowKey.ts';
import { advanceConnection } from './advance.ts';
import { answer } from './answer.ts';
import { endOnePacket } from './enter.ts';
import { expireDue, retire } from './expiry.ts';
import { FastTables, runFast } from './fastPath.ts';
import { expireFragments, finishDatagram, gatherFragment } from './fragments.ts';
import { openFromServer } from './fromServer.ts';
import { settleExpected } from './ftpData.ts';
import { noteReply } from './fullnat.ts';
import { handleIcmp } from './icmp.ts';
import { counter, drop, punt } from './outcome.ts';
import { mayReuse, schedule } from './schedule.ts';
import { type EngineOptions, EngineState } from './state.ts';
import { answerAsRouter, isForwardable, isTranslated, learnClientSide, toClient, toDestination } from './transmit.ts';

const RECEIVED = counter('received');
const CHECKSUMS_COMPLETED = counter('checksumsCompleted');
const CONNECTIONS_REUSED = counter('connectionsReused');
const DESTINATION_REMOVED = counter('destinationRemoved');
const UNKNOWN_REPLY = counter('unknownReply');
/** Counter of FlowFault f: FIRST_FAULT + f. */
const FIRST_FAULT = counter('none');

/** Length of a timer tick. */
const TICK_MS = 1000 / TICKS_PER_SECOND;
/** As the kernel looks through its trash of removed destinations. */
const SWEEP_TICKS = 60 * TICKS_PER_SECOND;

export class Director {
  readonly state: EngineState;
  readonly #fast: FastTables;
  #sweptAtTick = 0;

  constructor(options: EngineOptions) {
    this.state = new EngineState(options);
    this.#fast = new FastTables(this.state);
    this.setTime();
    this.#sweptAtTick = this.state.nowTick;
  }

  /** Reads the clock, once per burst. */
  setTime(): void {
    const s = this.state;
    const now = s.clock.now();
    s.nowMilliseconds = now | 0;
    s.nowTick = (now / TICK_MS) | 0;
    this.#fast.setTime(s);
  }

  /**
   * Decides about the frames from index `from` on, which came in by port `ingress`, until one has made frames of its own (see `handle`):
   * those are to be sent before the next one is looked at.
   * @returns index of the first frame not handled
   */
  handleBurst(burst: Burst, from: number, ingress: number): number {
    const { scratch } = this.state;
    let i = from;
    while (i < burst.count && scratch.used === 0) {
      i = runFast(this.#fast, burst, i, ingress);
      if (i < burst.count) this.handle(burst, i++, ingress);
    }
    return i;
  }

  /** Decides about frame `i`, which came in by port `ingress`. What it sends beside that frame is in `state.scratch` afterwards. */
  handle(burst: Burst, i: number, ingress: number): void {
    const s = this.state;
    const { flow } = s;
    s.counters.add(RECEIVED);
    if (!isReadable(s, burst, i)) return;
    if (flow.fragment !== FragmentKind.none || flow.fragmentAt !== 0) return handleFragment(s, burst, i, ingress);
    if (burst.checksum[i] === ChecksumState.unknown) resolveChecksum(s, burst, i);
    dispatch(s, burst, i, ingress);
  }

  /** Ends connections whose time is over, and fragments that waited in vain; bounded work, once per burst. */
  expire(): void {
    const s = this.state;
    expireFragments(s);
    this.#sweep();
    expireDue(s);
    s.removedFlush.run(s);
    s.defence.run(s);
  }

  /** Frees removed destinations that no connection refers to any more. */
  #sweep(): void {
    const now = this.state.nowTick;
    if (((now - this.#sweptAtTick) | 0) < SWEEP_TICKS) return;
    this.#sweptAtTick = now;
    this.state.tables.destinations.sweepTrash(now);
  }
}

/** Fills `s.flow`. @returns false when the frame has ended here: it makes no sense, or only the host can make sense of it */
function isReadable(s: EngineState, burst: Burst, i: number): boolean {
  const fault = parseFlow(s.v, burst.at[i]!, burst.bytes[i]!, s.flow);
  if (fault === FlowFault.none) {
    if (!hasOptions(s.flow) || areAcceptable(s.v, s.flow)) return true;
    punt(s, burst, i);
  } else if (fault === FlowFault.notIp) punt(s, burst, i);
  else drop(s, burst, i, FIRST_FAULT + fault);
  return false;
}

/** Puts the fragment with the others of its datagram; the last one of them makes the whole go its way. */
function handleFragment(s: EngineState, burst: Burst, i: number, ingress: number): void {
  if (s.tables.services.countOf(s.flow.family) === 0) return punt(s, burst, i);
  const datagram = gatherFragment(s, burst, i, ingress);
  if (datagram === NONE) return;
  const { last, index } = s.scratch;
  if (isReadable(s, last, index)) dispatch(s, last, index, ingress);
  finishDatagram(s, last, index, datagram);
}

/** Chooses the path of a packet that has a transport header. Without services of its family there is nothing to do for it. */
function dispatch(s: EngineState, burst: Burst, i: number, ingress: number): void {
  if (s.tables.services.countOf(s.flow.family) === 0 && !s.tunnels.has(s.flow.family)) return punt(s, burst, i);
  switch (s.flow.protocol) {
    case Protocol.tcp:
    case Protocol.udp:
    case Protocol.sctp:
      return handleTransport(s, burst, i, ingress);
    case Protocol.esp:
    case Protocol.ah:
      return handleIpsec(s, burst, i, ingress);
    case Protocol.icmp:
      return s.flow.family === Family.v4 ? handleIcmp(s, burst, i, ingress) : punt(s, burst, i);
    case Protocol.icmpv6:
      return s.flow.family === Family.v6 ? handleIcmp(s, burst, i, ingress) : punt(s, burst, i);
    default:
      return punt(s, burst, i);
  }
}

function handleTransport(s: EngineState, burst: Burst, i: number, ingress: number): void {
  let node = s.tables.connections.find(s.flow);
  if (s.tables.expected.count > 0) node = settleExpected(s, node);
  if (node !== NONE && directionOf(node) === NodeDirection.reply) return handleReply(s, burst, i, ingress, node);
  if (node === NONE && s.tables.services.haveEngine && openFor(s, burst, i, ingress)) return;
  if (s.settings.natIcmpSend && refuseReply(s, burst, i, ingress)) return;
  const known = node === NONE ? NONE : connectionOf(node);
  if (known === NONE) return begin(s, burst, i, ingress, NONE);
  if (mayReuse(s, known)) {
    s.counters.add(CONNECTIONS_REUSED);
    return begin(s, burst, i, ingress, known);
  }
  if (hasWay(s, known)) return handleRequest(s, burst, i, ingress, known);
  // The timer is not refreshed: the connection ages away unless its real server comes back.
  if (!s.settings.expireNodestConn) return drop(s, burst, i, DESTINATION_REMOVED);
  begin(s, burst, i, ingress, known);
}

/**
 * Schedules the packet. @param old a connection of the same addresses, which ends; or NONE. As in the kernel it still counts for the
 * scheduler, unless it has the last row of the table.
 */
function begin(s: EngineState, burst: Burst, i: number, ingress: number, old: number): void {
  const { connections } = s.tables;
  const isFull = connections.count === connections.capacity;
  if (old !== NONE && isFull) retire(s, old);
  const conn = schedule(s, burst, i, ingress);
  if (old !== NONE && !isFull) retire(s, old);
  if (conn !== NONE) handleRequest(s, burst, i, ingress, conn);
}

/** Its real server is on a list; or it has none, and goes past all of them (cache_bypass). */
function hasWay(s: EngineState, conn: number): boolean {
  const d = s.tables.connections.destination(conn);
  return d === NONE || s.tables.destinations.available(d);
}

function handleRequest(s: EngineState, burst: Burst, i: number, ingress: number, conn: number): void {
  const { connections, destinations, traffic } = s.tables;
  const d = connections.destination(conn);
  if (d !== NONE) traffic.addIn(destinations.service(d), d, s.flow.end - s.flow.l3);
  connections.addPacketIn(conn);
  advanceConnection(s, conn, NodeDirection.request);
  if (d === NONE) punt(s, burst, i);
  else {
    const method = connections.flags(conn) & METHOD_MASK;
    if (isTranslated(method) || !connections.hasClientMac(conn)) learnClientSide(s, burst, i, ingress, conn);
    s.outcome = conn * 2 + NodeDirection.request;
    toDestination(s, burst, i, ingress, conn, d, method);
  }
  endOnePacket(s, conn);
}

/** A connection that the real server opens, with this packet, which is then handled as a reply. @returns false when it opens none */
function openFor(s: EngineState, burst: Burst, i: number, ingress: number): boolean {
  const node = openFromServer(s);
  if (node === NONE) return false;
  handleReply(s, burst, i, ingress, node);
  endOnePacket(s, connectionOf(node));
  return true;
}

function handleReply(s: EngineState, burst: Burst, i: number, ingress: number, node: number): void {
  const { connections, destinations, traffic } = s.tables;
  const conn = connectionOf(node);
  const d = connections.destination(conn);
  const isOurs = isTranslated(connections.flags(conn) & METHOD_MASK);
  // A router would not forward it, so that nobody counts it (specs/ipvs.md section 2.7).
  if (isOurs ? !isForwardable(s, burst, i, conn) : s.flow.hopLimit <= 1) {
    return isOurs ? toClient(s, burst, i, ingress, conn, d) : punt(s, burst, i);
  }
  if (d !== NONE && destinations.available(d)) traffic.addOut(destinations.service(d), d, s.flow.end - s.flow.l3);
  advanceConnection(s, conn, NodeDirection.reply);
  // Replies that pass a route or tunnel director are counted, then routed by the host.
  if (!isOurs) return punt(s, burst, i);
  noteReply(s, conn);
  s.outcome = node;
  toClient(s, burst, i, ingress, conn, d);
}

/** A packet of AH or ESP goes where the key exchange of its two hosts went, UDP port 500; it never begins a connection. */
function handleIpsec(s: EngineState, burst: Burst, i: number, ingress: number): void {
  const flow = s.flow;
  const protocol = flow.protocol;
  flow.protocol = Protocol.udp;
  flow.sourcePort = flow.targetPort = ISAKMP_PORT;
  const node = s.tables.connections.find(flow);
  flow.protocol = protocol;
  flow.sourcePort = flow.targetPort = 0;
  if (node === NONE) return punt(s, burst, i);
  if (directionOf(node) === NodeDirection.reply) return handleReply(s, burst, i, ingress, node);
  const conn = connectionOf(node);
  if (!hasWay(s, conn)) {
    if (!s.settings.expireNodestConn) return drop(s, burst, i, DESTINATION_REMOVED);
    retire(s, conn);
    return punt(s, burst, i);
  }
  handleRequest(s, burst, i, ingress, conn);
}

const ISAKMP_PORT = 500;

/**
 * A masq real server's packet that is nobody's reply is answered with port unreachable, for the connection that it thinks of is over
 * (nat_icmp_send). @returns false when it is no such packet
 */
function refuseReply(s: EngineState, burst: Burst, i: number, ingress: number): boolean {
  const flow = s.flow;
  const d = s.realServers.ofSource(s.tables, flow);
  if (d === NONE) return false;
  if (flow.protocol === Protocol.tcp && (flow.tcpFlags & TcpFlag.rst) !== 0) return false;
  if (flow.protocol === Protocol.sctp && sctp.firstChunkType(s.v, flow.l4) === sctp.SctpChunk.abort) return false;
  // To a virtual address: as a host. Else as a router that has forwarded it.
  if (s.tables.services.find(flow, 0) !== NONE) answer(s, burst, i, ingress, IcmpError.portUnreachable, 0, UNKNOWN_REPLY);
  else {
    if (flow.hopLimit > 1) decrementHopLimit(s.v, flow);
    answerAsRouter(s, burst, i, ingress, d, IcmpError.portUnreachable, 0, UNKNOWN_REPLY);
  }
  return true;
}

/** AF_XDP cannot say whether a checksum is complete; see `holdsOnlyPseudoHeader` for why completing is harmless. */
function resolveChecksum(s: EngineState, burst: Burst, i: number): void {
  if (checksum.holdsOnlyPseudoHeader(s.v, s.flow)) {
    checksum.completeTransport(s.v, s.flow);
    s.counters.add(CHECKSUMS_COMPLETED);
  }
  burst.checksum[i] = ChecksumState.complete;
}
