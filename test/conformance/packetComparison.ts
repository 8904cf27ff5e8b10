/**
 * Packets byte for byte, but for the fields that are not the same twice (golden/ipvs/README.md, "What a comparison must not compare"):
 * those are replaced by what can be said of them. Checksums over such a field are verified instead.
 */
import { Protocol } from '../../src/base/terms.ts';
import type { Ledger } from './ledger.ts';
import type { Vector } from './recording.ts';
import type { Output } from './rig.ts';
import { fromHex, internetChecksum, readPacket, TcpBit, toHex, transportChecksum, type WirePacket } from './wire.ts';

/** The director's addresses towards the real servers: what it sends from there is a tunnel header of its own. */
const TUNNEL_SOURCES = ['0a0001fe', '20010db80001000000000000000000fe'];
const OWN_TTL = 64;
const FRAGMENT_HEADER = 44;
const DONT_FRAGMENT = 0x4000;
/** Of Linux, `ip_local_port_range`. */
const EPHEMERAL_PORTS = [32_768, 60_999] as const;

/** GUE source ports, ours by the recorded ones: all packets of a flow have the same. One per recording. */
export type FlowPorts = Map<number, number>;

/** Compares what left the director with the recorded packets of a vector. */
export function comparePackets(
  step: string,
  vector: Vector,
  got: readonly Output[],
  ledger: Ledger,
  ports: FlowPorts = new Map(),
): void {
  const inputs = vector.in.map(fromHex);
  const expected = normalForms(
    vector.out.map(([where, hex]) => ({ where, packet: fromHex(hex) })),
    inputs,
  );
  const ours = normalForms(got, inputs);
  ledger.checkPackets(step, expected.lines, ours.lines);
  for (const [i, port] of expected.ports.entries()) {
    const own = ours.ports[i];
    const known = ports.get(port) ?? own;
    if (own !== undefined && known !== undefined) ports.set(port, known);
    if (own !== known) ledger.fail(`${step}: GUE source port`, `${known}, as for the recorded ${port} before`, `${own}`);
  }
}

interface NormalForms {
  /** `client 4500...`, one per packet. */
  readonly lines: string[];
  readonly ports: number[];
}

function normalForms(outputs: readonly Output[], inputs: readonly Uint8Array[]): NormalForms {
  const masker = new Masker(
    inputs,
    outputs.map(({ packet }) => packet),
  );
  const lines = outputs.map(({ where, packet }) => `${where} ${masker.normal(packet)}`);
  return { lines, ports: masker.ports };
}

/** A field that is not compared, in the hex of a packet. */
interface Mask {
  readonly at: number;
  readonly bytes: number;
  /** As many characters as the field has hex digits. */
  readonly text: string;
}

class Masker {
  readonly #inputTtls: readonly number[];
  readonly #outputs: readonly WirePacket[];
  /** Identifications by order of appearance: the pieces of one datagram have the same. */
  readonly #identifications = new Map<number, number>();
  readonly ports: number[] = [];

