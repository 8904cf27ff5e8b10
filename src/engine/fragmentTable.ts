// hot path

/**
 * Fragments that wait for the rest of their datagram, as the kernel keeps them (RFC 791, RFC 8200 section 4.5, RFC 5722): each is stored
 * as the frame it came in, so that it can also go back to the host as it came.
 *
 *     datagram: key, what is known of the whole -> first piece -> next piece -> ...     in order of their place in the datagram
 *
 * Everything is preallocated. When there is no room, the oldest datagram gives way; a datagram that nobody completes is forgotten.
 */
import { Family, NONE } from '../base/terms.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { layout } from '../memory/layout.ts';
import { type Flow, fragmentPayloadAt } from '../packet/flow.ts';

const DATAGRAM = layout(
  // 0 = the row is free.
  'kind',
  'id',
  's0',
  's1',
  's2',
  's3',
  't0',
  't1',
  't2',
  't3',
  'first',
  'last',
  'pieces',
  // Bytes of payload that are here, and where the payload ends as far as is known.
  'held',
  'end',
  'lastSeen',
  'maxBytes',
  'maxWholeBytes',
  'ecn',
  'deadline',
);

const PIECE = layout('next', 'frameBytes', 'payload', 'offset', 'length', 'startsRun', 'ingress');

/** Pieces of one datagram at most: what is sent again in pieces must fit the scratch frames. */
export const MAX_PIECES = 120;
/** As net.ipv4.ipfrag_time and net.netfilter.nf_conntrack_frag6_timeout. */
const LIFETIME_MS_V4 = 30_000;
const LIFETIME_MS_V6 = 60_000;
const FREE = 0;

/** What became of a fragment that was added. */
export const Added = {
  /** Others are missing. */
  waits: 0,
  /** The datagram is complete. */
  whole: 1,
  /** It is here already. */
  duplicate: 2,
  /** It contradicts those that are here: the whole datagram is to be dropped (RFC 5722). */
  conflict: 3,
  /** No frame here is that long, or the datagram has too many pieces. */
  tooLong: 4,
} as const;
export type Added = (typeof Added)[keyof typeof Added];

export class FragmentTable {
  readonly #datagrams: Int32Array;
  readonly #pieces: Int32Array;
  readonly #capacity: number;
  readonly #arena: FrameArena;
  readonly #start: number;
  readonly #slotBytes: number;
  #freePiece: number;
  #count = 0;
  #nextDeadline = 0;

  /**
   * @param capacity datagrams that can wait at once
   * @param frames fragments that can wait at once
   * @param frameBytes longest frame that can
   */
  constructor(capacity: number, frames: number, frameBytes: number, arena: FrameArena) {
    this.#capacity = capacity;
    this.#datagrams = new Int32Array(capacity * DATAGRAM.words);
    this.#pieces = new Int32Array(frames * PIECE.words);
    this.#arena = arena;
    this.#slotBytes = Math.ceil(frameBytes / 64) * 64;
    this.#start = arena.reserve(this.#slotBytes * frames);
    this.#freePiece = frames > 0 ? 0 : NONE;
    for (let piece = 0; piece < frames; piece++) this.#setPiece(piece, PIECE.next, piece + 1 < frames ? piece + 1 : NONE);
  }

  /** Datagrams that wait. */
  get count(): number {
    return this.#count;
  }

