/** Frames as values, for the tests of the selector: what a test says of a frame, and its bytes. Checksums are zero: nobody looks. */
import { address } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';

export type ExtensionName = 'hopByHop' | 'routing' | 'destinationOptions';

export interface PacketSpec {
  /** Text; the family follows from it. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** ICMP: its type, and the packet it quotes. */
  readonly icmpType?: number;
  readonly quote?: PacketSpec;
  /** IPv4: words of options. */
  readonly optionWords?: number;
  /** IPv6: headers in front of the fragment header. */
  readonly extensions?: readonly ExtensionName[];
  /** IPv6: each extension is this many times 8 bytes longer than the shortest. */
  readonly extensionExtra?: number;
  /** IPv6: headers behind the fragment header. */
  readonly fragmentable?: readonly ExtensionName[];
  readonly fragment?: { readonly offset: number; readonly more: boolean };
}

export interface FrameSpec {
  readonly packet: PacketSpec;
  /** Default: OWN_MAC. */
  readonly destinationMac?: Uint8Array;
  readonly etherType?: number;
}

export const OWN_MAC = Uint8Array.of(0xf2, 0x00, 0x00, 0x00, 0x01, 0xfe);
export const ETHERNET_BYTES = 14;

const EXTENSION_NUMBERS = { hopByHop: 0, routing: 43, destinationOptions: 60 } as const;
const FRAGMENT = 44;
/** Receivers ignore these two bits of the fragment header (RFC 8200 section 4.5). */
const FRAGMENT_RESERVED = 6;

export function isV6(packet: PacketSpec): boolean {
  return packet.source.includes(':');
}

/** The whole frame. */
export function encodeFrame({ packet, destinationMac = OWN_MAC, etherType }: FrameSpec): Uint8Array {
  const type = etherType ?? (isV6(packet) ? 0x86dd : 0x0800);
  return bytes(destinationMac, [2, 0, 0, 0, 0, 9], u16(type), encodePacket(packet));
}

/** IP header and what follows. */
export function encodePacket(packet: PacketSpec): Uint8Array {
  return isV6(packet) ? encodeIpv6(packet) : encodeIpv4(packet);
}

function encodeIpv4(packet: PacketSpec): Uint8Array {
  const options = new Uint8Array(4 * (packet.optionWords ?? 0)).fill(1);
  const payload = encodePayload(packet);
  const { offset = 0, more = false } = packet.fragment ?? {};
  const headerBytes = 20 + options.length;
  return bytes(
    [0x40 | (headerBytes / 4), 0],
    u16(headerBytes + payload.length),
    u16(0x1234),
    u16((more ? 0x2000 : 0) | offset),
    [64, packet.protocol],
    u16(0),
    addressBytes(packet.source),
    addressBytes(packet.destination),
    options,
    payload,
  );
}

function encodeIpv6(packet: PacketSpec): Uint8Array {
  const extensions = packet.extensions ?? [];
  const numbers: number[] = extensions.map((name) => EXTENSION_NUMBERS[name]);
  if (packet.fragment !== undefined) numbers.push(FRAGMENT);
  for (const name of packet.fragmentable ?? []) numbers.push(EXTENSION_NUMBERS[name]);
  const extra = packet.extensionExtra ?? 0;
  const headers = numbers.map((kind, i) => {
    const next = numbers[i + 1] ?? packet.protocol;
    if (kind !== FRAGMENT) return bytes([next, extra], new Uint8Array(6 + 8 * extra));
    const { offset, more } = packet.fragment ?? { offset: 0, more: false };
    return bytes([next, 0], u16((offset << 3) | FRAGMENT_RESERVED | (more ? 1 : 0)), [0, 0, 0, 7]);
  });
  const payload = bytes(...headers, encodePayload(packet));
  return bytes(
    [0x60, 0, 0, 0],
    u16(payload.length),
    [numbers[0] ?? packet.protocol, 64],
    addressBytes(packet.source),
    addressBytes(packet.destination),
    payload,
  );
}

function encodePayload(packet: PacketSpec): Uint8Array {
  if (packet.icmpType !== undefined) {
    return bytes([packet.icmpType, 0, 0, 0, 0, 0, 0, 0], packet.quote === undefined ? [] : encodePacket(packet.quote));
  }
  return bytes(u16(packet.sourcePort ?? 0), u16(packet.destinationPort ?? 0), new Uint8Array(16));
}

function addressBytes(text: string): Uint8Array {
  const { family, words } = address(text);
  const view = new DataView(new ArrayBuffer(16));
  words.forEach((word, i) => {
    view.setInt32(4 * i, word);
  });
  return new Uint8Array(view.buffer, family === Family.v4 ? 12 : 0);
}

function u16(value: number): number[] {
  return [value >> 8, value & 255];
}

function bytes(...parts: readonly ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** Whether the selector must look for ports. */
export function isTransport(protocol: number): boolean {
  return protocol === Protocol.tcp || protocol === Protocol.udp || protocol === Protocol.sctp;
}
