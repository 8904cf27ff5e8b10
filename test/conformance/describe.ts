/** Packets in the words of the recordings: `rs2 TCP 10.1.0.2:2001>10.0.1.2:80 S`. */
import { Protocol } from '../../src/base/terms.ts';
import { addressText, readPacket, type WirePacket } from './wire.ts';

const FLAG_LETTERS = 'FSRPAU';
/** In which they are written. */
const FLAG_ORDER = 'SFRPAU';

/** @param bytes an IP packet */
export function describePacket(bytes: Uint8Array): string {
  const packet = readPacket(bytes);
  const { protocol, isV4, view, l4 } = headerOf(packet);
  const isPlain = packet.bytes.length >= l4 + 8;
  if (protocol === Protocol.tcp && packet.bytes.length >= l4 + 20)
    return `TCP ${ports(packet, l4)} ${flagsOf(packet.bytes[l4 + 13]!)}`;
  if (protocol === Protocol.udp && isPlain) return `UDP ${ports(packet, l4)} len ${view.getUint16(l4 + 4) - 8}`;
  const between = `${addressText(packet.source)}>${addressText(packet.target)}`;
  const type = (): string => `type ${packet.bytes[l4]} code ${packet.bytes[l4 + 1]}`;
  if (isV4 && protocol === Protocol.icmp) return `ICMP ${between} ${type()}`;
  if (!isV4 && protocol === Protocol.icmpv6) return `ICMP6 ${between} ${type()}`;
  if (protocol === Protocol.ipip || protocol === Protocol.ipv6) return `IPIP(${protocol}) ${between}`;
  return `proto${protocol} ${between}`;
}

/** As the recordings read it: IPv6 extension headers are not looked behind. */
function headerOf(packet: WirePacket): { protocol: number; isV4: boolean; view: DataView; l4: number } {
  const { isV4, view } = packet;
  if (isV4) return { protocol: packet.protocol, isV4, view, l4: packet.l4 };
  return { protocol: packet.bytes[6]!, isV4, view, l4: 40 };
}

function ports({ view, source, target }: WirePacket, l4: number): string {
  const name = (address: Uint8Array, port: number): string =>
    address.length === 4 ? `${addressText(address)}:${port}` : `[${addressText(address)}]:${port}`;
  return `${name(source, view.getUint16(l4))}>${name(target, view.getUint16(l4 + 2))}`;
}

function flagsOf(bits: number): string {
  return [...FLAG_ORDER].filter((letter) => (bits & (1 << FLAG_LETTERS.indexOf(letter))) !== 0).join('');
}