  /** The datagram of this fragment, or NONE. A walk over all that wait: they are few. */
  find(flow: Flow): number {
    if (this.#count === 0) return NONE;
    for (let datagram = 0; datagram < this.#capacity; datagram++) {
      if (sameKey(this.#datagrams, datagram * DATAGRAM.words, flow)) return datagram;
    }
    return NONE;
  }

  /** A row for the datagram of this fragment; NONE when all are taken. */
  begin(flow: Flow, nowMilliseconds: number): number {
    const datagram = this.#freeDatagram();
    if (datagram === NONE) return NONE;
    const rows = this.#datagrams;
    const row = datagram * DATAGRAM.words;
    rows.fill(0, row, row + DATAGRAM.words);
    writeKey(rows, row, flow);
    rows[row + DATAGRAM.first] = rows[row + DATAGRAM.last] = NONE;
    const lifetime = flow.family === Family.v4 ? LIFETIME_MS_V4 : LIFETIME_MS_V6;
    const deadline = (nowMilliseconds + lifetime) | 0;
    rows[row + DATAGRAM.deadline] = deadline;
    if (this.#count === 0 || ((deadline - this.#nextDeadline) | 0) < 0) this.#nextDeadline = deadline;
    this.#count++;
    return datagram;
  }

  /** Whether a piece can be stored without another datagram giving way. */
  get hasRoom(): boolean {
    return this.#freePiece !== NONE;
  }

  /** Adds the fragment that `flow` describes, whose frame is copied. The caller has seen that there is room. */
  add(datagram: number, flow: Flow, frameAt: number, frameBytes: number, ingress: number): Added {
    const rows = this.#datagrams;
    const row = datagram * DATAGRAM.words;
    if (this.#start === NONE || frameBytes > this.#slotBytes || rows[row + DATAGRAM.pieces]! >= MAX_PIECES) return Added.tooLong;
    const payload = fragmentPayloadAt(flow);
    const length = flow.end - payload;
    if (!this.#agreesOnEnd(row, flow, flow.fragmentOffset + length)) return Added.conflict;
    const before = this.#placeOf(row, flow.fragmentOffset, flow.fragmentOffset + length);
    if (before === DUPLICATE) return Added.duplicate;
    if (before === OVERLAP) return Added.conflict;
    const piece = this.#freePiece;
    this.#freePiece = this.#piece(piece, PIECE.next);
    this.#setPiece(piece, PIECE.frameBytes, frameBytes);
    this.#setPiece(piece, PIECE.payload, payload - frameAt);
    this.#setPiece(piece, PIECE.offset, flow.fragmentOffset);
    this.#setPiece(piece, PIECE.length, length);
    this.#setPiece(piece, PIECE.ingress, ingress);
    this.#arena.bytes.copyWithin(this.frameAt(piece), frameAt, frameAt + frameBytes);
    this.#link(row, before, piece);
    this.#note(row, flow, length);
    const isWhole = rows[row + DATAGRAM.lastSeen] === 1 && rows[row + DATAGRAM.held] === rows[row + DATAGRAM.end];
    return isWhole ? Added.whole : Added.waits;
  }

  /** The first piece, by place, of a datagram; it is the first of the datagram only when that is whole. */
  firstPiece(datagram: number): number {
    return this.#get(datagram, DATAGRAM.first);
  }

  /** The piece behind, or NONE. */
  nextPiece(piece: number): number {
    return this.#piece(piece, PIECE.next);
  }

  /** Where the frame of a piece is stored. */
  frameAt(piece: number): number {
    return this.#start + piece * this.#slotBytes;
  }

  frameBytes(piece: number): number {
    return this.#piece(piece, PIECE.frameBytes);
  }

  /** Where in the datagram its payload belongs. */
  offset(piece: number): number {
    return this.#piece(piece, PIECE.offset);
  }

  /** Where its payload lies. */
  payloadAt(piece: number): number {
    return this.frameAt(piece) + this.#piece(piece, PIECE.payload);
  }

  /** Bytes of its payload. */
  payloadBytes(piece: number): number {
    return this.#piece(piece, PIECE.length);
  }

  /** Port that it came in by. */
  ingress(piece: number): number {
    return this.#piece(piece, PIECE.ingress);
  }

  /** Payload of the whole datagram, once that is known. */
  totalBytes(datagram: number): number {
    return this.#get(datagram, DATAGRAM.end);
  }

  /** Longest IP packet among the fragments. */
  maxBytes(datagram: number): number {
    return this.#get(datagram, DATAGRAM.maxBytes);
  }

  /** The longest fragment, or one as long, said "don't fragment": then the whole says it, too. */
  dontFragment(datagram: number): boolean {
    return this.#get(datagram, DATAGRAM.maxWholeBytes) === this.maxBytes(datagram);
  }

  /** ECN codepoints that occur: bit 1 << codepoint for each. */
  ecnBits(datagram: number): number {
    return this.#get(datagram, DATAGRAM.ecn);
  }

  /** Forgets a datagram with its pieces. */
  free(datagram: number): void {
    let piece = this.firstPiece(datagram);
    while (piece !== NONE) {
      const next = this.nextPiece(piece);
      this.#setPiece(piece, PIECE.next, this.#freePiece);
      this.#freePiece = piece;
      piece = next;
    }
    this.#datagrams[datagram * DATAGRAM.words + DATAGRAM.kind] = FREE;
    this.#count--;
  }

  /** The datagram whose time is over first, if it is over, or NONE. */
  due(nowMilliseconds: number): number {
    if (this.#count === 0 || ((this.#nextDeadline - nowMilliseconds) | 0) > 0) return NONE;
    const oldest = this.oldest();
    this.#nextDeadline = this.#get(oldest, DATAGRAM.deadline);
    return ((this.#nextDeadline - nowMilliseconds) | 0) > 0 ? NONE : oldest;
  }

  /** The datagram that is forgotten next, or NONE. */
  oldest(): number {
    let oldest = NONE;
    for (let datagram = 0; datagram < this.#capacity; datagram++) {
      if (this.#get(datagram, DATAGRAM.kind) === FREE) continue;
      const isOlder =
        oldest === NONE || ((this.#get(datagram, DATAGRAM.deadline) - this.#get(oldest, DATAGRAM.deadline)) | 0) < 0;
      if (isOlder) oldest = datagram;
    }
    return oldest;
  }

  #freeDatagram(): number {
    for (let datagram = 0; datagram < this.#capacity; datagram++) {
      if (this.#get(datagram, DATAGRAM.kind) === FREE) return datagram;
    }
    return NONE;
  }

  /** Whether a piece that ends there is within what is known of the datagram's end. */
  #agreesOnEnd(row: number, flow: Flow, end: number): boolean {
    const rows = this.#datagrams;
    const known = rows[row + DATAGRAM.end]!;
    const isKnown = rows[row + DATAGRAM.lastSeen] === 1;
    if (flow.moreFragments === 0) return end >= known && !(isKnown && end !== known);
    return !(isKnown && end > known);
  }

  /** The piece behind which a new one belongs, NONE = in front of all; or DUPLICATE or OVERLAP. */
  #placeOf(row: number, offset: number, end: number): number {
    const rows = this.#datagrams;
    const last = rows[row + DATAGRAM.last]!;
    if (last === NONE) return NONE;
    const lastEnd = this.#endOf(last);
    if (end > lastEnd) return offset < lastEnd ? OVERLAP : last;
    return this.#placeBefore(rows[row + DATAGRAM.first]!, offset, end);
  }

  /** A run is what came in order at the end: a piece that lies in one is a repetition, one that reaches over its edge a contradiction. */
  #placeBefore(first: number, offset: number, end: number): number {
    let before = NONE;
    let piece = first;
    while (piece !== NONE) {
      const runStart = this.offset(piece);
      const runLast = this.#lastOfRun(piece);
      const runEnd = this.#endOf(runLast);
      if (end <= runStart) return before;
      if (offset < runEnd) return offset >= runStart && end <= runEnd ? DUPLICATE : OVERLAP;
      before = runLast;
      piece = this.nextPiece(runLast);
    }
    return before;
  }

  #lastOfRun(piece: number): number {
    let last = piece;
    let next = this.nextPiece(last);
    while (next !== NONE && this.#piece(next, PIECE.startsRun) === 0) {
      last = next;
      next = this.nextPiece(next);
    }
    return last;
  }

  #link(row: number, before: number, piece: number): void {
    const rows = this.#datagrams;
    const behind = before === NONE ? rows[row + DATAGRAM.first]! : this.nextPiece(before);
    const continues = before !== NONE && behind === NONE && this.#endOf(before) === this.offset(piece);
    this.#setPiece(piece, PIECE.startsRun, continues ? 0 : 1);
    this.#setPiece(piece, PIECE.next, behind);
    if (before === NONE) rows[row + DATAGRAM.first] = piece;
    else this.#setPiece(before, PIECE.next, piece);
    if (behind === NONE) rows[row + DATAGRAM.last] = piece;
  }

  /** What one more fragment tells about the whole. */
  #note(row: number, flow: Flow, length: number): void {
    const rows = this.#datagrams;
    const bytes = flow.end - flow.l3;
    rows[row + DATAGRAM.pieces]!++;
    rows[row + DATAGRAM.held]! += length;
    rows[row + DATAGRAM.end] = Math.max(rows[row + DATAGRAM.end]!, flow.fragmentOffset + length);
    if (flow.moreFragments === 0) rows[row + DATAGRAM.lastSeen] = 1;
    rows[row + DATAGRAM.maxBytes] = Math.max(rows[row + DATAGRAM.maxBytes]!, bytes);
    if (flow.family === Family.v4 && flow.dontFragment === 1) {
      rows[row + DATAGRAM.maxWholeBytes] = Math.max(rows[row + DATAGRAM.maxWholeBytes]!, bytes);
    }
    rows[row + DATAGRAM.ecn]! |= 1 << (flow.trafficClass & 3);
  }

  #endOf(piece: number): number {
    return this.offset(piece) + this.payloadBytes(piece);
  }

  #get(datagram: number, word: number): number {
    return this.#datagrams[datagram * DATAGRAM.words + word]!;
  }

  #piece(piece: number, word: number): number {
    return this.#pieces[piece * PIECE.words + word]!;
  }

  #setPiece(piece: number, word: number, value: number): void {
    this.#pieces[piece * PIECE.words + word] = value;
  }
}

const DUPLICATE = -2;
const OVERLAP = -3;

/** Family and, with IPv4, protocol in one word that is never FREE: an IPv6 datagram is named by addresses and identification alone. */
function kindOf(flow: Flow): number {
  return (flow.family << 8) | (flow.family === Family.v4 ? flow.protocol : 0);
}

function writeKey(rows: Int32Array, row: number, flow: Flow): void {
  rows[row + DATAGRAM.kind] = kindOf(flow);
  rows[row + DATAGRAM.id] = flow.fragmentId;
  rows[row + DATAGRAM.s0] = flow.source0;
  rows[row + DATAGRAM.s1] = flow.source1;
  rows[row + DATAGRAM.s2] = flow.source2;
  rows[row + DATAGRAM.s3] = flow.source3;
  rows[row + DATAGRAM.t0] = flow.target0;
  rows[row + DATAGRAM.t1] = flow.target1;
  rows[row + DATAGRAM.t2] = flow.target2;
  rows[row + DATAGRAM.t3] = flow.target3;
}

function sameKey(rows: Int32Array, row: number, flow: Flow): boolean {
  return (
    rows[row + DATAGRAM.id] === flow.fragmentId &&
    rows[row + DATAGRAM.s3] === flow.source3 &&
    rows[row + DATAGRAM.t3] === flow.target3 &&
    rows[row + DATAGRAM.kind] === kindOf(flow) &&
    rows[row + DATAGRAM.s0] === flow.source0 &&
    rows[row + DATAGRAM.s1] === flow.source1 &&
    rows[row + DATAGRAM.s2] === flow.source2 &&
    rows[row + DATAGRAM.t0] === flow.target0 &&
    rows[row + DATAGRAM.t1] === flow.target1 &&
    rows[row + DATAGRAM.t2] === flow.target2
  );
}