  constructor(inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]) {
    this.#inputTtls = inputs.map((bytes) => readPacket(bytes).ttl);
    this.#outputs = outputs.map(readPacket);
  }

  normal(bytes: Uint8Array): string {
    const packet = readPacket(bytes);
    const masks = packet.isV4 ? this.#masksV4(packet) : this.#masksV6(packet);
    let hex = toHex(bytes);
    for (const { at, bytes: length, text } of masks) hex = hex.slice(0, at * 2) + text + hex.slice((at + length) * 2);
    return hex;
  }

  #masksV4(packet: WirePacket): Mask[] {
    const isTunnel = isTunnelHeader(packet);
    const masks = isTunnel ? this.#masksOfGue(packet) : [];
    // A tunnel header that may not be cut has identification 0, as the kernel has it: that is compared.
    const mayBeCut = (packet.view.getUint16(6) & DONT_FRAGMENT) === 0;
    const isOwn = isTunnel ? mayBeCut : packet.protocol === Protocol.icmp && this.#isOwnTtl(packet);
    if (!isOwn) return masks;
    const isRight = internetChecksum(packet.bytes.subarray(0, packet.l4), 0) === 0;
    const identification = this.#nameOf(packet.view.getUint16(4));
    return [...masks, { at: 4, bytes: 2, text: identification.slice(-4) }, { at: 10, bytes: 2, text: isRight ? 'good' : 'bad!' }];
  }

  #masksV6(packet: WirePacket): Mask[] {
    const masks: Mask[] = [];
    if (this.#isMadeByHost(packet)) masks.push({ at: 1, bytes: 3, text: `${toHex(packet.bytes.subarray(1, 2))[0]}.....` });
    if (packet.protocol === FRAGMENT_HEADER) {
      masks.push({ at: packet.l4 + 4, bytes: 4, text: this.#nameOf(packet.view.getUint32(packet.l4 + 4)) });
    }
    return isTunnelHeader(packet) ? [...masks, ...this.#masksOfGue(packet)] : masks;
  }

  /** The source port is a hash of the flow with a secret; the checksum, if there is one, is over it. */
  #masksOfGue(packet: WirePacket): Mask[] {
    const udp = gueHeaderOf(packet);
    if (udp === undefined) return [];
    const port = packet.view.getUint16(udp);
    this.ports.push(port);
    const isEphemeral = port >= EPHEMERAL_PORTS[0] && port <= EPHEMERAL_PORTS[1];
    const source: Mask = { at: udp, bytes: 2, text: isEphemeral ? 'flow' : 'port' };
    if (packet.view.getUint16(udp + 6) === 0) return [source];
    const datagram = packet.isFragment ? this.#datagramOf(packet) : packet.bytes.subarray(udp);
    const isRight = transportChecksum(packet.source, packet.target, Protocol.udp, datagram) === 0;
    return [source, { at: udp + 6, bytes: 2, text: isRight ? 'good' : 'bad!' }];
  }

  /** The pieces of a datagram that was cut, put together. */
  #datagramOf(first: WirePacket): Uint8Array {
    const identification = identificationOf(first);
    const pieces = this.#outputs.filter((packet) => packet.isFragment && identificationOf(packet) === identification);
    const bodies = pieces.map(({ bytes, isV4, l4 }) => bytes.subarray(isV4 ? l4 : l4 + 8));
    return Buffer.concat(bodies);
  }

  /** Errors, RST and echo replies that the director's host made, not some that it passed on. */
  #isMadeByHost(packet: WirePacket): boolean {
    const isReset = packet.protocol === Protocol.tcp && (packet.bytes[packet.l4 + 13]! & TcpBit.rst) !== 0;
    return (isReset || packet.protocol === Protocol.icmpv6) && this.#isOwnTtl(packet);
  }

  /** What passes through has lost a hop. */
  #isOwnTtl({ ttl }: WirePacket): boolean {
    return ttl === OWN_TTL && !this.#inputTtls.includes(OWN_TTL + 1);
  }

  #nameOf(identification: number): string {
    const known = this.#identifications.get(identification) ?? this.#identifications.size;
    this.#identifications.set(identification, known);
    return `id${known}`.padStart(8, '.');
  }
}

function isTunnelHeader({ source }: WirePacket): boolean {
  return TUNNEL_SOURCES.includes(toHex(source));
}

/** Offset of the UDP header of a first or whole GUE packet. */
function gueHeaderOf(packet: WirePacket): number | undefined {
  const { isV4, bytes, view, l4, isFragment } = packet;
  if (isV4) return packet.protocol === Protocol.udp && (view.getUint16(6) & 0x1fff) === 0 ? l4 : undefined;
  if (packet.protocol === Protocol.udp) return l4;
  const isFirst = isFragment && bytes[l4] === Protocol.udp && (view.getUint16(l4 + 2) & 0xfff8) === 0;
  return isFirst ? l4 + 8 : undefined;
}

/** Of a fragment. */
function identificationOf({ isV4, view, l4 }: WirePacket): number {
  return isV4 ? view.getUint16(4) : view.getUint32(l4 + 4);
}
