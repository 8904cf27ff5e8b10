/** Values inside netlink messages: addresses and MAC addresses in network order, integers and attributes in the host's. */
import { endianness } from 'node:os';
import { type Address, formatAddress, formatMac } from '../base/address.ts';
import { Family } from '../base/terms.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const IFLA_INFO_KIND = 1;
const isLittleEndian = endianness() === 'LE';

/** The kernel's number of an address family. */
export function familyNumber(of: Address): number {
  return of.family === Family.v4 ? AF_INET : AF_INET6;
}

/** 4 or 16 bytes, most significant first. */
export function networkBytes(of: Address): Buffer {
  const bytes = Buffer.alloc(16);
  for (const [i, word] of of.words.entries()) bytes.writeInt32BE(word, 4 * i);
  return of.family === Family.v4 ? bytes.subarray(12) : bytes;
}

/** The inverse of `networkBytes`, as text. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return formatAddress({ family: Family.v4, words: [0, 0, 0, bytes.readInt32BE(0)] });
  const word = (i: number) => bytes.readInt32BE(4 * i);
  return formatAddress({ family: Family.v6, words: [word(0), word(1), word(2), word(3)] });
}

/** The text of a MAC address of 6 bytes. */
export function macText(bytes: Buffer): string {
  return formatMac(bytes.readUInt16BE(0), bytes.readUInt32BE(2));
}

/** The first attribute of that type in a row of attributes (struct rtattr). @returns undefined when there is none */
export function findAttribute(bytes: Buffer, type: number): Buffer | undefined {
  const u16 = (at: number) => (isLittleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = u16(at);
    if (length < 4) return undefined;
    if ((u16(at + 2) & 0x3fff) === type) return bytes.subarray(at + 4, at + length);
    at += (length + 3) & ~3;
  }
  return undefined;
}

/** The kind in IFLA_LINKINFO; empty when it has none. */
export function interfaceKind(linkInfo: Buffer): string {
  return findAttribute(linkInfo, IFLA_INFO_KIND)?.toString('latin1').replace(/\0.*$/, '') ?? '';
}

/** The MTU that a route carries itself, also one learned by path MTU discovery. */
export function routeMtu(attrs: { metrics?: { mtu?: Buffer } }): number | undefined {
  const bytes = attrs.metrics?.mtu;
  if (bytes === undefined || bytes.length < 4) return undefined;
  return isLittleEndian ? bytes.readUInt32LE(0) : bytes.readUInt32BE(0);
}
