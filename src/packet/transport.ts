// hot path

/**
 * Changes in place to the packet that a Flow describes: an endpoint, that is an address and a port. Every checksum that covers
 * the change is mended in the same call, and the Flow is kept true. Both families and all transports go one way.
 *
 * A fragment gets its address only: ports and checksum are the whole datagram's, which is put together before anything is changed.
 */
import { ChecksumState, Family, Protocol } from '../base/terms.ts';
import * as checksum from './checksum.ts';
import { type Flow, FragmentKind } from './flow.ts';
import * as icmp from './icmp.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import * as sctp from './sctp.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';

/** Offsets of the ports in a TCP, UDP or SCTP header: all three begin alike. */
export const SOURCE_PORT_AT = 0;
export const TARGET_PORT_AT = 2;

/**
 * Sets the source address and port. `port` is ignored where there is none (fragments, ICMP). With ChecksumState.unknown a
 * partial checksum is completed; whatever the state was, it is then complete, unless it was `partial`.
 *
 * Reversing the change restores every byte, except a UDP checksum of 0 and a TCP checksum of 0xffff (sent by nobody; becomes the
 * equal 0).
 * @param a0 to a3: the address as in Flow, IPv4 in a3
 * @param checksumState ChecksumState of the frame
 */
export function rewriteSource(
  v: DataView,
  flow: Flow,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
  checksumState: number,
): void {
  if (checksumState === ChecksumState.unknown) checksum.completeIfPartial(v, flow);
  const addressDelta =
    wordDelta(flow.source0, a0) + wordDelta(flow.source1, a1) + wordDelta(flow.source2, a2) + wordDelta(flow.source3, a3);
  if (flow.family === Family.v4) ipv4.setSourceAddress(v, flow.l3, a3);
  else ipv6.setSourceAddress(v, flow.l3, a0, a1, a2, a3);
  flow.source0 = a0;
  flow.source1 = a1;
  flow.source2 = a2;
  flow.source3 = a3;
  if (flow.fragment !== FragmentKind.none) return;
  let portDelta = 0;
  if (hasPorts(flow.protocol) && port !== flow.sourcePort) {
    portDelta = checksum.difference16(flow.sourcePort, port);
    v.setUint16(flow.l4 + SOURCE_PORT_AT, port);
    flow.sourcePort = port;
  }
  mendTransport(v, flow, addressDelta, portDelta, checksumState);
}

/** As `rewriteSource`, for the target address and port. */
export function rewriteTarget(
  v: DataView,
  flow: Flow,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
  checksumState: number,
): void {
  if (checksumState === ChecksumState.unknown) checksum.completeIfPartial(v, flow);
  const addressDelta =
    wordDelta(flow.target0, a0) + wordDelta(flow.target1, a1) + wordDelta(flow.target2, a2) + wordDelta(flow.target3, a3);
  if (flow.family === Family.v4) ipv4.setTargetAddress(v, flow.l3, a3);
  else ipv6.setTargetAddress(v, flow.l3, a0, a1, a2, a3);
  flow.target0 = a0;
  flow.target1 = a1;
  flow.target2 = a2;
  flow.target3 = a3;
  if (flow.fragment !== FragmentKind.none) return;
  let portDelta = 0;
  if (hasPorts(flow.protocol) && port !== flow.targetPort) {
    portDelta = checksum.difference16(flow.targetPort, port);
    v.setUint16(flow.l4 + TARGET_PORT_AT, port);
    flow.targetPort = port;
  }
  mendTransport(v, flow, addressDelta, portDelta, checksumState);
}

/** True for protocols whose header begins with two ports. */
export function hasPorts(protocol: number): boolean {
  return protocol === Protocol.tcp || protocol === Protocol.udp || protocol === Protocol.sctp;
}

function wordDelta(oldWord: number, newWord: number): number {
  return oldWord === newWord ? 0 : checksum.difference32(oldWord, newWord);
}

function mendTransport(v: DataView, flow: Flow, addressDelta: number, portDelta: number, checksumState: number): void {
  switch (flow.protocol) {
    case Protocol.tcp:
      tcp.setChecksumField(v, flow.l4, mended(tcp.checksumField(v, flow.l4), addressDelta, portDelta, checksumState));
      return;
    case Protocol.udp:
      mendUdp(v, flow, addressDelta, portDelta, checksumState);
      return;
    case Protocol.icmpv6:
      if (flow.family !== Family.v6) return;
      icmp.setChecksumField(v, flow.l4, mended(icmp.checksumField(v, flow.l4), addressDelta, 0, checksumState));
      return;
    case Protocol.sctp:
      // Covers ports but not addresses, and has no incremental form.
      if (portDelta !== 0) sctp.writeChecksum(v, flow.l4, flow.end - flow.l4);
      return;
  }
}

function mendUdp(v: DataView, flow: Flow, addressDelta: number, portDelta: number, checksumState: number): void {
  const field = udp.checksumField(v, flow.l4);
  if (field === 0) {
    // As kernel IPVS: a datagram without a checksum gets one.
    checksum.completeTransport(v, flow);
    return;
  }
  const next = mended(field, addressDelta, portDelta, checksumState);
  // RFC 768: a computed 0 goes out as 0xffff, for 0 means "no checksum".
  udp.setChecksumField(v, flow.l4, next === 0 ? 0xffff : next);
}

function mended(field: number, addressDelta: number, portDelta: number, checksumState: number): number {
  if (checksumState === ChecksumState.partial) return checksum.applyPartial(field, addressDelta);
  return checksum.apply(field, addressDelta + portDelta);
}
