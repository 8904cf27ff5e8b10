/**
 * Says what a frame must be, and shows the frame in words when it is not:
 *
 *     expectFrame(out).isForMac('02:00:00:00:01:02').hasTtl(63).hasTarget('10.0.1.2').hasPorts(40000, 8080).checksumsAreRight();
 */
import { expect } from 'vitest';
import { address, formatAddress, formatMac } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';
import * as checksum from '../../src/packet/checksum.ts';
import * as ethernet from '../../src/packet/ethernet.ts';
import { FLOW_FAULT_NAMES, Flow, FragmentKind, parseFlow, parseIp, parseQuoted } from '../../src/packet/flow.ts';
import { formatFrame } from '../../src/packet/format.ts';
import { tcpFlagNames } from '../../src/packet/formatNames.ts';
import * as gre from '../../src/packet/gre.ts';
import * as icmp from '../../src/packet/icmp.ts';
import * as ipv4 from '../../src/packet/ipv4.ts';
import * as tcp from '../../src/packet/tcp.ts';
import * as udp from '../../src/packet/udp.ts';
import { bytesOf, hexOf, viewOf } from './wireBytes.ts';

/** Begins to check a frame; it must be well-formed IP. */
export function expectFrame(bytes: Uint8Array): FrameExpectation {
  const flow = new Flow();
  const v = viewOf(bytes);
  const fault = parseFlow(v, 0, bytes.length, flow);
  const checked = new FrameExpectation(bytes, flow);
  checked.is('is a well-formed IP frame', FLOW_FAULT_NAMES[fault], 'none');
  return checked;
}

/** Claims about one packet of a frame: the outer one, or by `inner` and `quoted` one within. Each returns itself. */
export class FrameExpectation {
  readonly #bytes: Uint8Array;
  readonly #v: DataView;
  readonly #flow: Flow;

  constructor(bytes: Uint8Array, flow: Flow) {
    this.#bytes = bytes;
    this.#v = viewOf(bytes);
    this.#flow = flow;
  }

