/**
 * One TCP or UDP packet of the simulation as a value, written to and read from frame memory with the codecs of the data plane. Slow,
 * plain and strict: what the kernel of a real host would drop (a wrong checksum, a malformed header) is an error here, for in a
 * simulation only a mistake of ours makes it.
 */
import { type Address, formatAddress, formatEndpoint } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { Family, NONE, Protocol } from '../base/terms.ts';
import * as checksum from '../packet/checksum.ts';
import * as ethernet from '../packet/ethernet.ts';
import { FLOW_FAULT_NAMES, Flow, FlowFault, parseIp } from '../packet/flow.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import * as tcp from '../packet/tcp.ts';
import * as udp from '../packet/udp.ts';
import { clientOfSyn } from './clientOfSyn.ts';
import { innerPacketAt, isTunnelPacket } from './tunnelPacket.ts';

export interface SimulatedPacket {
  readonly source: Address;
  readonly target: Address;
  readonly hopLimit: number;
  /** Protocol.tcp, Protocol.udp, or anything else, which then has no ports. */
  readonly protocol: number;
  readonly sourcePort: number;
  readonly targetPort: number;
  /** TCP only: bits of TcpFlag. */
  readonly flags: number;
  /** TCP only, int32. */
  readonly sequence: number;
  /** TCP only, int32. */
  readonly acknowledgement: number;
  readonly payload: Uint8Array;
  /** Of a SYN that tells of its client (fullnat): address and port. */
  readonly client?: string;
  /** Of a tunnel packet: the packet inside. */
  readonly inner?: Uint8Array;
}

export interface Mac {
  readonly high: number;
  readonly low: number;
}

/** Hop limit of what hosts send. */
export const START_HOP_LIMIT = 64;

/** Reads the IP packet of at most `bytes` at `at`. Throws when a host would not accept it. */
export function readPacket(v: DataView, at: number, bytes: number): SimulatedPacket {
  const flow = new Flow();
  const fault = parseIp(v, at, bytes, flow);
  assert(fault === FlowFault.none, `the packet is well-formed, not ${FLOW_FAULT_NAMES[fault]}`);
  assert(checksum.verifyTransport(v, flow), 'the transport checksum is right');
  const isTcp = flow.protocol === Protocol.tcp;
  const innerAt = isTunnelPacket(fault, flow) ? innerPacketAt(v, flow) : undefined;
  assert(innerAt !== NONE, 'what a tunnel packet carries is well-formed');
  const client = (flow.tcpFlags & tcp.TcpFlag.syn) === 0 ? undefined : clientOfSyn(copyOf(v, flow.l3, flow.end));
  return {
    source: addressOf(flow.family, flow.source0, flow.source1, flow.source2, flow.source3),
    target: addressOf(flow.family, flow.target0, flow.target1, flow.target2, flow.target3),
    hopLimit: flow.hopLimit,
    protocol: flow.protocol,
    sourcePort: flow.sourcePort,
    targetPort: flow.targetPort,
    flags: flow.tcpFlags,
    sequence: isTcp ? tcp.sequence(v, flow.l4) : 0,
    acknowledgement: isTcp ? tcp.acknowledgement(v, flow.l4) : 0,
    payload: copyOf(v, payloadAt(v, flow), flow.end),
    ...(client === undefined ? {} : { client }),
    ...(innerAt === undefined ? {} : { inner: copyOf(v, innerAt, flow.end) }),
  };
}

function copyOf(v: DataView, from: number, to: number): Uint8Array {
  return new Uint8Array(v.buffer.slice(v.byteOffset + from, v.byteOffset + to));
}

/** Writes a whole frame at `at`. @returns its length */
export function writeFrame(v: DataView, at: number, packet: SimulatedPacket, from: Mac, to: Mac): number {
  const { source, target, payload } = packet;
  const family = source.family;
  ethernet.write(v, at, to.high, to.low, from.high, from.low, ethernet.etherTypeOf(family));
  const l3 = at + ethernet.HEADER_BYTES;
  const l4 = l3 + (family === Family.v4 ? ipv4.MIN_BYTES : ipv6.HEADER_BYTES);
  const transportBytes = transportHeaderBytes(packet.protocol);
  const end = l4 + transportBytes + payload.length;
  if (family === Family.v4) {
    const [, , , s] = source.words;
    const [, , , t] = target.words;
    ipv4.writeHeader(v, l3, end - l3, 0, 0, ipv4.DONT_FRAGMENT, packet.hopLimit, packet.protocol, s, t);
  } else {
    ipv6.writeHeader(v, l3, end - l4, 0, packet.protocol, packet.hopLimit, ...source.words, ...target.words);
  }
  writeTransport(v, l4, packet);
  new Uint8Array(v.buffer).set(payload, l4 + transportBytes);
  const flow = new Flow();
  const fault = parseIp(v, l3, end - l3, flow);
  assert(fault === FlowFault.none, 'what we write we can read');
  checksum.completeTransport(v, flow);
  return end - at;
}

/** `10.77.0.1:40000 > 10.77.0.100:80 tcp SA 12`: one line of a trace. */
export function formatPacket(packet: SimulatedPacket): string {
  const { source, target, protocol, payload } = packet;
  if (protocol !== Protocol.tcp && protocol !== Protocol.udp) {
    return `${formatAddress(source)} > ${formatAddress(target)} protocol ${protocol} ${payload.length}`;
  }
  const ends = `${formatEndpoint(source, packet.sourcePort)} > ${formatEndpoint(target, packet.targetPort)}`;
  return protocol === Protocol.udp
    ? `${ends} udp ${payload.length}`
    : `${ends} tcp ${flagLetters(packet.flags)} ${payload.length}`;
}

function writeTransport(v: DataView, l4: number, packet: SimulatedPacket): void {
  const { sourcePort, targetPort, payload } = packet;
  if (packet.protocol === Protocol.tcp) {
    tcp.writeHeader(v, l4, sourcePort, targetPort, packet.sequence, packet.acknowledgement, packet.flags, 0xffff);
  } else if (packet.protocol === Protocol.udp) {
    udp.writeHeader(v, l4, sourcePort, targetPort, udp.HEADER_BYTES + payload.length);
  }
}

function transportHeaderBytes(protocol: number): number {
  if (protocol === Protocol.tcp) return tcp.MIN_BYTES;
  return protocol === Protocol.udp ? udp.HEADER_BYTES : 0;
}

function payloadAt(v: DataView, flow: Flow): number {
  if (flow.protocol === Protocol.tcp) return flow.l4 + tcp.headerBytes(v, flow.l4);
  return flow.protocol === Protocol.udp ? flow.l4 + udp.HEADER_BYTES : flow.l4;
}

function addressOf(family: number, a0: number, a1: number, a2: number, a3: number): Address {
  return { family: family === Family.v4 ? Family.v4 : Family.v6, words: [a0, a1, a2, a3] };
}

function flagLetters(flags: number): string {
  const { fin, syn, rst, psh, ack } = tcp.TcpFlag;
  const letters = [
    [syn, 'S'],
    [fin, 'F'],
    [rst, 'R'],
    [psh, 'P'],
    [ack, 'A'],
  ] as const;
  return letters.map(([bit, letter]) => ((flags & bit) !== 0 ? letter : '')).join('');
}
