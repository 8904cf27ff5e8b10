/**
 * A frame in words: one line for each header, or one line for all. For traces, the teaching lab and the messages of failing tests;
 * slow path. Shows what is there, right or wrong, and never throws: [at, at + bytes) must lie in the view, its bytes may be any.
 */
import { formatMac } from '../base/address.ts';
import { Family, Protocol } from '../base/terms.ts';
import * as arp from './arp.ts';
import * as checksum from './checksum.ts';
import * as ethernet from './ethernet.ts';
import { FLOW_FAULT_NAMES, Flow, FlowFault, FragmentKind, isIcmpError, parseFlow, parseIp, parseQuoted } from './flow.ts';
import { addressText, etherTypeName, hex, icmpTypeName, protocolName, sctpChunkName, tcpFlagNames } from './formatNames.ts';
import * as gre from './gre.ts';
import * as icmp from './icmp.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import * as sctp from './sctp.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';

/** Packets in packets that are looked into: tunnels and quotes. */
const MAX_DEPTH = 3;

/** One line for each header, from Ethernet inwards; what is inside another packet is indented by two blanks. */
export function formatFrame(v: DataView, at: number, bytes: number): string[] {
  if (bytes < ethernet.HEADER_BYTES) return [`Ethernet, truncated: ${bytes} bytes`];
  const source = formatMac(ethernet.sourceHigh(v, at), ethernet.sourceLow(v, at));
  const target = formatMac(ethernet.targetHigh(v, at), ethernet.targetLow(v, at));
  const type = ethernet.etherType(v, at);
  const lines = [`Ethernet ${source} -> ${target} ${etherTypeName(type)}, ${bytes} bytes`];
  const l3 = at + ethernet.HEADER_BYTES;
  if (type === ethernet.EtherType.arp) lines.push(arpText(v, l3, at + bytes - l3));
  if (type === ethernet.EtherType.ipv4 || type === ethernet.EtherType.ipv6) {
    lines.push(...formatIp(v, l3, at + bytes, 0, false));
    const flow = new Flow();
    const fault = parseFlow(v, at, bytes, flow);
    if (fault !== FlowFault.none) lines.push(`fault: ${FLOW_FAULT_NAMES[fault]}`);
    else if (flow.end < at + bytes) lines.push(`padding ${at + bytes - flow.end} bytes`);
  }
  return lines;
}

/** The frame in one line, without MAC addresses: `10.1.2.5:40000 -> 10.9.0.1:80 TCP SYN ttl 64 length 60`. */
export function formatFrameLine(v: DataView, at: number, bytes: number): string {
  const flow = new Flow();
  const fault = parseFlow(v, at, bytes, flow);
  if (fault === FlowFault.none) return flowText(v, flow, 0);
  if (fault !== FlowFault.notIp) return `${FLOW_FAULT_NAMES[fault]}, ${bytes} bytes`;
  const type = ethernet.etherType(v, at);
  if (type === ethernet.EtherType.arp) return arpText(v, at + ethernet.HEADER_BYTES, bytes - ethernet.HEADER_BYTES);
  return `${etherTypeName(type)}, ${bytes} bytes`;
}

