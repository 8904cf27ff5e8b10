/** Cuts a frame as a router or sender does: for tests that send or expect fragments. */
import { EtherType } from '../../src/packet/ethernet.ts';
import { joinBytes, onesComplementSum, setChecksum, viewOf } from './wireBytes.ts';

const LINK_BYTES = 14;

/**
 * The fragments of an unfragmented frame, in order, each an IP packet of at most `mtu` bytes behind the same Ethernet header.
 * IPv4 keeps identification and header (options too) and loses DF; IPv6 gets a fragment header right behind the fixed one.
 * @param id identification of the IPv6 fragments
 */
export function fragmentFrame(frame: Uint8Array, mtu: number, id = 0x1234_5678): Uint8Array[] {
  const v6 = viewOf(frame).getUint16(12) === EtherType.ipv6;
  const headerBytes = v6 ? 40 : (frame[LINK_BYTES]! & 15) * 4;
  const end = LINK_BYTES + (v6 ? 40 + viewOf(frame).getUint16(LINK_BYTES + 4) : viewOf(frame).getUint16(LINK_BYTES + 2));
  const step = Math.floor((mtu - headerBytes - (v6 ? 8 : 0)) / 8) * 8;
  if (step <= 0) throw new Error(`no fragment fits an MTU of ${mtu}`);
  const payloadBytes = end - LINK_BYTES - headerBytes;
  return cutFrame(frame, new Array<number>(Math.ceil(payloadBytes / step)).fill(step), id);
}

/** As `fragmentFrame`, in pieces of these payload sizes, multiples of 8; the last one takes what is left. */
export function cutFrame(frame: Uint8Array, sizes: readonly number[], id = 0x1234_5678): Uint8Array[] {
  const v6 = viewOf(frame).getUint16(12) === EtherType.ipv6;
  const headerBytes = v6 ? 40 : (frame[LINK_BYTES]! & 15) * 4;
  const end = LINK_BYTES + (v6 ? 40 + viewOf(frame).getUint16(LINK_BYTES + 4) : viewOf(frame).getUint16(LINK_BYTES + 2));
  const payload = frame.slice(LINK_BYTES + headerBytes, end);
  const link = frame.slice(0, LINK_BYTES);
  const header = frame.slice(LINK_BYTES, LINK_BYTES + headerBytes);
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (const [k, size] of sizes.entries()) {
    const more = k + 1 < sizes.length;
    const piece = payload.slice(offset, more ? offset + size : undefined);
    pieces.push(joinBytes(link, v6 ? pieceV6(header, piece, offset, more, id) : pieceV4(header, piece, offset, more)));
    offset += size;
  }
  return pieces;
}

function pieceV4(original: Uint8Array, piece: Uint8Array, offset: number, more: boolean): Uint8Array {
  const header = original.slice();
  viewOf(header).setUint16(2, header.length + piece.length);
  viewOf(header).setUint16(6, (more ? 0x2000 : 0) | (offset >> 3));
  setChecksum(header, 10, 0);
  setChecksum(header, 10, ~onesComplementSum(header));
  return joinBytes(header, piece);
}

function pieceV6(original: Uint8Array, piece: Uint8Array, offset: number, more: boolean, id: number): Uint8Array {
  const header = joinBytes(original, new Uint8Array(8));
  viewOf(header).setUint16(4, 8 + piece.length);
  header[40] = original[6]!;
  header[6] = 44;
  viewOf(header).setUint16(42, offset | (more ? 1 : 0));
  viewOf(header).setInt32(44, id);
  return joinBytes(header, piece);
}
