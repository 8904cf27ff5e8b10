// hot path

/**
 * Turns a frame into the ICMP error about it, and sends it back the way it came. The frame itself is dropped and counted under its
 * reason, also when no error may be sent: never about an ICMP error, a later fragment, or to a sender that is not one host
 * (RFC 1122, 3.2.2).
 */
import { Family, Protocol } from '../base/terms.ts';
import { headersBytes, type IcmpError, quotedBytes, writeError } from '../forward/icmpErrors.ts';
import type { Burst } from '../memory/burst.ts';
import * as ethernet from '../packet/ethernet.ts';
import { type Flow, FragmentKind, isIcmpError } from '../packet/flow.ts';
import { counter, drop } from './outcome.ts';
import { type EngineState, Outcome } from './state.ts';

const ICMP_SENT = counter('icmpSent');
const ICMP_RATE_LIMITED = counter('icmpRateLimited');
const ETHERNET_BYTES = 14;

/** Answers from the packet's own destination (the virtual address). @param reason drop counter of the frame itself */
export function answer(
  s: EngineState,
  burst: Burst,
  i: number,
  ingress: number,
  error: IcmpError,
  mtu: number,
  reason: number,
): void {
  const { target0, target1, target2, target3 } = s.flow;
  answerFrom(s, burst, i, ingress, error, mtu, reason, target0, target1, target2, target3);
}

/** Answers from the address whose four words are given. */
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
): void {
  drop(s, burst, i, reason);
  const flow = s.flow;
  if (!mayAnswer(flow)) return;
  if (!s.limiter.allow(s.nowMilliseconds)) {
    s.counters.add(ICMP_RATE_LIMITED);
    return;
  }
  const v = s.v;
  const from = burst.at[i]!;
  const targetHigh = ethernet.targetHigh(v, from);
  const targetLow = ethernet.targetLow(v, from);
  const sourceHigh = ethernet.sourceHigh(v, from);
  const sourceLow = ethernet.sourceLow(v, from);
  s.identification = (s.identification + 1) & 0xffff;
  writeError(v, flow, error, mtu, s.identification, a0, a1, a2, a3);
  const headers = headersBytes(flow);
  const at = flow.l3 - headers - ETHERNET_BYTES;
  ethernet.write(v, at, sourceHigh, sourceLow, targetHigh, targetLow, ethernet.etherTypeOf(flow.family));
  burst.at[i] = at;
  burst.bytes[i] = ETHERNET_BYTES + headers + quotedBytes(flow);
  burst.checksum[i] = 0;
  burst.segmentKind[i] = 0;
  burst.output[i] = ingress;
  s.outcome = Outcome.dropped;
  s.counters.add(ICMP_SENT);
}

function mayAnswer(flow: Flow): boolean {
  if (flow.fragment === FragmentKind.later) return false;
  if ((flow.protocol === Protocol.icmp || flow.protocol === Protocol.icmpv6) && isIcmpError(flow)) return false;
  if (flow.family === Family.v6)
    return flow.source0 >>> 24 !== 0xff && (flow.source0 | flow.source1 | flow.source2 | flow.source3) !== 0;
  return flow.source3 !== 0 && flow.source3 >>> 28 < 14;
}
