/**
 * The director's own host, as much of it as the recordings show: what the engine gives back, the host answers or routes. It has no
 * sockets, so a TCP segment gets a RST and a datagram a "port unreachable"; what is not for one of its addresses it forwards.
 */
import { Protocol } from '../../src/base/terms.ts';
import {
  addressBytes,
  internetChecksum,
  ipPacket,
  readPacket,
  TcpBit,
  toHex,
  transportChecksum,
  type WirePacket,
} from './wire.ts';

/** Which of the director's interfaces: towards the clients, or towards the real servers. */
export type Side = 'client' | 'server';

/** A packet on its way out of the host. */
export interface HostPacket {
  readonly side: Side;
  readonly packet: Uint8Array;
}

const OWN: Readonly<Record<Side, readonly [v4: string, v6: string]>> = {
  client: ['10.9.0.254', '2001:db8:9::fe'],
  server: ['10.0.1.254', '2001:db8:1::fe'],
};
/** The network of the real servers; everything else is reached through the client's side. */
const SERVER_NETWORKS = ['0a0001', '20010db800010000'];
const ICMP_TOS = 0xc0;
/** An ICMP error is at most this long: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c). */
const LONGEST_ERROR = { v4: 576, v6: 1280 } as const;
/** Types of ICMP errors, which are never answered. */
const ERROR_TYPES = [3, 4, 5, 11, 12];

export class HostStack {
  readonly #local = new Set<string>();
  readonly #prefixes: string[] = [];
  readonly #mtu: Readonly<Record<Side, number>>;

  constructor(mtu: Readonly<Record<Side, number>>) {
    this.#mtu = mtu;
    for (const addresses of Object.values(OWN)) for (const address of addresses) this.addLocal(address);
  }

  /** The address is the host's own, as virtual addresses are. */
  addLocal(address: string): void {
    this.#local.add(toHex(addressBytes(address)));
  }

  /** What goes to this prefix ends here, too (`ip route add local`). Prefix length a multiple of 8. */
  addLocalRoute(prefix: string): void {
    const [address = '', bits = ''] = prefix.split('/');
    this.#prefixes.push(toHex(addressBytes(address)).slice(0, Number(bits) / 4));
  }

  /** What becomes of a packet that the engine left to the host. @param from the side it had come in by */
  receive(bytes: Uint8Array, from: Side): HostPacket[] {
    const packet = readPacket(bytes);
    if (!this.isLocal(packet.target)) return this.#forward(packet, from);
    const answer = packet.isFragment ? undefined : this.#answer(packet);
    return answer === undefined ? [] : [{ side: this.#sideOf(packet.source), packet: answer }];
  }

  isLocal(address: Uint8Array): boolean {
    const hex = toHex(address);
    return this.#local.has(hex) || this.#prefixes.some((prefix) => hex.startsWith(prefix));
  }

  #answer(packet: WirePacket): Uint8Array | undefined {
    switch (packet.protocol) {
      case Protocol.tcp:
        return resetOf(packet);
      case Protocol.udp:
        return unreachable(packet, packet.isV4 ? [3, 3] : [1, 4]);
      case Protocol.icmp:
        return packet.isV4 && packet.bytes[packet.l4] === 8 ? echoReply(packet, 0) : undefined;
      case Protocol.icmpv6:
        return !packet.isV4 && packet.bytes[packet.l4] === 128 ? echoReply(packet, 129) : undefined;
      default:
        // IPv6 points at the next-header field that it does not know (RFC 4443 section 3.4).
        return packet.isV4 ? unreachable(packet, [3, 2]) : unreachable(packet, [4, 1], 6);
    }
  }

  #forward(packet: WirePacket, from: Side): HostPacket[] {
    const { bytes, isV4, ttl } = packet;
    const toSender = this.#sideOf(packet.source);
    const own = addressBytes(OWN[from][isV4 ? 0 : 1]);
    const refuse = (code: readonly [number, number], rest = 0): HostPacket[] =>
      isIcmpError(packet) ? [] : [{ side: toSender, packet: icmpError(packet, own, code, rest) }];
    if (ttl <= 1) return refuse(isV4 ? [11, 0] : [3, 0]);
    const side = this.#sideOf(packet.target);
    const mtu = this.#mtu[side];
    if (bytes.length > mtu && !isV4) return refuse([2, 0], mtu);
    if (bytes.length > mtu && (packet.view.getUint16(6) & 0x4000) !== 0) return refuse([3, 4], mtu);
    const copy = bytes.slice();
    copy[isV4 ? 8 : 7]!--;
    if (isV4) {
      copy.set([0, 0], 10);
      new DataView(copy.buffer).setUint16(10, internetChecksum(copy.subarray(0, packet.l4), 0));
    }
    return [{ side, packet: copy }];
  }

