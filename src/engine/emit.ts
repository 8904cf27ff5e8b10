// hot path

/**
 * The last step of every way out: link header, offloads the port does not have, and cutting what is too long for it.
 */
import { ChecksumState, Family } from '../base/terms.ts';
import { pieceBytes, writePieceV4, writePieceV6 } from '../forward/fragment.ts';
import { segmentCount, transportHeaderBytes, writeSegment } from '../forward/segment.ts';
import { encapsulateInV4, encapsulateInV6, outerBytes, outerDontFragment } from '../forward/tunnel.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import * as ethernet from '../packet/ethernet.ts';
import { type Flow, FragmentKind } from '../packet/flow.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';

const ETHERNET_BYTES = 14;
const TRANSMITTED = counter('transmitted');
const CHECKSUMS_COMPLETED = counter('checksumsCompleted');
const SUPER_FRAMES_SEGMENTED = counter('superFramesSegmented');
const OUTER_FRAGMENTS = counter('outerFragments');
const PACKETS_FRAGMENTED = counter('packetsFragmented');
const SCRATCH_EXHAUSTED = counter('scratchExhausted');
const SEGMENT_KIND_UNSUPPORTED = counter('segmentKindUnsupported');

/** Bytes of the largest IP packet that the frame stands for: of one segment when it is a super-frame. */
export function largestPacketBytes(s: EngineState, burst: Burst, i: number): number {
  const flow = s.flow;
  if (burst.segmentKind[i] === SegmentKind.none) return flow.end - flow.l3;
  return Math.min(flow.end - flow.l3, flow.l4 - flow.l3 + transportHeaderBytes(s.v, flow) + burst.segmentBytes[i]!);
}

/** Sends the frame, whose IP packet has been rewritten in place, by `port` to a MAC address. */
export function emit(s: EngineState, burst: Burst, i: number, port: number, macHigh: number, macLow: number): void {
  const link = s.links[port]!;
  if (!link.offloads) {
    if (burst.segmentKind[i] !== SegmentKind.none) return emitSegments(s, burst, i, port, macHigh, macLow);
    completeChecksum(s, burst, i);
  }
  ethernet.setTarget(s.v, burst.at[i]!, macHigh, macLow);
  ethernet.setSource(s.v, burst.at[i]!, link.macHigh, link.macLow);
  burst.output[i] = port;
  s.counters.add(TRANSMITTED);
}

/** Makes the transport checksum of an ordinary frame what it is on the wire. */
export function completeChecksum(s: EngineState, burst: Burst, i: number): void {
  if (burst.checksum[i] !== ChecksumState.partial) return;
  checksum.completeTransport(s.v, s.flow);
  burst.checksum[i] = ChecksumState.complete;
  s.counters.add(CHECKSUMS_COMPLETED);
}

/**
 * Encapsulates the frame and sends it. The caller has seen that it fits or may be cut.
 * @param d destination whose row holds outer addresses and next hop
 */
export function emitTunnel(s: EngineState, burst: Burst, i: number, d: number, mtu: number): void {
  const flow = s.flow;
  if (burst.segmentKind[i] !== SegmentKind.none) return emitTunnelSegments(s, burst, i, d);
  const bytes = flow.end - flow.l3;
  const outer = encapsulate(s, d, flow, flow.l3, bytes);
  if (outer + bytes > mtu) {
    completeChecksum(s, burst, i);
    return emitPieces(s, burst, i, flow.l3 - outer, s.tables.destinations.family(d), mtu, d, OUTER_FRAGMENTS);
  }
  const at = flow.l3 - outer - ETHERNET_BYTES;
  const port = s.tables.destinations.nextHopPort(d);
  if (burst.checksum[i] === ChecksumState.partial) {
    if (s.links[port]!.offloads) burst.checksumStart[i] = flow.l4 - at;
    else completeChecksum(s, burst, i);
  }
  burst.at[i] = at;
  burst.bytes[i] = ETHERNET_BYTES + outer + bytes;
  burst.output[i] = port;
  linkTo(s, at, d, s.tables.destinations.family(d));
  s.counters.add(TRANSMITTED);
}

/** Cuts the frame's own IPv4 packet, which carries no "don't fragment", to `mtu` and sends the pieces to destination d. */
export function emitFragmented(s: EngineState, burst: Burst, i: number, d: number, mtu: number): void {
  completeChecksum(s, burst, i);
  emitPieces(s, burst, i, s.flow.l3, Family.v4, mtu, d, PACKETS_FRAGMENTED);
}

/** Writes the outer header in front of the packet at `l3`. @returns its length */
function encapsulate(s: EngineState, d: number, inner: Flow, l3: number, bytes: number): number {
  const destinations = s.tables.destinations;
  const family = destinations.family(d);
  if (family === Family.v4) {
    if (!outerDontFragment(inner)) s.identification = (s.identification + 1) & 0xffff;
    const source = destinations.tunnelSourceWord(d, 3);
    encapsulateInV4(s.v, inner, l3, bytes, s.identification, source, destinations.addressWord(d, 3));
  } else encapsulateInV6(s.v, inner, l3, bytes, destinations, d);
  return outerBytes(family);
}

