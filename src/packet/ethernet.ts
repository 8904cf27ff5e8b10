// hot path

/**
 * Ethernet II header, IEEE 802.3 clause 3. `at` is the byte offset of the frame in `v`; a MAC address is its high 16 and low 32 bits.
 * No VLAN tag is looked into: a tagged frame shows EtherType.vlan and stays with the host.
 * Getters read without bounds: the frame has at least HEADER_BYTES.
 */
import { Family } from '../base/terms.ts';

export const HEADER_BYTES = 14;

/** Ethernet types that the director can name (IANA, IEEE 802 Numbers). */
export const EtherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, lldp: 0x88cc } as const;
export type EtherType = (typeof EtherType)[keyof typeof EtherType];

const TARGET = 0;
const SOURCE = 6;
const TYPE = 12;

/** High 16 bits of the MAC address that the frame is for. */
export function targetHigh(v: DataView, at: number): number {
  return v.getUint16(at + TARGET);
}

/** Low 32 bits (int32) of the MAC address that the frame is for. */
export function targetLow(v: DataView, at: number): number {
  return v.getInt32(at + TARGET + 2);
}

/** High 16 bits of the sender's MAC address. */
export function sourceHigh(v: DataView, at: number): number {
  return v.getUint16(at + SOURCE);
}

/** Low 32 bits (int32) of the sender's MAC address. */
export function sourceLow(v: DataView, at: number): number {
  return v.getInt32(at + SOURCE + 2);
}

/** The type of what follows, see EtherType; below 0x600 it is an 802.3 length. */
export function etherType(v: DataView, at: number): number {
  return v.getUint16(at + TYPE);
}

/** True for multicast and broadcast: the lowest bit of the first byte of the target. */
export function isForGroup(v: DataView, at: number): boolean {
  return (v.getUint8(at + TARGET) & 1) !== 0;
}

export function setTarget(v: DataView, at: number, high16: number, low32: number): void {
  v.setUint16(at + TARGET, high16);
  v.setInt32(at + TARGET + 2, low32);
}

export function setSource(v: DataView, at: number, high16: number, low32: number): void {
  v.setUint16(at + SOURCE, high16);
  v.setInt32(at + SOURCE + 2, low32);
}

export function setEtherType(v: DataView, at: number, type: number): void {
  v.setUint16(at + TYPE, type);
}

/** Writes a whole header. */
export function write(
  v: DataView,
  at: number,
  targetHigh16: number,
  targetLow32: number,
  sourceHigh16: number,
  sourceLow32: number,
  type: number,
): void {
  setTarget(v, at, targetHigh16, targetLow32);
  setSource(v, at, sourceHigh16, sourceLow32);
  setEtherType(v, at, type);
}

/** The type of an IP packet of that family. */
export function etherTypeOf(family: number): number {
  return family === Family.v4 ? EtherType.ipv4 : EtherType.ipv6;
}