function flowText(v: DataView, flow: Flow, depth: number): string {
  const port = (number: number) => (flow.sourcePort === 0 && flow.targetPort === 0 ? '' : `:${number}`);
  const bracket = (text: string) => (flow.family === Family.v6 && port(0) !== '' ? `[${text}]` : text);
  const source = addressText(flow.family, flow.source0, flow.source1, flow.source2, flow.source3);
  const target = addressText(flow.family, flow.target0, flow.target1, flow.target2, flow.target3);
  const words = [`${bracket(source)}${port(flow.sourcePort)} -> ${bracket(target)}${port(flow.targetPort)}`];
  words.push(protocolName(flow.protocol));
  if (flow.fragment !== FragmentKind.none) words.push(`fragment at ${flow.fragmentOffset}`);
  if (flow.protocol === Protocol.tcp && flow.fragment !== FragmentKind.later) words.push(tcpFlagNames(flow.tcpFlags));
  words.push(`ttl ${flow.hopLimit} length ${flow.end - flow.l3}`);
  const inside = new Flow();
  if (depth < MAX_DEPTH && flow.fragment !== FragmentKind.later) {
    if (isIcmp(flow)) {
      words.push(`${icmpTypeName(flow.family, flow.icmpType)} code ${flow.icmpCode}`);
      const quoteAt = flow.l4 + icmp.QUOTE_AT;
      const quotes = isIcmpError(flow) && parseQuoted(v, quoteAt, flow.end, inside) === FlowFault.none;
      if (quotes) words.push(`about (${flowText(v, inside, depth + 1)})`);
    } else if (flow.protocol === Protocol.ipip || flow.protocol === Protocol.ipv6) {
      const fault = parseIp(v, flow.l4, flow.end - flow.l4, inside);
      words.push(`(${fault === FlowFault.none ? flowText(v, inside, depth + 1) : FLOW_FAULT_NAMES[fault]})`);
    }
  }
  return words.join(' ');
}

function isIcmp(flow: Flow): boolean {
  return flow.protocol === (flow.family === Family.v4 ? Protocol.icmp : Protocol.icmpv6);
}

function arpText(v: DataView, at: number, bytes: number): string {
  if (!arp.check(v, at, bytes)) return `ARP, not for IPv4 over Ethernet or truncated: ${bytes} bytes`;
  const sender = addressText(Family.v4, 0, 0, 0, arp.senderAddress(v, at));
  const target = addressText(Family.v4, 0, 0, 0, arp.targetAddress(v, at));
  const mac = formatMac(arp.senderMacHigh(v, at), arp.senderMacLow(v, at));
  switch (arp.operation(v, at)) {
    case arp.ArpOperation.request:
      return `ARP who has ${target}? asks ${sender} at ${mac}`;
    case arp.ArpOperation.reply:
      return `ARP ${sender} is at ${mac}, tells ${target}`;
    default:
      return `ARP operation ${arp.operation(v, at)} from ${sender} at ${mac} to ${target}`;
  }
}

/** @param quoted it is the beginning of a packet, in an ICMP error: lengths and transport checksum mean nothing */
function formatIp(v: DataView, at: number, end: number, depth: number, quoted: boolean): string[] {
  const bytes = end - at;
  const version = bytes > 0 ? v.getUint8(at) >> 4 : 0;
  if (version === Family.v4 && ipv4.check(v, at, bytes)) return formatIpv4(v, at, end, depth, quoted);
  if (version === Family.v6 && ipv6.check(v, at, bytes)) return formatIpv6(v, at, end, depth, quoted);
  return [`IP, malformed or truncated: version ${version}, ${bytes} bytes`];
}

