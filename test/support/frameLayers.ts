/** The fields of each layer of a test frame, and the bytes that they make. See frame.ts. */
import { address, parseMac } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';
import { SctpChunk } from '../../src/packet/sctp.ts';
import { TcpFlag } from '../../src/packet/tcp.ts';
import { joinBytes, onesComplementSum, setChecksum } from './wireBytes.ts';

/** Default: a client sends to the director. */
export interface EthernetFields {
  readonly source?: string;
  readonly target?: string;
  readonly type?: number;
}

/** Default: a client sends to the virtual address. */
export interface Ipv4Fields {
  readonly source?: string;
  readonly target?: string;
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  /** Default true, and false as soon as the packet is a fragment. */
  readonly dontFragment?: boolean;
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** Default: what the next layer is. */
  readonly protocol?: number;
  /** A multiple of 4, at most 40. */
  readonly options?: Uint8Array;
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalBytes?: number;
  readonly checksum?: number;
}

/** As Ipv4Fields. */
export interface Ipv6Fields {
  readonly source?: string;
  readonly target?: string;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  readonly nextHeader?: number;
  readonly payloadBytes?: number;
  readonly version?: number;
}

/** IPv6 fragment header. */
export interface FragmentFields {
  readonly offset?: number;
  readonly more?: boolean;
  readonly id?: number;
  readonly nextHeader?: number;
}

/** Default: a bare ACK to port 80. */
export interface TcpFields {
  readonly source?: number;
  readonly target?: number;
  readonly seq?: number;
  readonly ack?: number;
  /** Names as in TcpFlag, in any case, separated by blanks; default ACK. */
  readonly flags?: string;
  readonly window?: number;
  /** A multiple of 4, at most 40. */
  readonly options?: Uint8Array;
  readonly headerWords?: number;
  readonly checksum?: number;
}

/** Default: to port 53. */
export interface UdpFields {
  readonly source?: number;
  readonly target?: number;
  readonly length?: number;
  readonly checksum?: number;
}

/** Default: an echo request. */
export interface IcmpFields {
  readonly type?: number;
  readonly code?: number;
  /** The second word of the header. */
  readonly rest?: number;
  readonly checksum?: number;
}

/** Default: an INIT. */
export interface SctpFields {
  readonly source?: number;
  readonly target?: number;
  readonly tag?: number;
  readonly chunk?: keyof typeof SctpChunk;
}

/** Default: the client asks for the virtual address. */
export interface ArpFields {
  readonly operation?: number;
  readonly senderMac?: string;
  readonly sender?: string;
  readonly targetMac?: string;
  readonly target?: string;
}

/** What layers know of each other while they are written. */
export interface Context {
  /** The addresses of the nearest IP header outside, for pseudo-headers. */
  readonly outer: { readonly family: Family; readonly source: string; readonly target: string };
  readonly partial: boolean;
  /** Protocol number of the layer inside; of payload, 59. */
  readonly inner: number;
}

/** An IPv4 header in front of `body`. */
export function encodeIpv4(fields: Ipv4Fields, source: string, target: string, body: Uint8Array, inner: number): Uint8Array {
  const { ttl = 64, tos = 0, id = 0x1c46, fragmentOffset = 0, moreFragments = false, options = new Uint8Array(0) } = fields;
  const { dontFragment = fragmentOffset === 0 && !moreFragments } = fields;
  const total = 20 + options.length + body.length;
  const first = ((fields.version ?? 4) << 12) | ((fields.headerWords ?? 5 + options.length / 4) << 8) | tos;
  const flags = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | (fragmentOffset >> 3);
  const head = words(first, fields.totalBytes ?? total, id, flags, (ttl << 8) | (fields.protocol ?? inner), 0);
  const header = joinBytes(head, addressBytes(source), addressBytes(target), options);
  setChecksum(header, 10, fields.checksum ?? ~onesComplementSum(header));
  return joinBytes(header, body);
}

/** A fixed IPv6 header in front of `body`. */
export function encodeIpv6(fields: Ipv6Fields, source: string, target: string, body: Uint8Array, inner: number): Uint8Array {
  const { hopLimit = 64, trafficClass = 0, flowLabel = 0, version = 6 } = fields;
  const first = (version << 12) | (trafficClass << 4) | (flowLabel >>> 16);
  const head = words(
    first,
    flowLabel & 0xffff,
    fields.payloadBytes ?? body.length,
    ((fields.nextHeader ?? inner) << 8) | hopLimit,
  );
  return joinBytes(head, addressBytes(source), addressBytes(target), body);
}

