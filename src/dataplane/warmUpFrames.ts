/**
 * The made-up frames of the warm-up: every kind that the engine tells apart, of a client and of the real server that answers it. They are
 * laid out in memory of their own; checksums are right, so that they take the same way as real ones.
 */
import { type Address, address } from '../base/address.ts';
import { ChecksumState, Family, Protocol } from '../base/terms.ts';
import { SegmentKind } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import { Flow, FlowFault, parseFlow } from '../packet/flow.ts';

/** A frame as the kernel would hand it over. */
export interface MadeUpFrame {
  readonly bytes: Uint8Array;
  readonly checksum: ChecksumState;
  readonly segmentKind: SegmentKind;
  readonly segmentBytes: number;
  /** Offset of the transport header. */
  readonly transportAt: number;
  /** Offset from there of its checksum field. */
  readonly checksumOffset: number;
}

export interface Ends {
  readonly source: string;
  readonly sourcePort: number;
  readonly target: string;
  readonly targetPort: number;
}

export interface Kind {
  readonly protocol: 'tcp' | 'udp';
  /** TCP flags. */
  readonly flags?: number;
  readonly payloadBytes?: number;
  readonly hopLimit?: number;
  readonly dontFragment?: boolean;
  /** Offset and "more" of a fragment; IPv4 only. */
  readonly fragment?: { readonly at: number; readonly more: boolean };
  /** An unfinished checksum, and a super-frame when there are several segments of these bytes. */
  readonly offload?: { readonly segmentBytes: number };
}

export const TcpFlags = { fin: 1, syn: 2, reset: 4, ack: 16 } as const;

const ETHERNET_BYTES = 14;
const CHECKSUM_OFFSET = { tcp: 16, udp: 6 } as const;
const TRANSPORT_BYTES = { tcp: 20, udp: 8 } as const;
const DIRECTOR_MAC = [2, 0, 0, 0, 0x0d, 0];
const flow = new Flow();

export function madeUpFrame({ source, sourcePort, target, targetPort }: Ends, kind: Kind): MadeUpFrame {
  const from = address(source);
  const to = address(target);
  const headerBytes = from.family === Family.v4 ? 20 : 40;
  const l4Bytes = TRANSPORT_BYTES[kind.protocol] + (kind.payloadBytes ?? 6);
  const bytes = new Uint8Array(ETHERNET_BYTES + headerBytes + l4Bytes);
  const v = new DataView(bytes.buffer);
  writeLink(bytes, v, from.family);
  writeInternet(v, from, to, Protocol[kind.protocol], l4Bytes, kind);
  const l4 = ETHERNET_BYTES + headerBytes;
  v.setUint16(l4, sourcePort);
  v.setUint16(l4 + 2, targetPort);
  if (kind.protocol === 'udp') v.setUint16(l4 + 4, l4Bytes);
  else {
    v.setUint8(l4 + 12, 5 << 4);
    v.setUint8(l4 + 13, kind.flags ?? TcpFlags.ack);
    v.setUint16(l4 + 14, 512);
  }
  return withChecksum(bytes, v, kind, l4);
}

/** An ICMP error of `source` to `target` about a packet of theirs. */
export function madeUpError(source: string, target: string, quoted: MadeUpFrame): MadeUpFrame {
  const from = address(source);
  const isV4 = from.family === Family.v4;
  const headerBytes = isV4 ? 20 : 40;
  const quote = quoted.bytes.subarray(ETHERNET_BYTES, ETHERNET_BYTES + headerBytes + 8);
  const bytes = new Uint8Array(ETHERNET_BYTES + headerBytes + 8 + quote.length);
  const v = new DataView(bytes.buffer);
  const l4 = ETHERNET_BYTES + headerBytes;
  writeLink(bytes, v, from.family);
  writeInternet(v, from, address(target), isV4 ? Protocol.icmp : Protocol.icmpv6, 8 + quote.length, { protocol: 'udp' });
  // Port unreachable.
  v.setUint8(l4, isV4 ? 3 : 1);
  v.setUint8(l4 + 1, isV4 ? 3 : 4);
  bytes.set(quote, l4 + 8);
  if (isV4) checksum.writeIcmp(v, l4, 8 + quote.length);
  else checksum.writeIcmpv6(v, ETHERNET_BYTES, l4, 8 + quote.length);
  return plain(bytes, l4);
}

