/**
 * Frames that a port suite can tell from noise: each carries a magic word, its number and a pattern of bytes that depends on both.
 * Two kinds: bare Ethernet frames of EtherType 0x88b5 (IEEE 802 local experimental), and UDP datagrams for ports that carry only IP
 * or only what a selector lets through.
 */

export interface TestFrames {
  /** The shortest frame that `build` makes. */
  readonly minBytes: number;
  /** A frame of `bytes` bytes, Ethernet header included. */
  build(sequence: number, bytes: number): Uint8Array;
  /** The number of a test frame; -1 for anything else. */
  sequenceOf(frame: Uint8Array): number;
}

const MAGIC = 0x75767331;
const MARK_BYTES = 8;
const PADDED_BYTES = 60;
const ETHERNET_BYTES = 14;
const IP_AT = ETHERNET_BYTES;
const UDP_AT = IP_AT + 20;
const ETHER_TYPE_EXPERIMENTAL = 0x88b5;
const ETHER_TYPE_IPV4 = 0x0800;
const IP_PROTOCOL_UDP = 17;

/** @param destination MAC address, six bytes; broadcast by default */
export function ethernetFrames(destination: readonly number[] = [255, 255, 255, 255, 255, 255]): TestFrames {
  const payloadAt = ETHERNET_BYTES;
  return {
    minBytes: payloadAt + MARK_BYTES,
    build: (sequence, bytes) => {
      const frame = withPayload(sequence, bytes, payloadAt);
      frame.set([...destination, 2, 0, 0, 0, 0, 0x77], 0);
      viewOf(frame).setUint16(12, ETHER_TYPE_EXPERIMENTAL);
      return frame;
    },
    sequenceOf: (frame) => sequenceAt(frame, payloadAt, ETHER_TYPE_EXPERIMENTAL),
  };
}

export interface UdpFrameOptions {
  /** Six bytes; zero by default, as a port without link headers delivers. */
  readonly destinationMac?: readonly number[];
  readonly sourceMac?: readonly number[];
  /** Four bytes. */
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly port: number;
}

/** UDP without a checksum over IPv4, from port 40000; so a frame also passes where only a virtual service may. */
export function udpFrames(options: UdpFrameOptions): TestFrames {
  const { destinationMac = [0, 0, 0, 0, 0, 0], sourceMac = [0, 0, 0, 0, 0, 0], source, destination, port } = options;
  const payloadAt = UDP_AT + 8;
  return {
    minBytes: payloadAt + MARK_BYTES,
    build: (sequence, bytes) => {
      const frame = withPayload(sequence, bytes, payloadAt);
      const v = viewOf(frame);
      frame.set([...destinationMac, ...sourceMac], 0);
      v.setUint16(12, ETHER_TYPE_IPV4);
      frame.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IP_PROTOCOL_UDP, 0, 0, ...source, ...destination], IP_AT);
      v.setUint16(IP_AT + 2, bytes - IP_AT);
      v.setUint16(IP_AT + 10, headerChecksum(v));
      v.setUint16(UDP_AT, 40_000);
      v.setUint16(UDP_AT + 2, port);
      v.setUint16(UDP_AT + 4, bytes - UDP_AT);
      v.setUint16(UDP_AT + 6, 0);
      return frame;
    },
    sequenceOf: (frame) => sequenceAt(frame, payloadAt, ETHER_TYPE_IPV4),
  };
}

/** The frame without the zeros that Ethernet pads it to 60 bytes with. */
export function withoutPadding(frame: Uint8Array, minBytes: number): Uint8Array {
  let end = frame.length;
  while (frame.length === PADDED_BYTES && end > minBytes && frame[end - 1] === 0) end--;
  return frame.subarray(0, end);
}

function withPayload(sequence: number, bytes: number, payloadAt: number): Uint8Array {
  const frame = new Uint8Array(bytes);
  const v = viewOf(frame);
  v.setUint32(payloadAt, MAGIC);
  v.setUint32(payloadAt + 4, sequence);
  // Never 0, so that padding can be told from it.
  for (let i = payloadAt + MARK_BYTES; i < bytes; i++) frame[i] = 1 + ((i * 7 + sequence * 13) % 255);
  return frame;
}

function sequenceAt(frame: Uint8Array, payloadAt: number, etherType: number): number {
  if (frame.length < payloadAt + MARK_BYTES) return -1;
  const v = viewOf(frame);
  return v.getUint16(12) === etherType && v.getUint32(payloadAt) === MAGIC ? v.getUint32(payloadAt + 4) : -1;
}

/** RFC 1071, over a header of 20 bytes whose checksum field is 0. */
function headerChecksum(v: DataView): number {
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += v.getUint16(IP_AT + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function viewOf(frame: Uint8Array): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
}