/** A TCP header in front of `body`. */
export function encodeTcp(fields: TcpFields, body: Uint8Array, context: Context): Uint8Array {
  const { source = 40_000, target = 80, seq = 1000, ack = 0, window = 64_240, options = new Uint8Array(0) } = fields;
  const offsetAndFlags = ((fields.headerWords ?? 5 + options.length / 4) << 12) | flagBits(fields.flags ?? 'ACK');
  const head = words(source, target, seq >>> 16, seq & 0xffff, ack >>> 16, ack & 0xffff, offsetAndFlags, window, 0, 0);
  const segment = joinBytes(head, options, body);
  const pseudo = pseudoHeader(context, Protocol.tcp, segment.length);
  const field = context.partial ? onesComplementSum(pseudo) : ~onesComplementSum(joinBytes(pseudo, segment));
  setChecksum(segment, 16, fields.checksum ?? field);
  return segment;
}

/** A UDP header in front of `body`. */
export function encodeUdp(fields: UdpFields, body: Uint8Array, context: Context): Uint8Array {
  const { source = 40_000, target = 53 } = fields;
  const datagram = joinBytes(words(source, target, fields.length ?? 8 + body.length, 0), body);
  const pseudo = pseudoHeader(context, Protocol.udp, datagram.length);
  const full = ~onesComplementSum(joinBytes(pseudo, datagram)) & 0xffff;
  setChecksum(datagram, 6, fields.checksum ?? (context.partial ? onesComplementSum(pseudo) : full || 0xffff));
  return datagram;
}

/** An ICMP or ICMPv6 header, by the family outside, in front of `body`. */
export function encodeIcmp(fields: IcmpFields, body: Uint8Array, context: Context): Uint8Array {
  const v6 = context.outer.family === Family.v6;
  const { type = v6 ? 128 : 8, code = 0, rest = 0x0001_0001 } = fields;
  const message = joinBytes(words((type << 8) | code, 0, rest >>> 16, rest & 0xffff), body);
  const pseudo = v6 ? pseudoHeader(context, Protocol.icmpv6, message.length) : new Uint8Array(0);
  setChecksum(message, 2, fields.checksum ?? ~onesComplementSum(joinBytes(pseudo, message)));
  return message;
}

/** An SCTP common header and one chunk that carries `body`. */
export function encodeSctp(fields: SctpFields, body: Uint8Array): Uint8Array {
  const { source = 40_000, target = 9999, tag = 0, chunk = 'init' } = fields;
  const head = words(source, target, tag >>> 16, tag & 0xffff, 0, 0, SctpChunk[chunk] << 8, 4 + body.length);
  const packet = joinBytes(head, body);
  let crc = -1;
  for (const byte of packet) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  new DataView(packet.buffer).setInt32(8, ~crc, true);
  return packet;
}

/** RFC 768 and RFC 8200: for IPv4 the zero byte, protocol and 16-bit length; summing does not see that IPv6's are wider. */
function pseudoHeader({ outer }: Context, protocol: number, bytes: number): Uint8Array {
  return joinBytes(addressBytes(outer.source), addressBytes(outer.target), words(protocol, bytes));
}

function flagBits(names: string): number {
  let bits = 0;
  for (const name of names.toLowerCase().split(' ')) bits |= TcpFlag[name as keyof typeof TcpFlag] ?? 0;
  return bits;
}

/** 16-bit words in network order. */
export function words(...values: number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >> 8, value]));
}

/** 4 or 16 bytes. */
export function addressBytes(text: string): Uint8Array {
  const parsed = address(text);
  const all = parsed.words.flatMap((word) => [word >>> 24, word >>> 16, word >>> 8, word]);
  return Uint8Array.from(parsed.family === Family.v4 ? all.slice(12) : all);
}

/** 6 bytes. */
export function macBytes(text: string): Uint8Array {
  const mac = parseMac(text);
  if (mac === undefined) throw new Error(`not a MAC address: "${text}"`);
  return joinBytes(words(mac.high, mac.low >>> 16, mac.low & 0xffff));
}
