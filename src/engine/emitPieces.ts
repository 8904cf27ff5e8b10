// hot path

/** Packets cut to what the way takes, or as they came (pieces.ts), each piece in a scratch frame. */
import { Family, NONE } from '../base/terms.ts';
import { pieceBytes, unfragmentableBytes, writePieceV4, writePieceV6 } from '../forward/fragment.ts';
import type { Burst } from '../memory/burst.ts';
import * as ethernet from '../packet/ethernet.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import { sendScratch } from './emitSegments.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';
import { writeLink } from './way.ts';

const SCRATCH_EXHAUSTED = counter('scratchExhausted');

/**
 * Cuts the IP packet from `l3` to the end of `s.flow` and sends the pieces by `s.way`; the frame itself ends. Its checksums are complete.
 * @param family of the header at `l3`
 * @param counted counter of pieces
 */
export function emitPieces(
  s: EngineState,
  burst: Burst,
  i: number,
  l3: number,
  family: number,
  mtu: number,
  counted: number,
): void {
  const { pieces } = s;
  const header = family === Family.v4 ? ipv4.headerBytes(s.v, l3) : unfragmentableBytes(s.v, l3);
  const added = header + (family === Family.v4 ? 0 : ipv6.FRAGMENT_HEADER_BYTES);
  const payload = s.flow.end - l3 - header;
  const room = pieces.limit(family, mtu) - added;
  const first = payload - pieces.bytesBehindFirst;
  burst.output[i] = NONE;
  if (pieces.keeps(family, first, room)) return emitKept(s, burst, i, l3, header, family, first, counted);
  const step = pieceBytes(room, 0);
  if (step <= 0 || Math.ceil(payload / step) > s.scratch.free) return drop(s, burst, i, SCRATCH_EXHAUSTED);
  const dontFragment = pieces.cutsWholes;
  const id = family === Family.v4 ? 0 : nextFragmentId(s);
  for (let offset = 0; offset < payload; offset += step) {
    emitPiece(s, l3, header, family, offset, Math.min(step, payload - offset), dontFragment, id, counted);
  }
}

/** Sends it in the pieces in which it came. */
function emitKept(
  s: EngineState,
  burst: Burst,
  i: number,
  l3: number,
  header: number,
  family: number,
  firstBytes: number,
  counted: number,
): void {
  const { pieces } = s;
  if (pieces.count > s.scratch.free) return drop(s, burst, i, SCRATCH_EXHAUSTED);
  const id = family === Family.v4 ? 0 : nextFragmentId(s);
  let offset = 0;
  for (let k = 0; k < pieces.count; k++) {
    const bytes = k === 0 ? firstBytes : pieces.payloadBytes[k]!;
    emitPiece(s, l3, header, family, offset, bytes, false, id, counted);
    offset += bytes;
  }
}

function emitPiece(
  s: EngineState,
  l3: number,
  header: number,
  family: number,
  offset: number,
  length: number,
  dontFragment: boolean,
  id: number,
  counted: number,
): void {
  const at = s.scratch.take();
  const to = at + ethernet.HEADER_BYTES;
  const bytes =
    family === Family.v4
      ? writePieceV4(s.v, s.bytes, l3, to, offset, length, dontFragment)
      : writePieceV6(s.v, s.bytes, l3, header, to, offset, length, id);
  writeLink(s, at, family);
  sendScratch(s, at, ethernet.HEADER_BYTES + bytes);
  s.counters.add(counted);
}

/** One identification per datagram. */
function nextFragmentId(s: EngineState): number {
  s.fragmentId = (s.fragmentId + 1) | 0;
  return s.fragmentId;
}
