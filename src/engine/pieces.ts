// hot path

/**
 * How the packet that is being handled arrived, if it arrived in fragments: what is sent on is cut as it came, where that fits
 * (specs/ipvs.md section 2.8, step 8). One object, filled by fragments.ts and cleared when the packet has gone.
 */
import { Family } from '../base/terms.ts';
import { MAX_PIECES } from './fragmentTable.ts';

/** No IPv6 packet need be cut smaller. */
const MIN_MTU_V6 = 1280;
/** A bit of a length that the kernel takes for a flag, see `cutsWholes`. */
const MISTAKEN_BIT = 0x40;

export class Pieces {
  /** 0 = the packet came whole. */
  count = 0;
  family = 0;
  /** Longest IP packet among the fragments. */
  maxBytes = 0;
  /** The fragments said "don't fragment". */
  dontFragment = false;
  /** Bytes of datagram in each. */
  readonly payloadBytes = new Int32Array(MAX_PIECES);

  /** Payload of all but the first. */
  bytesBehindFirst = 0;

  clear(): void {
    this.bytesBehindFirst = 0;
    this.count = 0;
  }

  /** One more piece, in order. There are at most MAX_PIECES. */
  add(bytes: number): void {
    if (this.count > 0) this.bytesBehindFirst += bytes;
    this.payloadBytes[this.count++] = bytes;
  }

  /** Whether a packet of that family and length is to be cut although the way would take it whole. */
  wants(outerFamily: number, bytes: number): boolean {
    if (this.count === 0 || this.family !== outerFamily) return false;
    return outerFamily === Family.v4 || bytes > this.maxBytes;
  }

  /** Longest piece that may be sent, on a way of that MTU. */
  limit(outerFamily: number, mtu: number): number {
    if (this.count === 0 || this.family !== outerFamily) return mtu;
    return Math.min(mtu, outerFamily === Family.v4 ? this.maxBytes : Math.max(this.maxBytes, MIN_MTU_V6));
  }

  /**
   * Whether the incoming pieces can be kept: each fits, and the first one, which has grown by the outer header, still ends on a multiple of 8.
   * @param firstBytes payload of the first piece as it would be sent
   * @param room payload that fits one piece
   */
  keeps(outerFamily: number, firstBytes: number, room: number): boolean {
    if (this.count < 2 || (this.family === Family.v4 && outerFamily === Family.v6)) return false;
    if (firstBytes > room || (firstBytes & 7) !== 0) return false;
    for (let k = 1; k < this.count; k++) if (this.payloadBytes[k]! > room) return false;
    return true;
  }

  /**
   * Whether the pieces of an IPv4 packet that is cut anew say "don't fragment": as those that came did. For IPv6 in IPv4 the kernel
   * reads the longest piece's length as if it were flags; the same here, so that the bytes are the same.
   */
  get cutsWholes(): boolean {
    if (this.count === 0) return false;
    return this.family === Family.v4 ? this.dontFragment : (this.maxBytes & MISTAKEN_BIT) !== 0;
  }
}
