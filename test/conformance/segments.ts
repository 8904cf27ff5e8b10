/** The packets that the recordings name by a word: events of scheduling and persistence, tokens of walks. */
import { describePacket } from './describe.ts';
import type { Output } from './rig.ts';
import { sctpPacket } from './sctpPacket.ts';
import { TcpBit, tcpPacket, udpPacket, type WireEndpoint, wireEndpoint } from './wire.ts';

/** Packets of a client by the word for them. */
const EVENT_FLAGS: Readonly<Record<string, number>> = {
  syn: TcpBit.syn,
  ack: TcpBit.ack,
  fin: TcpBit.fin | TcpBit.ack,
  rst: TcpBit.rst | TcpBit.ack,
  data: TcpBit.psh | TcpBit.ack,
};
const LETTERS: Readonly<Record<string, number>> = {
  ...{ F: TcpBit.fin, S: TcpBit.syn, R: TcpBit.rst, P: TcpBit.psh, A: TcpBit.ack, U: TcpBit.urg },
};
/** Of every datagram, bytes. */
const UDP_DATA = 5;

/** True for an event that is a packet. */
export function isPacketEvent(kind: unknown): kind is string {
  return typeof kind === 'string' && (kind === 'udp' || Object.hasOwn(EVENT_FLAGS, kind));
}

/** @param kind `syn`, `udp` and so on */
export function eventPacket(kind: string, client: string, virtual: string): Uint8Array {
  const [from, to] = [wireEndpoint(client), wireEndpoint(virtual)];
  if (kind === 'udp') return udpPacket(from, to, UDP_DATA);
  return tcpPacket(from, to, EVENT_FLAGS[kind]!, 1000, kind === 'syn' ? 0 : 2000, kind === 'data' ? 4 : 0);
}

/** @param letters flags, or chunks of SCTP; `U` alone with UDP is a datagram */
export function tokenPacket(protocol: string, from: WireEndpoint, to: WireEndpoint, letters: string): Uint8Array {
  if (protocol === 'udp') return udpPacket(from, to, UDP_DATA);
  if (protocol === 'sctp') return sctpPacket(from, to, letters);
  const flags = flagBits(letters);
  return tcpPacket(from, to, flags, 1000, (flags & TcpBit.ack) === 0 ? 0 : 2000);
}

/** `SA` */
export function flagBits(letters: string): number {
  return [...letters].reduce((bits, letter) => {
    const bit = LETTERS[letter];
    if (bit === undefined) throw new Error(`no TCP flag is named "${letter}"`);
    return bits | bit;
  }, 0);
}

/** `rs2`, `!icmp3.3`, `!rst`, `!drop`. */
export function eventResult(outputs: readonly Output[]): string {
  if (outputs.length === 0) return '!drop';
  return outputs.map(({ where, packet }) => (where === 'client' ? answerName(packet) : where)).join(' ');
}

function answerName(packet: Uint8Array): string {
  const text = describePacket(packet);
  const icmp = /^ICMP6? .* type (\d+) code (\d+)$/.exec(text);
  if (icmp !== null) return `!icmp${icmp[1]}.${icmp[2]}`;
  return /^TCP .* RA?$/.test(text) ? '!rst' : `!${text}`;
}