/** An ARP request: no IP at all. */
export function madeUpArp(): MadeUpFrame {
  const bytes = new Uint8Array(60).fill(0xff, 0, 6);
  bytes.set([0x08, 0x06], 12);
  return plain(bytes, ETHERNET_BYTES);
}

/** A frame that is cut off within its IP header. */
export function madeUpStump(whole: MadeUpFrame): MadeUpFrame {
  return plain(whole.bytes.slice(0, ETHERNET_BYTES + 12), ETHERNET_BYTES);
}

function plain(bytes: Uint8Array, transportAt: number): MadeUpFrame {
  const offload = { checksum: ChecksumState.complete, segmentKind: SegmentKind.none, segmentBytes: 0, checksumOffset: 0 };
  return { bytes, transportAt, ...offload };
}

function writeLink(bytes: Uint8Array, v: DataView, family: number): void {
  bytes.set(DIRECTOR_MAC, 0);
  bytes.set([2, 0, 0, 0, 0x0c, 1], 6);
  v.setUint16(12, family === Family.v4 ? 0x0800 : 0x86dd);
}

function writeInternet(v: DataView, from: Address, to: Address, protocol: number, l4Bytes: number, kind: Kind): void {
  const l3 = ETHERNET_BYTES;
  const { hopLimit = 64, fragment, dontFragment = true } = kind;
  if (from.family === Family.v4) {
    v.setUint8(l3, 0x45);
    v.setUint16(l3 + 2, 20 + l4Bytes);
    v.setUint16(l3 + 4, 0x1234);
    const field = fragment === undefined ? (dontFragment ? 0x4000 : 0) : (fragment.more ? 0x2000 : 0) | (fragment.at >> 3);
    v.setUint16(l3 + 6, field);
    v.setUint8(l3 + 8, hopLimit);
    v.setUint8(l3 + 9, protocol);
    v.setInt32(l3 + 12, from.words[3]);
    v.setInt32(l3 + 16, to.words[3]);
    checksum.writeIpv4Header(v, l3);
    return;
  }
  v.setUint8(l3, 0x60);
  v.setUint16(l3 + 4, l4Bytes);
  v.setUint8(l3 + 6, protocol);
  v.setUint8(l3 + 7, hopLimit);
  for (let i = 0; i < 4; i++) {
    v.setInt32(l3 + 8 + 4 * i, from.words[i]!);
    v.setInt32(l3 + 24 + 4 * i, to.words[i]!);
  }
}

function withChecksum(bytes: Uint8Array, v: DataView, { protocol, offload, fragment }: Kind, transportAt: number): MadeUpFrame {
  const checksumOffset = CHECKSUM_OFFSET[protocol];
  if (fragment !== undefined || parseFlow(v, 0, bytes.length, flow) !== FlowFault.none) return plain(bytes, transportAt);
  if (offload === undefined) {
    checksum.completeTransport(v, flow);
    return { ...plain(bytes, transportAt), checksumOffset };
  }
  v.setUint16(transportAt + checksumOffset, checksum.pseudoHeaderSum(flow, bytes.length - transportAt));
  const isSuper = bytes.length - transportAt > offload.segmentBytes + TRANSPORT_BYTES[protocol];
  const tcpKind = flow.family === Family.v4 ? SegmentKind.tcpv4 : SegmentKind.tcpv6;
  const segmentKind = isSuper ? (protocol === 'tcp' ? tcpKind : SegmentKind.udp) : SegmentKind.none;
  const { segmentBytes } = offload;
  return { bytes, transportAt, checksumOffset, checksum: ChecksumState.partial, segmentKind, segmentBytes };
}
