import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as checksum from '../../src/packet/checksum.ts';
import { Flow, FlowFault, parseFlow } from '../../src/packet/flow.ts';
import { frame } from '../support/frame.ts';
import { bytesOf, onesComplementSum, viewOf } from '../support/wireBytes.ts';

const word16 = fc.integer({ min: 0, max: 0xffff });
const word32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });

function parsed(bytes: Uint8Array): { v: DataView; flow: Flow } {
  const flow = new Flow();
  const v = viewOf(bytes);
  expect(parseFlow(v, 0, bytes.length, flow)).toBe(FlowFault.none);
  return { v, flow };
}

describe('sum', () => {
  test('agrees with the example of RFC 1071 section 3', () => {
    expect(checksum.sum(viewOf(bytesOf('0001 f203 f4f5 f6f7')), 0, 8, 0)).toBe(0xddf2);
  });

  test('agrees with adding word by word, at every alignment and length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 7 }), (bytes, shift) => {
        const arena = new Uint8Array(bytes.length + shift);
        arena.set(bytes, shift);
        expect(checksum.sum(viewOf(arena), shift, bytes.length, 0)).toBe(onesComplementSum(bytes));
      }),
    );
  });

  test('continues another sum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 41 }), (first, second) => {
        const even = first.subarray(0, first.length & ~1);
        const whole = Uint8Array.from([...even, ...second]);
        const start = checksum.sum(viewOf(even), 0, even.length, 0);
        expect(checksum.sum(viewOf(second), 0, second.length, start)).toBe(onesComplementSum(whole));
      }),
    );
  });

  test('loses no carry over the longest packet', () => {
    const ones = new Uint8Array(checksum.MAX_SUM_BYTES).fill(0xff);
    expect(checksum.sum(viewOf(ones), 0, ones.length, 2 ** 30)).toBe(onesComplementSum(Uint8Array.from([...ones, 0, 0x40, 0])));
  });
});

describe('incremental repair', () => {
  test('gives the field that a whole computation gives, for any changed words', () => {
    const words = fc.array(fc.tuple(word32, word32), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(words, word16, word16, (pairs, oldPort, newPort) => {
        const before = fieldOf([...pairs.map(([old]) => old), 0x450006], oldPort);
        const after = fieldOf([...pairs.map(([, now]) => now), 0x450006], newPort);
        const delta = pairs.reduce(
          (all, [old, now]) => all + checksum.difference32(old, now),
          checksum.difference16(oldPort, newPort),
        );
        expect(checksum.apply(before, delta)).toBe(after);
      }),
    );
  });

  test('keeps a wrong checksum as wrong as it was', () => {
    fc.assert(
      fc.property(word16, word32, word32, (field, old, now) => {
        fc.pre(field !== 0xffff);
        const there = checksum.apply(field, checksum.difference32(old, now));
        expect(checksum.apply(there, checksum.difference32(now, old))).toBe(field);
      }),
    );
  });

  test('meets the counter-example of RFC 1624 section 4', () => {
    // 0x5555 becomes 0x3285 under a field of 0xdd2f; equation 2 would give 0xffff.
    expect(checksum.apply(0xdd2f, checksum.difference16(0x5555, 0x3285))).toBe(0x0000);
  });

  function fieldOf(words: number[], port: number): number {
    const v = viewOf(new Uint8Array(words.length * 4 + 2));
    for (const [i, word] of words.entries()) v.setInt32(i * 4, word);
    v.setUint16(words.length * 4, port);
    return ~checksum.sum(v, 0, v.byteLength, 0) & 0xffff;
  }
});

describe('the IPv4 header', () => {
  test('is verified, computed whatever stands in the field, and written', () => {
    const packet = bytesOf('4500003c1c4640004006b1e6ac100a63ac100a0c');
    const v = viewOf(packet);
    expect(checksum.verifyIpv4Header(v, 0)).toBe(true);
    v.setUint16(10, 0xdead);
    expect(checksum.verifyIpv4Header(v, 0)).toBe(false);
    expect(checksum.ipv4Header(v, 0)).toBe(0xb1e6);
    checksum.writeIpv4Header(v, 0);
    expect(v.getUint16(10)).toBe(0xb1e6);
  });
});

const LAYERS = [
  ['TCP over IPv4', () => frame().ipv4().tcp()],
  ['TCP over IPv6', () => frame().ipv6().tcp()],
  ['TCP behind extension headers', () => frame().ipv6().hopByHop().destinationOptions().tcp()],
  ['UDP over IPv4', () => frame().ipv4().udp()],
  ['UDP over IPv6', () => frame().ipv6().udp()],
] as const;

