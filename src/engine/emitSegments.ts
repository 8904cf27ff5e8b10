// hot path

/** Super-frames (GSO) cut into the frames that they stand for, each in a scratch frame. */
import { segmentCount, transportHeaderBytes, writeSegment } from '../forward/segment.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import * as ethernet from '../packet/ethernet.ts';
import { FragmentKind } from '../packet/flow.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';
import { writeLink } from './way.ts';

const TRANSMITTED = counter('transmitted');
const SUPER_FRAMES_SEGMENTED = counter('superFramesSegmented');
const SCRATCH_EXHAUSTED = counter('scratchExhausted');
const SEGMENT_KIND_UNSUPPORTED = counter('segmentKindUnsupported');

/** Sends the segments of a super-frame by `s.way`. */
export function emitSegments(s: EngineState, burst: Burst, i: number): void {
  const count = mayCut(s, burst, i, 0);
  for (let k = 0; k < count; k++) {
    const at = s.scratch.take();
    const bytes = writeSegment(s.v, s.bytes, s.flow, burst.segmentBytes[i]!, k, at + ethernet.HEADER_BYTES, s.segment);
    writeLink(s, at, s.flow.family);
    sendScratch(s, at, ethernet.HEADER_BYTES + bytes);
  }
}

/**
 * Whether the super-frame's kind can be cut and its segments have room; else it is dropped.
 * @param outer bytes that each segment gets in front
 * @returns how many segments; 0 = dropped
 */
export function mayCut(s: EngineState, burst: Burst, i: number, outer: number): number {
  const kind = burst.segmentKind[i]!;
  const known = kind === SegmentKind.tcpv4 || kind === SegmentKind.tcpv6 || kind === SegmentKind.udp;
  if (!known || burst.segmentBytes[i]! <= 0 || s.flow.fragment !== FragmentKind.none) {
    drop(s, burst, i, SEGMENT_KIND_UNSUPPORTED);
    return 0;
  }
  const headers = ethernet.HEADER_BYTES + outer + s.flow.l4 - s.flow.l3 + transportHeaderBytes(s.v, s.flow);
  const count = segmentCount(s.v, s.flow, burst.segmentBytes[i]!);
  if (headers + burst.segmentBytes[i]! > s.scratch.capacityBytes || count > s.scratch.free) {
    drop(s, burst, i, SCRATCH_EXHAUSTED);
    return 0;
  }
  s.counters.add(SUPER_FRAMES_SEGMENTED);
  return count;
}

/** Gives the scratch frame that was taken last to the port of `s.way`. */
export function sendScratch(s: EngineState, at: number, bytes: number): void {
  const burst = s.scratch.push(at, bytes);
  burst.output[s.scratch.index] = s.way.port;
  s.counters.add(TRANSMITTED);
}