function formatIpv4(v: DataView, at: number, end: number, depth: number, quoted: boolean): string[] {
  const source = addressText(Family.v4, 0, 0, 0, ipv4.sourceAddress(v, at));
  const target = addressText(Family.v4, 0, 0, 0, ipv4.targetAddress(v, at));
  const protocol = ipv4.protocol(v, at);
  const total = ipv4.totalBytes(v, at);
  const words = [`IPv4 ${source} -> ${target} ttl ${ipv4.hopLimit(v, at)} ${protocolName(protocol)}`];
  words.push(`id ${ipv4.identification(v, at)} length ${total}`);
  if (ipv4.dontFragment(v, at)) words.push('DF');
  const offset = ipv4.fragmentOffset(v, at);
  if (offset > 0 || ipv4.moreFragments(v, at))
    words.push(`fragment at ${offset}${ipv4.moreFragments(v, at) ? ', more' : ', last'}`);
  if (ipv4.trafficClass(v, at) !== 0) words.push(`tos 0x${hex(ipv4.trafficClass(v, at), 2)}`);
  if (ipv4.headerBytes(v, at) > ipv4.MIN_BYTES) words.push(`options ${ipv4.headerBytes(v, at) - ipv4.MIN_BYTES} bytes`);
  if (!checksum.verifyIpv4Header(v, at)) {
    const right = hex(checksum.ipv4Header(v, at), 4);
    words.push(`WRONG CHECKSUM 0x${hex(ipv4.headerChecksum(v, at), 4)}, right is 0x${right}`);
  }
  if (total > end - at && !quoted) words.push(`only ${end - at} bytes there`);
  const l4 = at + ipv4.headerBytes(v, at);
  const packetEnd = Math.max(l4, Math.min(end, at + total));
  if (offset > 0) return [words.join(' '), `data ${packetEnd - l4} bytes`];
  const note = quoted ? '' : checksumNote(v, at, packetEnd);
  return [words.join(' '), ...formatUpper(v, Family.v4, protocol, l4, packetEnd, depth, note)];
}

function formatIpv6(v: DataView, at: number, end: number, depth: number, quoted: boolean): string[] {
  const word = (of: typeof ipv6.sourceWord, i: number) => of(v, at, i);
  const text = (of: typeof ipv6.sourceWord) => addressText(Family.v6, word(of, 0), word(of, 1), word(of, 2), word(of, 3));
  const payload = ipv6.payloadBytes(v, at);
  const words = [`IPv6 ${text(ipv6.sourceWord)} -> ${text(ipv6.targetWord)} hops ${ipv6.hopLimit(v, at)} length ${payload}`];
  if (ipv6.trafficClass(v, at) !== 0) words.push(`class 0x${hex(ipv6.trafficClass(v, at), 2)}`);
  if (ipv6.flowLabel(v, at) !== 0) words.push(`label 0x${hex(ipv6.flowLabel(v, at), 5)}`);
  const packetEnd = Math.min(end, at + ipv6.HEADER_BYTES + payload);
  if (packetEnd < at + ipv6.HEADER_BYTES + payload && !quoted) words.push(`only ${end - at - ipv6.HEADER_BYTES} bytes there`);
  let next = ipv6.nextHeader(v, at);
  let l4 = at + ipv6.HEADER_BYTES;
  let offset = 0;
  for (let count = 0; count < ipv6.MAX_EXTENSION_HEADERS && offset === 0 && ipv6.isExtension(next); count++) {
    if (!ipv6.checkExtension(v, l4, packetEnd - l4, next)) return [words.join(' '), 'extension header, truncated'];
    if (next === ipv6.NextHeader.fragment) {
      offset = ipv6.fragmentOffset(v, l4);
      const more = ipv6.moreFragments(v, l4) ? 'more' : 'last';
      words.push(`fragment at ${offset}, ${more}, id 0x${hex(ipv6.fragmentIdentification(v, l4), 8)}`);
    } else words.push(`extension ${next}`);
    const header = l4;
    l4 += ipv6.extensionBytes(v, header, next);
    next = ipv6.extensionNext(v, header);
  }
  words.push(protocolName(next));
  if (offset > 0) return [words.join(' '), `data ${packetEnd - l4} bytes`];
  const note = quoted ? '' : checksumNote(v, at, packetEnd);
  return [words.join(' '), ...formatUpper(v, Family.v6, next, l4, packetEnd, depth, note)];
}

/** Empty when the transport checksum is right or cannot be judged. */
function checksumNote(v: DataView, at: number, end: number): string {
  const flow = new Flow();
  if (parseIp(v, at, end - at, flow) !== FlowFault.none || checksum.verifyTransport(v, flow)) return '';
  return checksum.holdsOnlyPseudoHeader(v, flow) ? ' partial checksum' : ' WRONG CHECKSUM';
}