describe.each(LAYERS)('%s', (_name, begin) => {
  test('a right checksum is found right, a damaged one wrong, at every payload length', () => {
    for (let length = 0; length <= 9; length++) {
      const { v, flow } = parsed(begin().payload(length).build());
      expect(checksum.verifyTransport(v, flow)).toBe(true);
      v.setUint8(flow.l4, v.getUint8(flow.l4) ^ 1);
      expect(checksum.verifyTransport(v, flow)).toBe(false);
    }
  });

  test('a partial checksum is recognised, a complete one is not', () => {
    const partial = parsed(begin().payload(11).partialChecksum().build());
    expect(checksum.holdsOnlyPseudoHeader(partial.v, partial.flow)).toBe(true);
    const complete = parsed(begin().payload(11).build());
    expect(checksum.holdsOnlyPseudoHeader(complete.v, complete.flow)).toBe(false);
  });

  test('completing a partial checksum gives the frame that had a complete one', () => {
    const frames = [begin().payload(11).partialChecksum().build(), begin().payload(11).build()] as const;
    const { v, flow } = parsed(frames[0]);
    checksum.completeIfPartial(v, flow);
    expect(frames[0]).toEqual(frames[1]);
  });

  test('completing a complete checksum changes nothing, so a wrong guess is harmless', () => {
    const bytes = begin().payload(11).build();
    const before = bytes.slice();
    const { v, flow } = parsed(bytes);
    checksum.completeTransport(v, flow);
    expect(bytes).toEqual(before);
  });

  test('padding behind the packet is not summed', () => {
    const bytes = begin().payload(1).padTo(120).build();
    bytes[bytes.length - 1] = 0xff;
    const { v, flow } = parsed(bytes);
    expect(checksum.verifyTransport(v, flow)).toBe(true);
  });
});

test('the sum of a pseudo-header is that of its bytes', () => {
  const { flow } = parsed(frame().ipv4({ source: '255.255.255.255', target: '10.0.0.1' }).udp().build());
  expect(checksum.pseudoHeaderSum(flow, 8)).toBe(onesComplementSum(bytesOf('ffffffff 0a000001 0011 0008')));
});

test('a computed UDP checksum of 0 goes out as 0xffff, and is right', () => {
  const { v, flow } = parsed(frame().ipv4().udp().payload(Uint8Array.of(0, 0)).build());
  // One's complement: adding the field of a zero payload to the payload makes the sum 0xffff and the field 0.
  v.setUint16(flow.l4 + 8, v.getUint16(flow.l4 + 6));
  checksum.completeTransport(v, flow);
  expect(v.getUint16(flow.l4 + 6)).toBe(0xffff);
  expect(checksum.verifyTransport(v, flow)).toBe(true);
});

test('UDP is summed to its own length, which may end before the packet does', () => {
  // RFC 768 has a length of its own; two bytes of the IP packet lie behind it.
  const bytes = frame()
    .ipv4({ totalBytes: 20 + 8 + 4 + 2 })
    .udp()
    .payload(4)
    .build();
  const { v, flow } = parsed(Uint8Array.from([...bytes, 0xab, 0xcd]));
  expect(flow.end).toBe(14 + 34);
  expect(checksum.verifyTransport(v, flow)).toBe(true);
  const before = v.getUint16(flow.l4 + 6);
  checksum.completeTransport(v, flow);
  expect(v.getUint16(flow.l4 + 6)).toBe(before);
});

test.each([
  ['ICMP', () => frame().ipv4().icmp().payload(7).build()],
  ['ICMPv6', () => frame().ipv6().icmp().payload(7).build()],
] as const)('%s is verified and written whole', (_name, build) => {
  const bytes = build();
  const { v, flow } = parsed(bytes);
  const right = v.getUint16(flow.l4 + 2);
  expect(checksum.verifyTransport(v, flow)).toBe(true);
  v.setUint16(flow.l4 + 2, 0xdead);
  expect(checksum.verifyTransport(v, flow)).toBe(false);
  if (flow.family === 4) checksum.writeIcmp(v, flow.l4, flow.end - flow.l4);
  else checksum.writeIcmpv6(v, flow.l3, flow.l4, flow.end - flow.l4);
  expect(v.getUint16(flow.l4 + 2)).toBe(right);
});

test('fragments and unknown protocols are neither completed nor found wrong', () => {
  const first = parsed(frame().ipv4({ moreFragments: true }).udp({ length: 100, checksum: 0x1234 }).payload(8).build());
  checksum.completeTransport(first.v, first.flow);
  expect(first.v.getUint16(first.flow.l4 + 6)).toBe(0x1234);
  expect(checksum.verifyTransport(first.v, first.flow)).toBe(true);
  expect(checksum.holdsOnlyPseudoHeader(first.v, first.flow)).toBe(false);
  const other = parsed(frame().ipv4({ protocol: 89 }).payload(8).build());
  expect(checksum.verifyTransport(other.v, other.flow)).toBe(true);
  expect(checksum.holdsOnlyPseudoHeader(other.v, other.flow)).toBe(false);
});