function linkTo(s: EngineState, at: number, d: number, family: number): void {
  const next = s.tables.destinations;
  const link = s.links[next.nextHopPort(d)]!;
  const etherType = ethernet.etherTypeOf(family);
  ethernet.write(s.v, at, next.nextHopMacHigh(d), next.nextHopMacLow(d), link.macHigh, link.macLow, etherType);
}

/** Cuts the IP packet at `l3` to pieces of at most `mtu` bytes, in scratch frames, for destination d; the frame itself ends. */
function emitPieces(
  s: EngineState,
  burst: Burst,
  i: number,
  l3: number,
  family: number,
  mtu: number,
  d: number,
  counted: number,
): void {
  const header = family === Family.v4 ? (s.v.getUint8(l3) & 15) * 4 : 40;
  const payload = s.flow.end - l3 - header;
  const step = pieceBytes(mtu, family === Family.v4 ? header : header + 8);
  if (step <= 0 || Math.ceil(payload / step) > s.scratch.free) return drop(s, burst, i, SCRATCH_EXHAUSTED);
  const port = s.tables.destinations.nextHopPort(d);
  for (let offset = 0; offset < payload; offset += step) {
    const at = s.scratch.take();
    const length = Math.min(step, payload - offset);
    const to = at + ETHERNET_BYTES;
    const bytes =
      family === Family.v4
        ? writePieceV4(s.v, s.bytes, l3, to, offset, length)
        : writePieceV6(s.v, s.bytes, l3, to, offset, length, s.identification);
    linkTo(s, at, d, family);
    sendScratch(s, at, ETHERNET_BYTES + bytes, port);
    s.counters.add(counted);
  }
}

function emitSegments(s: EngineState, burst: Burst, i: number, port: number, macHigh: number, macLow: number): void {
  if (!mayCut(s, burst, i, 0)) return;
  const flow = s.flow;
  const link = s.links[port]!;
  const segmentBytes = burst.segmentBytes[i]!;
  const count = segmentCount(s.v, flow, segmentBytes);
  for (let k = 0; k < count; k++) {
    const at = s.scratch.take();
    const bytes = writeSegment(s.v, s.bytes, flow, segmentBytes, k, at + ETHERNET_BYTES, s.segment);
    ethernet.write(s.v, at, macHigh, macLow, link.macHigh, link.macLow, ethernet.etherTypeOf(flow.family));
    sendScratch(s, at, ETHERNET_BYTES + bytes, port);
  }
}

function emitTunnelSegments(s: EngineState, burst: Burst, i: number, d: number): void {
  const flow = s.flow;
  const segmentBytes = burst.segmentBytes[i]!;
  const family = s.tables.destinations.family(d);
  if (!mayCut(s, burst, i, outerBytes(family))) return;
  const count = segmentCount(s.v, flow, segmentBytes);
  for (let k = 0; k < count; k++) {
    const at = s.scratch.take();
    const l3 = at + ETHERNET_BYTES + outerBytes(family);
    const bytes = writeSegment(s.v, s.bytes, flow, segmentBytes, k, l3, s.segment);
    const outer = encapsulate(s, d, flow, l3, bytes);
    linkTo(s, at, d, family);
    sendScratch(s, at, ETHERNET_BYTES + outer + bytes, s.tables.destinations.nextHopPort(d));
  }
}

/** Whether the super-frame's kind can be cut and its segments have room; else it is dropped. */
function mayCut(s: EngineState, burst: Burst, i: number, outer: number): boolean {
  const kind = burst.segmentKind[i]!;
  const known = kind === SegmentKind.tcpv4 || kind === SegmentKind.tcpv6 || kind === SegmentKind.udp;
  if (!known || burst.segmentBytes[i]! <= 0 || s.flow.fragment !== FragmentKind.none) {
    drop(s, burst, i, SEGMENT_KIND_UNSUPPORTED);
    return false;
  }
  const headers = ETHERNET_BYTES + outer + s.flow.l4 - s.flow.l3 + transportHeaderBytes(s.v, s.flow);
  const fits = headers + burst.segmentBytes[i]! <= s.scratch.capacityBytes;
  if (!fits || segmentCount(s.v, s.flow, burst.segmentBytes[i]!) > s.scratch.free) {
    drop(s, burst, i, SCRATCH_EXHAUSTED);
    return false;
  }
  s.counters.add(SUPER_FRAMES_SEGMENTED);
  return true;
}

function sendScratch(s: EngineState, at: number, bytes: number, port: number): void {
  const burst = s.scratch.push(at, bytes);
  burst.output[s.scratch.index] = port;
  s.counters.add(TRANSMITTED);
}
