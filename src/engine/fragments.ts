// hot path

/**
 * Fragments are put together before anything is decided, as the kernel does: the whole is written to a frame of its own, behind a copy
 * of the first fragment's headers, and handled like any packet. What turns out to be the host's goes back to it as it came.
 */
import { Family, NONE } from '../base/terms.ts';
import { nextHeaderFieldAt } from '../forward/fragment.ts';
import { IcmpError } from '../forward/icmpErrors.ts';
import type { Burst } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import * as ethernet from '../packet/ethernet.ts';
import { FlowFault, parseFlow } from '../packet/flow.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import { answer } from './answer.ts';
import { Added } from './fragmentTable.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';

const FRAGMENTS_HELD = counter('fragmentsHeld');
const FRAGMENTS_JOINED = counter('fragmentsJoined');
const FRAGMENTS_RETURNED = counter('fragmentsReturned');
const FRAGMENT_TABLE_FULL = counter('fragmentTableFull');
const FRAGMENT_TOO_LONG = counter('fragmentTooLong');
const FRAGMENT_DUPLICATE = counter('fragmentDuplicate');
const FRAGMENT_CONFLICT = counter('fragmentConflict');
const FRAGMENT_TIMED_OUT = counter('fragmentTimedOut');
const PUNTED = counter('punted');

const MAX_PACKET_BYTES = 65_535;
/** Datagrams that one call of `expireFragments` forgets at most. */
const EXPIRE_BUDGET = 8;

/** ECN codepoints as bits (RFC 3168, section 5.3). */
const NOT_CAPABLE = 1;
const CONGESTION = 8;
const ECN_MASK = 3;

/**
 * Takes in the fragment that `s.flow` describes; the frame itself ends. When it was the last one that was missing, the whole datagram
 * is in the scratch frame pushed last, `s.flow` describes it, and `s.pieces` says in which pieces it came; `finishDatagram` is to be
 * called when it has been handled.
 * @returns its row in the fragment table, or NONE while it is incomplete, or when it is dropped
 */
export function gatherFragment(s: EngineState, burst: Burst, i: number, ingress: number): number {
  const { fragments, flow } = s;
  let datagram = fragments.find(flow);
  if (!fragments.hasRoom && !makeRoom(s, datagram)) return dropNone(s, burst, i, FRAGMENT_TABLE_FULL);
  if (datagram === NONE) datagram = beginDatagram(s);
  switch (fragments.add(datagram, flow, burst.at[i]!, burst.bytes[i]!, ingress)) {
    case Added.waits:
      return dropNone(s, burst, i, FRAGMENTS_HELD);
    case Added.duplicate:
      return dropNone(s, burst, i, FRAGMENT_DUPLICATE);
    case Added.conflict:
      fragments.free(datagram);
      return dropNone(s, burst, i, FRAGMENT_CONFLICT);
    case Added.tooLong:
      fragments.free(datagram);
      return dropNone(s, burst, i, FRAGMENT_TOO_LONG);
    case Added.whole:
      drop(s, burst, i, FRAGMENTS_JOINED);
      return join(s, datagram) ? datagram : NONE;
  }
}

/** After a whole datagram has been handled: the host gets it in its original pieces, if it is the host's. */
export function finishDatagram(s: EngineState, burst: Burst, i: number, datagram: number): void {
  const { fragments, scratch } = s;
  if (burst.output[i] === s.hostPort && s.hostPort !== NONE) {
    burst.output[i] = NONE;
    for (let piece = fragments.firstPiece(datagram); piece !== NONE; piece = fragments.nextPiece(piece)) {
      // They stay where they are: nothing is stored there before they are sent.
      const returned = scratch.push(fragments.frameAt(piece), fragments.frameBytes(piece));
      returned.output[scratch.index] = s.hostPort;
      s.counters.add(FRAGMENTS_RETURNED);
      s.counters.add(PUNTED);
    }
  }
  s.pieces.clear();
  fragments.free(datagram);
}

/** Forgets the datagrams that nobody has completed in time, and tells the sender (RFC 792, type 11 code 1). */
export function expireFragments(s: EngineState): void {
  const { fragments } = s;
  for (let n = 0; n < EXPIRE_BUDGET; n++) {
    const datagram = fragments.due(s.nowMilliseconds);
    if (datagram === NONE) return;
    const first = fragments.firstPiece(datagram);
    if (first === NONE || fragments.offset(first) !== 0 || !answerLate(s, first)) s.counters.add(FRAGMENT_TIMED_OUT);
    fragments.free(datagram);
  }
}

/** Room for one more piece, at the cost of the oldest datagram; but not of this one. */
function makeRoom(s: EngineState, datagram: number): boolean {
  const oldest = s.fragments.oldest();
  if (oldest === NONE || oldest === datagram) return false;
  s.fragments.free(oldest);
  s.counters.add(FRAGMENT_TABLE_FULL);
  return true;
}

