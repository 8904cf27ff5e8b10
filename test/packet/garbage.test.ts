/**
 * No bytes make a parser throw or read outside. Each frame stands at the very end of a view of exact length, so that reading one
 * byte too far throws; and after FlowFault.none every getter and every rewrite is tried.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChecksumState, Protocol } from '../../src/base/terms.ts';
import * as checksum from '../../src/packet/checksum.ts';
import { Flow, FlowFault, FragmentKind, isIcmpError, parseFlow, parseIp, parseQuoted } from '../../src/packet/flow.ts';
import { formatFrame, formatFrameLine } from '../../src/packet/format.ts';
import { decrementHopLimit } from '../../src/packet/hopLimit.ts';
import * as icmp from '../../src/packet/icmp.ts';
import * as ipv4 from '../../src/packet/ipv4.ts';
import { rewriteQuotedSource, rewriteQuotedTarget } from '../../src/packet/quoted.ts';
import * as sctp from '../../src/packet/sctp.ts';
import * as tcp from '../../src/packet/tcp.ts';
import { rewriteSource, rewriteTarget } from '../../src/packet/transport.ts';
import { type FrameBuilder, frame } from '../support/frame.ts';
import { setChecksum, viewOf } from '../support/wireBytes.ts';

const FRONT = 3;

/** Random bytes hardly ever get past the Ethernet type: most frames are good ones with a few bytes changed and the end cut off. */
const almostFrames = fc
  .record({
    builder: fc.constantFrom<(() => FrameBuilder)[]>(
      () =>
        frame()
          .ipv4()
          .tcp({ options: new Uint8Array(8) }),
      () =>
        frame()
          .ipv4({ options: new Uint8Array(4) })
          .udp(),
      () => frame().ipv4({ moreFragments: true }).udp({ length: 100 }),
      () => frame().ipv4().sctp(),
      () => frame().ipv4().ipv4().ipv6().tcp(),
      () => frame().ipv4().gre().ipv4().udp(),
      () => frame().ipv4().icmp({ type: 3 }).payload(frame().ipv4().tcp().packet()),
      () => frame().ipv6().hopByHop().destinationOptions().tcp(),
      () => frame().ipv6().fragment({ offset: 8, nextHeader: 60 }),
      () => frame().ipv6().fragment({ more: true }).destinationOptions().udp({ length: 100 }),
      () => frame().ipv6().icmp({ type: 2 }).payload(frame().ipv6().destinationOptions().udp().packet()),
    ),
    payload: fc.option(fc.nat({ max: 24 })),
    changes: fc.array(fc.tuple(fc.nat({ max: 140 }), fc.nat({ max: 255 })), { maxLength: 4 }),
    cut: fc.oneof(fc.constant(0), fc.nat({ max: 120 })),
    mendHeader: fc.boolean(),
  })
  .map(({ builder, payload, changes, cut, mendHeader }) => {
    const layers = builder();
    const whole = (payload === null ? layers : layers.payload(payload)).build();
    for (const [at, value] of changes) if (at < whole.length) whole[at] = value;
    const bytes = whole.slice(0, Math.max(0, whole.length - cut));
    // A changed IPv4 header is usually refused for its checksum: let some come further.
    if (mendHeader && ipv4.check(viewOf(bytes), 14, bytes.length - 14))
      setChecksum(bytes, 24, checksum.ipv4Header(viewOf(bytes), 14));
    return bytes;
  });

const anyBytes = fc.oneof({ weight: 1, arbitrary: fc.uint8Array({ maxLength: 120 }) }, { weight: 9, arbitrary: almostFrames });

function atTheEnd(bytes: Uint8Array): DataView {
  const arena = new Uint8Array(FRONT + bytes.length);
  arena.set(bytes, FRONT);
  return viewOf(arena);
}

test('parseFlow, and every use of a flow that it accepts, stays within the frame', () => {
  const seen = new Set<number>();
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const v = atTheEnd(bytes);
      const flow = new Flow();
      const fault = parseFlow(v, FRONT, bytes.length, flow);
      seen.add(fault);
      if (fault !== FlowFault.none) return;
      expect(flow.l3).toBe(FRONT + 14);
      expect(flow.l4).toBeGreaterThanOrEqual(flow.l3 + 20);
      expect(flow.end).toBeGreaterThanOrEqual(flow.l4);
      expect(flow.end).toBeLessThanOrEqual(FRONT + bytes.length);
      useEverything(v, flow);
    }),
    { numRuns: 3000 },
  );
  // Otherwise the property holds of nothing.
  expect(seen.size).toBeGreaterThan(7);
});

test('parseIp and parseQuoted stay within the packet', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const v = atTheEnd(bytes);
      const at = Math.min(FRONT + 14, v.byteLength);
      parseIp(v, at, v.byteLength - at, new Flow());
      const flow = new Flow();
      if (parseQuoted(v, at, v.byteLength, flow) !== FlowFault.none) return;
      expect(flow.end - flow.l4).toBeGreaterThanOrEqual(4);
      rewriteQuotedSource(v, flow, 1, 2, 3, 4, 5);
      rewriteQuotedTarget(v, flow, 1, 2, 3, 4, 5);
    }),
    { numRuns: 2000 },
  );
});

test('formatFrame and formatFrameLine say something of any bytes', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const v = atTheEnd(bytes);
      const lines = formatFrame(v, FRONT, bytes.length);
      expect(lines.length).toBeGreaterThan(0);
      expect(
        [...lines, formatFrameLine(v, FRONT, bytes.length)].every((line) => line.length > 0 && !/undefined|NaN/.test(line)),
      ).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

function useEverything(v: DataView, flow: Flow): void {
  checksum.verifyTransport(v, flow);
  checksum.completeIfPartial(v, flow);
  checksum.completeTransport(v, flow);
  decrementHopLimit(v, flow);
  if (flow.protocol === Protocol.tcp && flow.fragment !== FragmentKind.later)
    v.getUint8(flow.l4 + tcp.headerBytes(v, flow.l4) - 1);
  if (flow.protocol === Protocol.sctp && flow.fragment !== FragmentKind.later) sctp.firstChunkBytes(v, flow.l4);
  if (isIcmpError(flow)) parseQuoted(v, flow.l4 + icmp.QUOTE_AT, flow.end, new Flow());
  for (const state of Object.values(ChecksumState)) {
    rewriteSource(v, flow, 1, 2, 3, 4, 5, state);
    rewriteTarget(v, flow, 1, 2, 3, 4, 5, state);
  }
}