  #sideOf(address: Uint8Array): Side {
    const hex = toHex(address);
    return SERVER_NETWORKS.some((prefix) => hex.startsWith(prefix)) ? 'server' : 'client';
  }
}

/** RFC 9293 section 3.10.7.1: no connection. */
function resetOf({ view, bytes, l4, source, target, protocol }: WirePacket): Uint8Array | undefined {
  const segment = bytes.subarray(l4);
  const flags = segment[13]!;
  if ((flags & TcpBit.rst) !== 0 || transportChecksum(source, target, protocol, segment) !== 0) return undefined;
  const body = new Uint8Array(20);
  const answer = new DataView(body.buffer);
  answer.setUint16(0, view.getUint16(l4 + 2));
  answer.setUint16(2, view.getUint16(l4));
  if ((flags & TcpBit.ack) !== 0) answer.setUint32(4, view.getUint32(l4 + 8));
  else {
    const data = segment.length - (segment[12]! >> 4) * 4;
    const length = data + ((flags & TcpBit.syn) !== 0 ? 1 : 0) + ((flags & TcpBit.fin) !== 0 ? 1 : 0);
    answer.setUint32(8, (view.getUint32(l4 + 4) + length) >>> 0);
  }
  answer.setUint16(12, 0x5000 | TcpBit.rst | ((flags & TcpBit.ack) !== 0 ? 0 : TcpBit.ack));
  answer.setUint16(16, transportChecksum(target, source, protocol, body));
  return ipPacket({ source: target, target: source, protocol }, body);
}

function echoReply({ bytes, l4, source, target, isV4, protocol }: WirePacket, type: number): Uint8Array {
  const body = bytes.slice(l4);
  body.set([type, 0, 0, 0]);
  return icmpPacket(target, source, isV4, protocol, body, 0);
}

/** From the address that was asked for, about a packet whose checksum is right. */
function unreachable(packet: WirePacket, code: readonly [number, number], rest = 0): Uint8Array | undefined {
  const { source, target, protocol, bytes, l4, view } = packet;
  const hasSum = protocol === Protocol.udp && view.getUint16(l4 + 6) !== 0;
  if (hasSum && transportChecksum(source, target, protocol, bytes.subarray(l4)) !== 0) return undefined;
  return icmpError(packet, target, code, rest);
}

function icmpError(
  { bytes, isV4, source }: WirePacket,
  own: Uint8Array,
  [type, code]: readonly [number, number],
  rest: number,
): Uint8Array {
  const longest = isV4 ? LONGEST_ERROR.v4 - 28 : LONGEST_ERROR.v6 - 48;
  const quote = bytes.subarray(0, longest);
  const body = new Uint8Array(8 + quote.length);
  body.set([type, code]);
  new DataView(body.buffer).setUint32(4, rest);
  body.set(quote, 8);
  return icmpPacket(own, source, isV4, isV4 ? Protocol.icmp : Protocol.icmpv6, body, isV4 ? ICMP_TOS : 0);
}

/** @param body with a zero checksum */
function icmpPacket(
  source: Uint8Array,
  target: Uint8Array,
  isV4: boolean,
  protocol: number,
  body: Uint8Array,
  tos: number,
): Uint8Array {
  const sum = isV4 ? internetChecksum(body, 0) : transportChecksum(source, target, protocol, body);
  new DataView(body.buffer).setUint16(2, sum);
  return ipPacket({ source, target, protocol, tos, dontFragment: false }, body);
}

function isIcmpError({ isV4, protocol, bytes, l4 }: WirePacket): boolean {
  if (isV4) return protocol === Protocol.icmp && ERROR_TYPES.includes(bytes[l4]!);
  return protocol === Protocol.icmpv6 && bytes[l4]! < 128;
}
