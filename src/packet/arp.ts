// hot path

/**
 * ARP for IPv4 over Ethernet, RFC 826. `at` is the byte offset of the ARP packet in `v`; a MAC address is its high 16 and low 32
 * bits, an IPv4 address int32. Getters read without bounds: call `check` first.
 */
export const BYTES = 28;

export const ArpOperation = { request: 1, reply: 2 } as const;
export type ArpOperation = (typeof ArpOperation)[keyof typeof ArpOperation];

const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_ADDRESS = 14;
const TARGET_MAC = 18;
const TARGET_ADDRESS = 24;

/** Hardware Ethernet, protocol IPv4, address lengths 6 and 4: the first 6 bytes of every packet that this file reads. */
const ETHERNET_IPV4 = 0x0001_0800;
const LENGTHS = 0x0604;

/** After this returns true, it is ARP for IPv4 over Ethernet, and no getter here reads outside [at, at + bytes). */
export function check(v: DataView, at: number, bytes: number): boolean {
  return bytes >= BYTES && v.getInt32(at) === ETHERNET_IPV4 && v.getUint16(at + 4) === LENGTHS;
}

/** See ArpOperation; others exist. */
export function operation(v: DataView, at: number): number {
  return v.getUint16(at + OPERATION);
}

export function senderMacHigh(v: DataView, at: number): number {
  return v.getUint16(at + SENDER_MAC);
}

export function senderMacLow(v: DataView, at: number): number {
  return v.getInt32(at + SENDER_MAC + 2);
}

export function senderAddress(v: DataView, at: number): number {
  return v.getInt32(at + SENDER_ADDRESS);
}

export function targetMacHigh(v: DataView, at: number): number {
  return v.getUint16(at + TARGET_MAC);
}

export function targetMacLow(v: DataView, at: number): number {
  return v.getInt32(at + TARGET_MAC + 2);
}

export function targetAddress(v: DataView, at: number): number {
  return v.getInt32(at + TARGET_ADDRESS);
}

/** Writes a whole packet of BYTES. A gratuitous one has equal addresses (RFC 5227 section 3). */
export function write(
  v: DataView,
  at: number,
  op: number,
  senderHigh16: number,
  senderLow32: number,
  sender: number,
  targetHigh16: number,
  targetLow32: number,
  target: number,
): void {
  v.setInt32(at, ETHERNET_IPV4);
  v.setUint16(at + 4, LENGTHS);
  v.setUint16(at + OPERATION, op);
  v.setUint16(at + SENDER_MAC, senderHigh16);
  v.setInt32(at + SENDER_MAC + 2, senderLow32);
  v.setInt32(at + SENDER_ADDRESS, sender);
  v.setUint16(at + TARGET_MAC, targetHigh16);
  v.setInt32(at + TARGET_MAC + 2, targetLow32);
  v.setInt32(at + TARGET_ADDRESS, target);
}
