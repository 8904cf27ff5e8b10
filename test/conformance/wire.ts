/**
 * Packets on the wire of a recording, as bytes: built for what a recording says was sent, taken apart for what came out. Does its own
 * arithmetic, so that it shares no mistake with src/packet. An IP address here is 4 or 16 bytes.
 */
import { formatAddress, parseAddress, parseEndpoint } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';

export interface WireEndpoint {
  readonly address: Uint8Array;
  readonly port: number;
}

/** What builds an IP header. */
export interface IpFields {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly protocol: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly identification?: number;
  readonly dontFragment?: boolean;
}

export const TcpBit = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

const WINDOW = 64_240;

/** `10.0.0.1:80`, `[2001:db8::1]:80`. */
export function wireEndpoint(text: string): WireEndpoint {
  const parsed = parseEndpoint(text);
  if (parsed === undefined) throw new Error(`"${text}" is no endpoint`);
  return { address: addressBytes(formatAddress(parsed.address)), port: parsed.port };
}

/** The bytes of an address. */
export function addressBytes(text: string): Uint8Array {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`"${text}" is no IP address`);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  parsed.words.forEach((word, i) => {
    view.setInt32(i * 4, word);
  });
  return parsed.family === Family.v6 ? bytes : bytes.subarray(12);
}

/** The text of an address given as bytes. */
export function addressText(bytes: Uint8Array): string {
  const padded = new Uint8Array(16);
  padded.set(bytes, 16 - bytes.length);
  const view = new DataView(padded.buffer);
  const words = [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)] as const;
  return formatAddress({ family: bytes.length === 4 ? Family.v4 : Family.v6, words });
}

/** An IP packet; ICMP, TCP and UDP checksums are the body's own business. */
export function ipPacket(fields: IpFields, body: Uint8Array): Uint8Array {
  const { source, target, protocol, ttl = 64, tos = 0, identification = 0, dontFragment = true } = fields;
  const isV4 = source.length === 4;
  const packet = new Uint8Array((isV4 ? 20 : 40) + body.length);
  const view = new DataView(packet.buffer);
  if (isV4) {
    view.setUint16(0, 0x4500 | tos);
    view.setUint16(2, packet.length);
    view.setUint16(4, identification);
    view.setUint16(6, dontFragment ? 0x4000 : 0);
    view.setUint16(8, (ttl << 8) | protocol);
    packet.set(source, 12);
    packet.set(target, 16);
    view.setUint16(10, internetChecksum(packet.subarray(0, 20), 0));
  } else {
    view.setUint32(0, ((0x600 | tos) << 20) >>> 0);
    view.setUint16(4, body.length);
    view.setUint16(6, (protocol << 8) | ttl);
    packet.set(source, 8);
    packet.set(target, 24);
  }
  packet.set(body, isV4 ? 20 : 40);
  return packet;
}

/** What builds a TCP segment. */
export interface TcpFields {
  readonly flags: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  /** In words of 4 bytes. */
  readonly options?: Uint8Array;
  readonly data?: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/** A TCP segment in an IP packet. */
export function tcpSegment(from: WireEndpoint, to: WireEndpoint, fields: TcpFields): Uint8Array {
  const { flags, seq = 0, ack = 0, window = WINDOW, options = NO_BYTES, data = NO_BYTES } = fields;
  const headerBytes = 20 + options.length;
  const body = new Uint8Array(headerBytes + data.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, from.port);
  view.setUint16(2, to.port);
  view.setUint32(4, seq);
  view.setUint32(8, ack);
  view.setUint16(12, (headerBytes << 10) | flags);
  view.setUint16(14, window);
  body.set(options, 20);
  body.set(data, headerBytes);
  view.setUint16(16, transportChecksum(from.address, to.address, Protocol.tcp, body));
  return ipPacket({ source: from.address, target: to.address, protocol: Protocol.tcp }, body);
}

/** The same without options and with `data` zero bytes. */
export function tcpPacket(
  from: WireEndpoint,
  to: WireEndpoint,
  flags: number,
  seq = 0,
  ack = 0,
  data = 0,
  window = WINDOW,
): Uint8Array {
  return tcpSegment(from, to, { flags, seq, ack, window, data: new Uint8Array(data) });
}

/** A UDP datagram in an IP packet. @param data bytes, or how many that are zero */
export function udpPacket(from: WireEndpoint, to: WireEndpoint, data: number | Uint8Array): Uint8Array {
  const payload = typeof data === 'number' ? new Uint8Array(data) : data;
  const body = new Uint8Array(8 + payload.length);
  const view = new DataView(body.buffer);
  view.setUint16(0, from.port);
  view.setUint16(2, to.port);
  view.setUint16(4, body.length);
  body.set(payload, 8);
  view.setUint16(6, transportChecksum(from.address, to.address, Protocol.udp, body) || 0xffff);
  return ipPacket({ source: from.address, target: to.address, protocol: Protocol.udp }, body);
}

/** The checksum of a TCP, UDP or ICMPv6 body, whose own field holds what is to be summed in: 0 to make, itself to verify. */
export function transportChecksum(source: Uint8Array, target: Uint8Array, protocol: number, body: Uint8Array): number {
  return internetChecksum(body, sumOf(source) + sumOf(target) + protocol + body.length);
}

/** RFC 1071. @param start what else is summed in */
export function internetChecksum(bytes: Uint8Array, start: number): number {
  let sum = start + sumOf(bytes);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  return bytes.length % 2 === 0 ? sum : sum + (bytes[bytes.length - 1]! << 8);
}

/** An IP packet as the host reads it. */
export interface WirePacket {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly isV4: boolean;
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly ttl: number;
  /** The transport, behind extension headers. */
  readonly protocol: number;
  /** Where its header begins. */
  readonly l4: number;
  readonly isFragment: boolean;
}

/** IPv6 extension headers that say how long they are, in units of 8 bytes, less one. */
const EXTENSIONS = [0, 43, 60];
const FRAGMENT_HEADER = 44;

/** @param bytes one IP packet, complete */
export function readPacket(bytes: Uint8Array): WirePacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[0]! >> 4 === 4) {
    const common = { bytes, view, isV4: true, source: bytes.subarray(12, 16), target: bytes.subarray(16, 20) };
    const isFragment = (view.getUint16(6) & 0x3fff) !== 0;
    return { ...common, ttl: bytes[8]!, protocol: bytes[9]!, l4: (bytes[0]! & 15) * 4, isFragment };
  }
  let [protocol, l4] = [bytes[6]!, 40];
  while (EXTENSIONS.includes(protocol) && l4 + 1 < bytes.length) {
    [protocol, l4] = [bytes[l4]!, l4 + (bytes[l4 + 1]! + 1) * 8];
  }
  const common = { bytes, view, isV4: false, source: bytes.subarray(8, 24), target: bytes.subarray(24, 40) };
  return { ...common, ttl: bytes[7]!, protocol, l4, isFragment: protocol === FRAGMENT_HEADER };
}

/** Bytes as lower-case hex, and back. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
