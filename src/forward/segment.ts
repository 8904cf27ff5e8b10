// hot path

/**
 * Cuts a super-frame (GSO: one frame of up to 64 KB that stands for many) into the frames that it stands for, where the way out
 * cannot take it whole: a tunnel, or a port without offloads. TCP as in the kernel's own software GSO: the identification counts up,
 * the sequence number moves, CWR only on the first, FIN and PSH only on the last; UDP (GSO): each segment is a datagram.
 */
import { Family, Protocol } from '../base/terms.ts';
import * as checksum from '../packet/checksum.ts';
import type { Flow } from '../packet/flow.ts';

const TCP_FLAGS = 13;
const TCP_SEQUENCE = 4;
const CWR = 0x80;
const FIN_AND_PSH = 0x09;
const UDP_HEADER = 8;

/** Bytes of the transport header of the packet that `flow` describes. */
export function transportHeaderBytes(v: DataView, flow: Flow): number {
  return flow.protocol === Protocol.tcp ? (v.getUint8(flow.l4 + 12) >> 4) * 4 : UDP_HEADER;
}

/** How many frames the super-frame stands for; at least 1. */
export function segmentCount(v: DataView, flow: Flow, segmentBytes: number): number {
  const payload = flow.end - flow.l4 - transportHeaderBytes(v, flow);
  return Math.max(1, Math.ceil(payload / segmentBytes));
}

/**
 * Writes segment `index` with complete checksums to `to`: its IP header starts there, no Ethernet header.
 * @param out receives the segment's flow (l3, l4, end)
 * @returns bytes of its IP packet
 */
export function writeSegment(
  v: DataView,
  bytes: Uint8Array,
  flow: Flow,
  segmentBytes: number,
  index: number,
  to: number,
  out: Flow,
): number {
  const headers = flow.l4 - flow.l3 + transportHeaderBytes(v, flow);
  const from = flow.l3 + headers + index * segmentBytes;
  const payload = Math.min(segmentBytes, flow.end - from);
  const l4 = to + (flow.l4 - flow.l3);
  bytes.copyWithin(to, flow.l3, flow.l3 + headers);
  bytes.copyWithin(to + headers, from, from + payload);
  out.family = flow.family;
  out.protocol = flow.protocol;
  out.l3 = to;
  out.l4 = l4;
  out.end = to + headers + payload;
  copyAddresses(flow, out);
  if (flow.protocol === Protocol.tcp) mendTcp(v, l4, index * segmentBytes, index === 0, from + payload >= flow.end);
  else v.setUint16(l4 + 4, UDP_HEADER + payload);
  if (flow.family === Family.v4) {
    v.setUint16(to + 2, headers + payload);
    v.setUint16(to + 4, (v.getUint16(to + 4) + index) & 0xffff);
    checksum.writeIpv4Header(v, to);
  } else v.setUint16(to + 4, headers + payload - 40);
  checksum.completeTransport(v, out);
  return headers + payload;
}

function mendTcp(v: DataView, l4: number, offset: number, first: boolean, last: boolean): void {
  v.setInt32(l4 + TCP_SEQUENCE, v.getInt32(l4 + TCP_SEQUENCE) + offset);
  let flags = v.getUint8(l4 + TCP_FLAGS);
  if (!first) flags &= ~CWR;
  if (!last) flags &= ~FIN_AND_PSH;
  v.setUint8(l4 + TCP_FLAGS, flags);
}

function copyAddresses(from: Flow, to: Flow): void {
  to.source0 = from.source0;
  to.source1 = from.source1;
  to.source2 = from.source2;
  to.source3 = from.source3;
  to.target0 = from.target0;
  to.target1 = from.target1;
  to.target2 = from.target2;
  to.target3 = from.target3;
}
