/** The SCTP packets of the recordings of walks: a common header and one or two chunks. */
import { Protocol } from '../../src/base/terms.ts';
import { ipPacket, type WireEndpoint } from './wire.ts';

/** Chunk types by the names that the recordings' notes give them. */
const CHUNK_TYPES: Readonly<Record<string, number>> = {
  ...{ D: 0, I: 1, IA: 2, SK: 3, HB: 4, AB: 6, SH: 7, SA: 8, ER: 9, CE: 10, CA: 11, SC: 14 },
};

/** @param names `I`, `CE+D`. */
export function sctpPacket(from: WireEndpoint, to: WireEndpoint, names: string): Uint8Array {
  const chunks = names.split('+').map(chunkOf);
  const body = new Uint8Array(12 + chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
  const view = new DataView(body.buffer);
  view.setUint16(0, from.port);
  view.setUint16(2, to.port);
  view.setUint32(4, 5);
  let at = 12;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  view.setUint32(8, crc32c(body), true);
  return ipPacket({ source: from.address, target: to.address, protocol: Protocol.sctp }, body);
}

function chunkOf(name: string): Uint8Array {
  const type = CHUNK_TYPES[name];
  if (type === undefined) throw new Error(`no SCTP chunk is named "${name}"`);
  const bytes = Uint8Array.from({ length: type === 1 || type === 2 ? 20 : 16 }, () => 0);
  bytes[0] = type;
  bytes[3] = bytes.length;
  return bytes;
}

/** RFC 9260 appendix A, bit by bit. */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
