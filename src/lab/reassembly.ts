/** Puts IP datagrams together from fragments (RFC 791, RFC 8200 section 4.5), as far as a lab needs it: few at a time, no timer. */
import type { Flow } from '../packet/flow.ts';

interface Datagram {
  /** By offset. */
  readonly pieces: Map<number, Uint8Array>;
  /** Known once the last fragment has come. */
  totalBytes: number | undefined;
}

/** Datagrams under way at most; the oldest goes first. */
const MAX_DATAGRAMS = 64;

export class Reassembly {
  readonly #datagrams = new Map<string, Datagram>();

  /**
   * Takes one fragment, described by `flow`; its bytes are copied.
   * @returns the payload of the datagram when this was the piece that it lacked
   */
  add(v: DataView, flow: Flow): Uint8Array | undefined {
    const key = keyOf(flow);
    const datagram = this.#datagrams.get(key) ?? this.#begin(key);
    const piece = new Uint8Array(v.buffer.slice(v.byteOffset + flow.l4, v.byteOffset + flow.end) as ArrayBuffer);
    datagram.pieces.set(flow.fragmentOffset, piece);
    if (flow.moreFragments === 0) datagram.totalBytes = flow.fragmentOffset + piece.length;
    const whole = join(datagram);
    if (whole !== undefined) this.#datagrams.delete(key);
    return whole;
  }

  #begin(key: string): Datagram {
    const oldest = this.#datagrams.keys().next();
    if (this.#datagrams.size >= MAX_DATAGRAMS && oldest.done !== true) this.#datagrams.delete(oldest.value);
    const datagram: Datagram = { pieces: new Map(), totalBytes: undefined };
    this.#datagrams.set(key, datagram);
    return datagram;
  }
}

function keyOf(flow: Flow): string {
  const { source0, source1, source2, source3, target0, target1, target2, target3, protocol, fragmentId } = flow;
  return [source0, source1, source2, source3, target0, target1, target2, target3, protocol, fragmentId].join();
}

/** @returns undefined while a piece is missing */
function join({ pieces, totalBytes }: Datagram): Uint8Array | undefined {
  if (totalBytes === undefined) return undefined;
  const whole = new Uint8Array(totalBytes);
  for (let at = 0; at < totalBytes; ) {
    const piece = pieces.get(at);
    if (piece === undefined || piece.length === 0 || at + piece.length > totalBytes) return undefined;
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
