// hot path

/** The last step of every way out: encapsulation, link header, offloads the port does not have, and cutting what is too long for it. */
import { ChecksumState, Family } from '../base/terms.ts';
import { transportHeaderBytes, writeSegment } from '../forward/segment.ts';
import { encapsulate, hasChecksum, outerBytes } from '../forward/tunnel.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import * as ethernet from '../packet/ethernet.ts';
import type { Flow } from '../packet/flow.ts';
import { emitPieces } from './emitPieces.ts';
import { emitSegments, mayCut, sendScratch } from './emitSegments.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';
import { wayToDestination, writeLink } from './way.ts';

const TRANSMITTED = counter('transmitted');
const CHECKSUMS_COMPLETED = counter('checksumsCompleted');
const PACKET_TOO_BIG = counter('packetTooBig');
const OUTER_FRAGMENTS = counter('outerFragments');
const PACKETS_FRAGMENTED = counter('packetsFragmented');

/** Longest IPv4 packet, and longest payload of an IPv6 one. */
const MAX_PACKET_BYTES = 65_535;

/** Bytes of the largest IP packet that the frame stands for: of one segment when it is a super-frame. */
export function largestPacketBytes(s: EngineState, burst: Burst, i: number): number {
  const flow = s.flow;
  if (burst.segmentKind[i] === SegmentKind.none) return flow.end - flow.l3;
  return Math.min(flow.end - flow.l3, flow.l4 - flow.l3 + transportHeaderBytes(s.v, flow) + burst.segmentBytes[i]!);
}

/**
 * Sends the frame, whose IP packet has been rewritten in place, by `s.way`: as it is, or in pieces where it is longer than `mtu` or came in
 * pieces. The caller has seen that it may be cut.
 */
export function emit(s: EngineState, burst: Burst, i: number, mtu: number): void {
  const bytes = largestPacketBytes(s, burst, i);
  if (bytes > mtu || s.pieces.wants(s.flow.family, bytes)) {
    completeChecksum(s, burst, i);
    return emitPieces(s, burst, i, s.flow.l3, s.flow.family, mtu, PACKETS_FRAGMENTED);
  }
  const { way } = s;
  if (!s.links[way.port]!.offloads) {
    if (burst.segmentKind[i] !== SegmentKind.none) return emitSegments(s, burst, i);
    completeChecksum(s, burst, i);
  }
  ethernet.setTarget(s.v, burst.at[i]!, way.targetHigh, way.targetLow);
  ethernet.setSource(s.v, burst.at[i]!, way.sourceHigh, way.sourceLow);
  burst.output[i] = way.port;
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
 * Encapsulates the frame for destination `d` and sends it. The caller has seen that it fits or may be cut.
 * @param mtu of the way to `d`
 */
export function emitTunnel(s: EngineState, burst: Burst, i: number, d: number, mtu: number): void {
  const { flow } = s;
  const tunnel = s.tables.destinations.tunnel(d);
  const family = s.tables.destinations.family(d);
  const bytes = flow.end - flow.l3;
  wayToDestination(s, d);
  if (burst.segmentKind[i] !== SegmentKind.none) return emitTunnelSegments(s, burst, i, d);
  if (outerBytes(family, tunnel) + bytes > MAX_PACKET_BYTES) return drop(s, burst, i, PACKET_TOO_BIG);
  if (hasChecksum(tunnel)) completeChecksum(s, burst, i);
  const total = bytes + wrap(s, d, flow.l3, bytes);
  if (total > mtu || s.pieces.wants(family, total)) {
    completeChecksum(s, burst, i);
    return emitPieces(s, burst, i, flow.end - total, family, mtu, OUTER_FRAGMENTS);
  }
  const at = flow.end - total - ethernet.HEADER_BYTES;
  if (burst.checksum[i] === ChecksumState.partial) {
    if (s.links[s.way.port]!.offloads) burst.checksumStart[i] = flow.l4 - at;
    else completeChecksum(s, burst, i);
  }
  burst.at[i] = at;
  burst.bytes[i] = ethernet.HEADER_BYTES + total;
  burst.output[i] = s.way.port;
  writeLink(s, at, family);
  s.counters.add(TRANSMITTED);
}

/** Whether an outer header around this packet forbids cutting: only what an inner IPv4 packet itself forbids (pmtu_disc). */
export function outerDontFragment(s: EngineState, inner: Flow): boolean {
  return s.settings.pmtuDisc && inner.family === Family.v4 && inner.dontFragment !== 0;
}

function emitTunnelSegments(s: EngineState, burst: Burst, i: number, d: number): void {
  const { destinations } = s.tables;
  const family = destinations.family(d);
  const room = outerBytes(family, destinations.tunnel(d));
  const count = mayCut(s, burst, i, room);
  for (let k = 0; k < count; k++) {
    const at = s.scratch.take();
    const l3 = at + ethernet.HEADER_BYTES + room;
    const bytes = writeSegment(s.v, s.bytes, s.flow, burst.segmentBytes[i]!, k, l3, s.segment);
    wrap(s, d, l3, bytes);
    writeLink(s, at, family);
    sendScratch(s, at, ethernet.HEADER_BYTES + room + bytes);
  }
}

/** Writes the outer headers in front of the packet at `l3`, which is `s.flow`'s or a segment of it. @returns their length */
function wrap(s: EngineState, d: number, l3: number, bytes: number): number {
  const isWhole = outerDontFragment(s, s.flow);
  if (!isWhole) s.identification = (s.identification + 1) & 0xffff;
  return encapsulate(s.v, s.flow, l3, bytes, s.tables.destinations, d, s.outer, isWhole, s.identification);
}