function beginDatagram(s: EngineState): number {
  const row = s.fragments.begin(s.flow, s.nowMilliseconds);
  if (row !== NONE) return row;
  makeRoom(s, NONE);
  return s.fragments.begin(s.flow, s.nowMilliseconds);
}

/** Writes the whole datagram to its frame. @returns false when it cannot be: then it is forgotten */
function join(s: EngineState, datagram: number): boolean {
  const { fragments, scratch, flow } = s;
  const at = s.assemblyAt;
  const first = fragments.firstPiece(datagram);
  const headers =
    fragments.payloadAt(first) - fragments.frameAt(first) - (flow.family === Family.v4 ? 0 : ipv6.FRAGMENT_HEADER_BYTES);
  const bytes = headers - ethernet.HEADER_BYTES + fragments.totalBytes(datagram);
  const limit = flow.family === Family.v4 ? MAX_PACKET_BYTES : MAX_PACKET_BYTES + ipv6.HEADER_BYTES;
  const ecn = joinedEcn(fragments.ecnBits(datagram));
  if (at === NONE || scratch.take() === NONE || bytes > limit || ecn === NONE) {
    fragments.free(datagram);
    s.counters.add(bytes > limit ? FRAGMENT_TOO_LONG : FRAGMENT_CONFLICT);
    return false;
  }
  s.bytes.copyWithin(at, fragments.frameAt(first), fragments.frameAt(first) + headers);
  copyPieces(s, datagram, at + headers);
  const l3 = at + ethernet.HEADER_BYTES;
  if (flow.family === Family.v4) mendV4(s, l3, bytes, ecn, fragments.dontFragment(datagram));
  else mendV6(s, l3, bytes, ecn, first);
  scratch.push(at, ethernet.HEADER_BYTES + bytes);
  s.pieces.family = flow.family;
  s.pieces.maxBytes = fragments.maxBytes(datagram);
  s.pieces.dontFragment = fragments.dontFragment(datagram);
  return true;
}

function copyPieces(s: EngineState, datagram: number, to: number): void {
  const { fragments, pieces } = s;
  pieces.clear();
  for (let piece = fragments.firstPiece(datagram); piece !== NONE; piece = fragments.nextPiece(piece)) {
    const from = fragments.payloadAt(piece);
    const bytes = fragments.payloadBytes(piece);
    s.bytes.copyWithin(to + fragments.offset(piece), from, from + bytes);
    pieces.add(bytes);
  }
}

/** @returns bits to set in the whole's ECN field; NONE when codepoints of the pieces contradict each other: it is to be dropped */
function joinedEcn(bits: number): number {
  if ((bits & NOT_CAPABLE) !== 0) return bits === NOT_CAPABLE ? 0 : NONE;
  return (bits & CONGESTION) !== 0 ? ECN_MASK : 0;
}

function mendV4(s: EngineState, l3: number, bytes: number, ecn: number, dontFragment: boolean): void {
  const { v } = s;
  v.setUint8(l3 + 1, ipv4.trafficClass(v, l3) | ecn);
  v.setUint16(l3 + 2, bytes);
  v.setUint16(l3 + 6, dontFragment ? ipv4.DONT_FRAGMENT : 0);
  checksum.writeIpv4Header(v, l3);
}

/** The header in front of the fragment header now names what was behind it. */
function mendV6(s: EngineState, l3: number, bytes: number, ecn: number, first: number): void {
  const { v, fragments } = s;
  const inFrame = fragments.payloadAt(first) - ipv6.FRAGMENT_HEADER_BYTES;
  const fragmentL3 = fragments.frameAt(first) + ethernet.HEADER_BYTES;
  const field = nextHeaderFieldAt(v, fragmentL3, inFrame - fragmentL3) - fragmentL3;
  v.setUint8(l3 + field, v.getUint8(inFrame));
  ipv6.setPayloadBytes(v, l3, bytes - ipv6.HEADER_BYTES);
  ipv6.setTrafficClass(v, l3, ipv6.trafficClass(v, l3) | ecn);
}

/** Tells the sender that the rest did not come, if it sent to one of our services. @returns whether it is counted */
function answerLate(s: EngineState, first: number): boolean {
  const { fragments, scratch } = s;
  const from = fragments.frameAt(first);
  const bytes = fragments.frameBytes(first);
  const at = scratch.take();
  if (at === NONE || bytes > scratch.capacityBytes) return false;
  s.bytes.copyWithin(at, from, from + bytes);
  if (parseFlow(s.v, at, bytes, s.flow) !== FlowFault.none || s.tables.services.find(s.flow, 0) === NONE) return false;
  const burst = scratch.push(at, bytes);
  answer(s, burst, scratch.index, fragments.ingress(first), IcmpError.reassemblyTimeExceeded, 0, FRAGMENT_TIMED_OUT);
  return true;
}

function dropNone(s: EngineState, burst: Burst, i: number, reason: number): number {
  drop(s, burst, i, reason);
  return NONE;
}