  /** Compares one fact; the message of a failure is the claim and the whole frame in words. */
  is(claim: string, actual: unknown, wanted: unknown): this {
    const decode = formatFrame(this.#v, 0, this.#bytes.length).join('\n  ');
    expect(actual, `a frame that ${claim}; it is\n  ${decode}\n  ${hexOf(this.#bytes)}\n`).toEqual(wanted);
    return this;
  }

  isForMac(mac: string): this {
    return this.is('is for that MAC address', formatMac(ethernet.targetHigh(this.#v, 0), ethernet.targetLow(this.#v, 0)), mac);
  }

  isFromMac(mac: string): this {
    return this.is('is from that MAC address', formatMac(ethernet.sourceHigh(this.#v, 0), ethernet.sourceLow(this.#v, 0)), mac);
  }

  hasSource(text: string): this {
    const { source0, source1, source2, source3 } = this.#flow;
    return this.is('has that source', this.#address(source0, source1, source2, source3), formatAddress(address(text)));
  }

  hasTarget(text: string): this {
    const { target0, target1, target2, target3 } = this.#flow;
    return this.is('has that target', this.#address(target0, target1, target2, target3), formatAddress(address(text)));
  }

  hasPorts(source: number, target: number): this {
    return this.is('has those ports', [this.#flow.sourcePort, this.#flow.targetPort], [source, target]);
  }

  /** TTL or hop limit. */
  hasTtl(ttl: number): this {
    return this.is('has that TTL', this.#flow.hopLimit, ttl);
  }

  /** DSCP and ECN: the whole byte. */
  hasTrafficClass(value: number): this {
    return this.is('has that traffic class', this.#flow.trafficClass, value);
  }

  hasProtocol(name: keyof typeof Protocol): this {
    return this.is(`carries ${name}`, this.#flow.protocol, Protocol[name]);
  }

  /** @param names as tcpFlagNames prints them: `SYN ACK` */
  hasFlags(names: string): this {
    return this.is('has those TCP flags', tcpFlagNames(this.#flow.tcpFlags), names);
  }

  /** IPv4 identification, or that of an IPv6 fragment header. */
  hasId(id: number): this {
    return this.is('has that identification', this.#flow.fragmentId, id);
  }

  mayBeFragmented(may: boolean): this {
    return this.is(may ? 'may be fragmented' : 'may not be fragmented', this.#flow.dontFragment === 0, may);
  }

  isWhole(): this {
    return this.is('is no fragment', this.#flow.fragment, FragmentKind.none);
  }

  isFragment(offset: number, more: boolean): this {
    const { fragment, fragmentOffset, moreFragments } = this.#flow;
    return this.is('is that fragment', [fragment !== 0, fragmentOffset, moreFragments], [true, offset, more ? 1 : 0]);
  }

  /** Length of the IP packet, header included. */
  hasIpBytes(bytes: number): this {
    return this.is('has that IP length', this.#flow.end - this.#flow.l3, bytes);
  }

  isIcmp(type: number, code: number): this {
    const of = this.#flow.family === Family.v4 ? Protocol.icmp : Protocol.icmpv6;
    const { protocol, icmpType, icmpCode } = this.#flow;
    return this.is('is that ICMP message', [protocol, icmpType, icmpCode], [of, type, code]);
  }

  /** Of "fragmentation needed" or "packet too big". */
  hasMtu(mtu: number): this {
    const read = this.#flow.family === Family.v4 ? icmp.nextHopMtu : icmp.packetTooBigMtu;
    return this.is('tells that MTU', read(this.#v, this.#flow.l4), mtu);
  }

  /** What stands behind the transport header, or in a later fragment behind the IP header. @param wanted bytes, or hex */
  hasPayload(wanted: Uint8Array | string): this {
    const bytes = typeof wanted === 'string' ? bytesOf(wanted) : wanted;
    return this.is('has that payload', hexOf(this.payload()), hexOf(bytes));
  }

  /** IPv4 header and TCP, UDP, ICMP or ICMPv6 checksum; UDP may be 0 ("none") only if `hasNoUdpChecksum` says so. */
  checksumsAreRight(): this {
    const { family, l3 } = this.#flow;
    if (family === Family.v4)
      this.is('has a right IPv4 checksum', ipv4.headerChecksum(this.#v, l3), checksum.ipv4Header(this.#v, l3));
    const unsummed = this.#isUdp() && udp.checksumField(this.#v, this.#flow.l4) === 0;
    this.is('has a UDP checksum', unsummed, false);
    return this.is('has a right transport checksum', checksum.verifyTransport(this.#v, this.#flow), true);
  }

  hasNoUdpChecksum(): this {
    return this.is('has no UDP checksum', this.#isUdp() && udp.checksumField(this.#v, this.#flow.l4) === 0, true);
  }

  /** The transport checksum field holds the sum of the pseudo-header alone. */
  checksumIsPartial(): this {
    return this.is('has a partial checksum', checksum.holdsOnlyPseudoHeader(this.#v, this.#flow), true);
  }

  /** Goes on with the packet inside a tunnel (IPIP, GRE). */
  inner(): FrameExpectation {
    const { protocol, l4, end } = this.#flow;
    const at = protocol === Protocol.gre ? l4 + gre.headerBytes(this.#v, l4) : l4;
    return this.#within('carries a well-formed packet', (flow) => parseIp(this.#v, at, end - at, flow));
  }

  /** Goes on with the packet inside UDP (GUE). */
  innerOfUdp(headerBytes: number): FrameExpectation {
    const at = this.#flow.l4 + udp.HEADER_BYTES + headerBytes;
    return this.#within('carries a well-formed packet', (flow) => parseIp(this.#v, at, this.#flow.end - at, flow));
  }

  /** Goes on with the packet that an ICMP error quotes; its checksums mean nothing. */
  quoted(): FrameExpectation {
    const at = this.#flow.l4 + icmp.QUOTE_AT;
    return this.#within('quotes a packet', (flow) => parseQuoted(this.#v, at, this.#flow.end, flow));
  }

  /** For facts that have no claim here. */
  get flow(): Flow {
    return this.#flow;
  }

  /** See `hasPayload`. */
  payload(): Uint8Array {
    const { protocol, l4, end, fragment } = this.#flow;
    if (fragment === FragmentKind.later) return this.#bytes.slice(l4, end);
    if (protocol === Protocol.tcp) return this.#bytes.slice(l4 + tcp.headerBytes(this.#v, l4), end);
    return this.#bytes.slice(protocol === Protocol.udp ? l4 + udp.HEADER_BYTES : l4, end);
  }

  #within(claim: string, parse: (flow: Flow) => number): FrameExpectation {
    const flow = new Flow();
    this.is(claim, FLOW_FAULT_NAMES[parse(flow)], 'none');
    return new FrameExpectation(this.#bytes, flow);
  }

  #isUdp(): boolean {
    return this.#flow.protocol === Protocol.udp && this.#flow.fragment !== FragmentKind.later;
  }

  #address(a0: number, a1: number, a2: number, a3: number): string {
    return formatAddress({ family: this.#flow.family === Family.v6 ? Family.v6 : Family.v4, words: [a0, a1, a2, a3] });
  }
}
