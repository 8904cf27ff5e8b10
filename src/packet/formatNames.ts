/** What numbers in headers are called when a frame is written out. Slow path. */
import { formatAddress } from '../base/address.ts';
import { Family, Protocol } from '../base/terms.ts';
import { EtherType } from './ethernet.ts';
import { IcmpType, Icmpv6Type } from './icmp.ts';
import { NextHeader } from './ipv6.ts';
import { SctpChunk } from './sctp.ts';
import { TcpFlag } from './tcp.ts';

/** `TCP`, `UDP`, `ICMPv6`; `protocol 89` for what the director does not know. */
export function protocolName(protocol: number): string {
  const key = keyOf(Protocol, protocol);
  if (key !== undefined) return PROTOCOL_TEXTS[key] ?? key.toUpperCase();
  return protocol === NextHeader.none ? 'no next header' : `protocol ${protocol}`;
}

/** `IPv4`, `ARP`; `type 0x88b5` for others. */
export function etherTypeName(type: number): string {
  const key = keyOf(EtherType, type);
  return key === undefined ? `type 0x${hex(type, 4)}` : (ETHER_TYPE_TEXTS[key] ?? key.toUpperCase());
}

/** `SYN ACK`, in the order of the bits; `no flags` for none. */
export function tcpFlagNames(flags: number): string {
  const names = Object.entries(TcpFlag).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name.toUpperCase()]));
  return names.length === 0 ? 'no flags' : names.join(' ');
}

/** `time exceeded`, `packet too big`; `type 42` for others. */
export function icmpTypeName(family: number, type: number): string {
  const key = family === Family.v6 ? keyOf(Icmpv6Type, type) : keyOf(IcmpType, type);
  return key === undefined ? `type ${type}` : spaced(key);
}

/** `INIT ACK`; `chunk 192` for others. */
export function sctpChunkName(type: number): string {
  const key = keyOf(SctpChunk, type);
  return key === undefined ? `chunk ${type}` : spaced(key).toUpperCase();
}

/** The text of an address given as in Flow. */
export function addressText(family: number, a0: number, a1: number, a2: number, a3: number): string {
  return formatAddress({ family: family === Family.v6 ? Family.v6 : Family.v4, words: [a0, a1, a2, a3] });
}

/** Without `0x`, as an unsigned number. */
export function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, '0');
}

const PROTOCOL_TEXTS: Readonly<Record<string, string>> = { ipip: 'IPv4 inside', ipv6: 'IPv6 inside', icmpv6: 'ICMPv6' };
const ETHER_TYPE_TEXTS: Readonly<Record<string, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

function keyOf(set: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(set).find((key) => set[key] === value);
}

/** `timeExceeded` to `time exceeded`. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