function formatUpper(
  v: DataView,
  family: number,
  protocol: number,
  l4: number,
  end: number,
  depth: number,
  note: string,
): string[] {
  const bytes = end - l4;
  switch (protocol) {
    case Protocol.tcp:
      return [tcpText(v, l4, bytes) + note];
    case Protocol.udp:
      if (bytes < udp.HEADER_BYTES) return [`UDP, truncated: ${bytes} bytes`];
      return [
        `UDP ${udp.sourcePort(v, l4)} -> ${udp.targetPort(v, l4)} length ${udp.lengthBytes(v, l4)}${udpNote(v, l4)}${note}`,
      ];
    case Protocol.sctp:
      if (bytes < sctp.MIN_BYTES) return [`SCTP, truncated: ${bytes} bytes`];
      return [`SCTP ${sctp.sourcePort(v, l4)} -> ${sctp.targetPort(v, l4)} ${sctpChunkName(sctp.firstChunkType(v, l4))}`];
    case Protocol.icmp:
    case Protocol.icmpv6:
      return formatIcmp(v, family, protocol, l4, end, depth, note);
    case Protocol.ipip:
    case Protocol.ipv6:
      return inside(v, l4, end, depth, false);
    case Protocol.gre:
      if (!gre.check(v, l4, bytes)) return [`GRE, truncated or not version 0: ${bytes} bytes`];
      return [`GRE ${etherTypeName(gre.etherType(v, l4))}`, ...inside(v, l4 + gre.headerBytes(v, l4), end, depth, false)];
    default:
      return [`data ${bytes} bytes`];
  }
}

function tcpText(v: DataView, l4: number, bytes: number): string {
  if (bytes < 8) return `TCP, truncated: ${bytes} bytes`;
  const ports = `TCP ${tcp.sourcePort(v, l4)} -> ${tcp.targetPort(v, l4)}`;
  if (!tcp.check(v, l4, bytes)) return `${ports} seq ${tcp.sequence(v, l4) >>> 0}, first ${bytes} bytes`;
  const numbers = `seq ${tcp.sequence(v, l4) >>> 0} ack ${tcp.acknowledgement(v, l4) >>> 0} window ${tcp.windowBytes(v, l4)}`;
  return `${ports} ${tcpFlagNames(tcp.flags(v, l4))} ${numbers} data ${bytes - tcp.headerBytes(v, l4)}`;
}

function udpNote(v: DataView, l4: number): string {
  return udp.checksumField(v, l4) === 0 ? ' no checksum' : '';
}

function formatIcmp(
  v: DataView,
  family: number,
  protocol: number,
  l4: number,
  end: number,
  depth: number,
  note: string,
): string[] {
  if (end - l4 < icmp.HEADER_BYTES) return [`${protocolName(protocol)}, truncated: ${end - l4} bytes`];
  const type = icmp.type(v, l4);
  const name = icmpTypeName(family, type);
  const line = `${protocolName(protocol)} ${name} code ${icmp.code(v, l4)}`;
  if (name.startsWith('echo')) return [`${line} id ${icmp.identifier(v, l4)} seq ${icmp.sequence(v, l4)}${note}`];
  const tooBig = family === Family.v4 ? type === icmp.IcmpType.unreachable && icmp.code(v, l4) === 4 : type === 2;
  const mtu = family === Family.v4 ? icmp.nextHopMtu(v, l4) : icmp.packetTooBigMtu(v, l4);
  const first = `${line}${tooBig ? ` mtu ${mtu}` : ''}${note}`;
  const isError = family === Family.v4 ? [3, 4, 5, 11, 12].includes(type) : type < 128;
  return isError ? [first, ...inside(v, l4 + icmp.QUOTE_AT, end, depth, true)] : [first];
}

function inside(v: DataView, at: number, end: number, depth: number, quoted: boolean): string[] {
  if (depth >= MAX_DEPTH) return ['  ...'];
  return formatIp(v, at, end, depth + 1, quoted).map((line) => `  ${line}`);
}
