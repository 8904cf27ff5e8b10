// hot path

/**
 * Turns a frame into the ICMP error about it, and sends it back the way it came. The frame itself is dropped and counted under its
 * reason, also when no error may be sent: never about an ICMP error, a later fragment, or to a sender that is not one host
 * (RFC 1122, 3.2.2).
 */
import { Family, Protocol } from '../base/terms.ts';
import { headersBytes, IcmpError, quotedBytes, typeAndCodeOf, writeError } from '../forward/icmpErrors.ts';
import type { Burst } from '../memory/burst.ts';
import * as ethernet from '../packet/ethernet.ts';
import { type Flow, FragmentKind, isIcmpError } from '../packet/flow.ts';
import { counter, drop } from './outcome.ts';
import type { EngineState } from './state.ts';
import { wayBack, writeLink } from './way.ts';

const ICMP_SENT = counter('icmpSent');
const ICMP_RATE_LIMITED = counter('icmpRateLimited');

/**
 * Answers from the packet's own destination (the virtual address).
 * @param reason drop counter of the frame itself
 * @returns bytes of the answer's IP packet, 0 = there is none
 */
export function answer(
  s: EngineState,
  burst: Burst,
  i: number,
  ingress: number,
  error: IcmpError,
  mtu: number,
  reason: number,
): number {
  const { target0, target1, target2, target3 } = s.flow;
  return answerFrom(s, burst, i, ingress, error, mtu, reason, target0, target1, target2, target3);
}

/** Answers from the address whose four words are given. @returns as `answer` */
export function answerFrom(
  s: EngineState,
  burst: Burst,
  i: number,
  ingress: number,
  error: IcmpError,
  mtu: number,
  reason: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
): number {
  drop(s, burst, i, reason);
  const { flow } = s;
  if (!mayAnswer(s, flow, error === IcmpError.tooBig)) return 0;
  wayBack(s, burst.at[i]!, ingress);
  return sendError(s, burst, i, flow, typeAndCodeOf(flow.family, error), mtu, a0, a1, a2, a3);
}

/** Whether an error about this packet may be sent now. @param isPathMtu such are never held back */
export function mayAnswer(s: EngineState, flow: Flow, isPathMtu: boolean): boolean {
  if (!deservesAnswer(flow)) return false;
  if (isPathMtu || s.limiter.allow(flow, s.nowMilliseconds)) return true;
  s.counters.add(ICMP_RATE_LIMITED);
  return false;
}

/**
 * Makes frame `i` the error about the packet that `flow` describes, which lies within the frame, and sends it by `s.way`.
 * @param typeAndCode type << 8 | code
 * @param word second word of the ICMP header
 * @returns bytes of its IP packet
 */
export function sendError(
  s: EngineState,
  burst: Burst,
  i: number,
  flow: Flow,
  typeAndCode: number,
  word: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
): number {
  s.identification = (s.identification + 1) & 0xffff;
  writeError(s.v, flow, typeAndCode, word, s.identification, a0, a1, a2, a3);
  const headers = headersBytes(flow);
  const bytes = headers + quotedBytes(flow);
  const at = flow.l3 - headers - ethernet.HEADER_BYTES;
  writeLink(s, at, flow.family);
  burst.at[i] = at;
  burst.bytes[i] = ethernet.HEADER_BYTES + bytes;
  burst.checksum[i] = 0;
  burst.segmentKind[i] = 0;
  burst.output[i] = s.way.port;
  s.counters.add(ICMP_SENT);
  return bytes;
}

function deservesAnswer(flow: Flow): boolean {
  if (flow.fragment === FragmentKind.later) return false;
  if ((flow.protocol === Protocol.icmp || flow.protocol === Protocol.icmpv6) && isIcmpError(flow)) return false;
  if (flow.family === Family.v6)
    return flow.source0 >>> 24 !== 0xff && (flow.source0 | flow.source1 | flow.source2 | flow.source3) !== 0;
  return flow.source3 !== 0 && flow.source3 >>> 28 < 14;
}
