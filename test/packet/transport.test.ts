import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { ChecksumState, Protocol } from '../../src/base/terms.ts';
import * as checksum from '../../src/packet/checksum.ts';
import { Flow, FlowFault, parseFlow, parseIp } from '../../src/packet/flow.ts';
import { decrementHopLimit } from '../../src/packet/hopLimit.ts';
import * as sctp from '../../src/packet/sctp.ts';
import { rewriteSource, rewriteTarget } from '../../src/packet/transport.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { fragmentFrame } from '../support/fragmentFrame.ts';
import { type FrameBuilder, frame } from '../support/frame.ts';
import { bytesOf, hexOf, viewOf } from '../support/wireBytes.ts';

type Rewrite = typeof rewriteSource;

function rewrite(bytes: Uint8Array, change: Rewrite, to: string, port: number, state: number = ChecksumState.complete): Flow {
  const flow = new Flow();
  expect(parseFlow(viewOf(bytes), 0, bytes.length, flow)).toBe(FlowFault.none);
  change(viewOf(bytes), flow, ...address(to).words, port, state);
  return flow;
}

/**
 * IP packets into and out of kernel IPVS 6.1 (masq; 192.168.100.1 and 2001:db8:100::1 with ports 80 and 53, server 10.0.1.2 and
 * 2001:db8:1::2 with ports 8000 and 5353, SCTP 81): what a rewrite and one hop less must make of them.
 */
const RECORDED = [
  [
    'a SYN over IPv4',
    rewriteTarget,
    '10.0.1.2',
    8000,
    '4500002c111140003906000c0a010205c0a864014e210050000003e8000000006002faf01a2d0000020405b4',
    '4500002c1111400038061ab40a0102050a0001024e211f40000003e8000000006002faf014e50000020405b4',
  ],
  [
    'its reply, of odd length',
    rewriteSource,
    '192.168.100.1',
    80,
    '4500003d111140003f0613a30a0001020a0102051f404e2100002328000003e9a012faf09c7e0000020405b40402080a01020304000000000103030701',
    '4500003d111140003e06fafac0a864010a01020500504e2100002328000003e9a012faf0a1c60000020405b40402080a01020304000000000103030701',
  ],
  [
    'a segment whose wrong checksum stays wrong',
    rewriteTarget,
    '10.0.1.2',
    8000,
    '4500002e111140004006f9090a010205c0a864014e21005000000473000023295018faf084d6000062616473756d',
    '4500002e111140003f0613b20a0102050a0001024e211f4000000473000023295018faf07f8e000062616473756d',
  ],
  [
    'a datagram over IPv4',
    rewriteTarget,
    '10.0.1.2',
    5353,
    '45000027111140003c11fd050a010205c0a864014e2800350013eeec68656c6c6f20776f726c64',
    '45000027111140003b1117ae0a0102050a0001024e2814e90013f3e068656c6c6f20776f726c64',
  ],
  [
    'an empty datagram',
    rewriteTarget,
    '10.0.1.2',
    5353,
    '4500001c111140004011f9100a010205c0a864014e2a0035000880cf',
    '4500001c111140003f1113b90a0102050a0001024e2a14e9000885c3',
  ],
  [
    'a datagram without checksum, which gets a full one',
    rewriteTarget,
    '10.0.1.2',
    5353,
    '45000021111140004011f90b0a010205c0a864014e290035000d00006e6f73756d',
    '45000021111140003f1113b40a0102050a0001024e2914e9000d36d56e6f73756d',
  ],
  [
    'a reply without checksum, likewise',
    rewriteSource,
    '192.168.100.1',
    53,
    '4500002711114000401112ae0a0001020a01020514e94e28001300006e6f73756d207265706c79',
    '45000027111140003f11fa05c0a864010a01020500354e280013d5e36e6f73756d207265706c79',
  ],
  [
    'a SYN over IPv6',
    rewriteTarget,
    '2001:db8:1::2',
    8000,
    '600000000018063920010db800310000000000000000000520010db80100000000000000000000014e210050000003e8000000006002faf0ee330000020405b4',
    '600000000018063820010db800310000000000000000000520010db80001000000000000000000024e211f40000003e8000000006002faf0d0410000020405b4',
  ],
  [
    'a SYN behind a hop-by-hop header',
    rewriteTarget,
    '2001:db8:1::2',
    8000,
    '600000000020004020010db800310000000000000000000520010db801000000000000000000000106000104000000004e2d0050000003e8000000006002faf0ee270000020405b4',
    '600000000020003f20010db800310000000000000000000520010db800010000000000000000000206000104000000004e2d1f40000003e8000000006002faf0d0350000020405b4',
  ],
  [
    'a datagram over IPv6',
    rewriteTarget,
    '2001:db8:1::2',
    5353,
    '600000000013113c20010db800310000000000000000000520010db80100000000000000000000014e2800350013c2f368656c6c6f20776f726c64',
    '600000000013113b20010db800310000000000000000000520010db80001000000000000000000024e2814e90013af3d68656c6c6f20776f726c64',
  ],
  [
    'an SCTP INIT',
    rewriteTarget,
    '10.0.1.2',
    81,
    '450000340000400040840b9a0a010002c0a864010bb900500000000551e243500100001400000001000020000001000100000007',
    '45000034000040003f8426420a0100020a0001020bb9005100000005742998a70100001400000001000020000001000100000007',
  ],
  [
    'an SCTP COOKIE ACK',
    rewriteSource,
    '192.168.100.1',
    80,
    '4500002400004000408425520a0001020a01000200510bb90000000536fe47560b000004',
    '45000024000040003f840caac0a864010a01000200500bb9000000053703c9310b000004',
  ],
] as const;

describe('as the kernel did: rewrites', () => {
  test.each(RECORDED)('%s', (_name, change, to, port, before, after) => {
    const packet = bytesOf(before);
    const flow = new Flow();
    expect(parseIp(viewOf(packet), 0, packet.length, flow)).toBe(FlowFault.none);
    decrementHopLimit(viewOf(packet), flow);
    change(viewOf(packet), flow, ...address(to).words, port, ChecksumState.complete);
    expect(hexOf(packet)).toBe(after);
  });
});

const v4Address = fc.ipV4();
const v6Address = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'));
const port = fc.integer({ min: 0, max: 0xffff });
const payload = fc.uint8Array({ maxLength: 33 });

/** A packet of each kind and where to send it. */
const rewrites = fc.oneof(
  rewritesOf(v4Address, (source, target) => frame().ipv4({ source, target })),
  rewritesOf(v6Address, (source, target) => frame().ipv6({ source, target })),
);

function rewritesOf(addresses: fc.Arbitrary<string>, begin: (source: string, target: string) => FrameBuilder) {
  return fc
    .record({
      from: fc.tuple(addresses, addresses, port, port),
      to: addresses,
      toPort: port,
      payload,
      isTcp: fc.boolean(),
      change: fc.constantFrom<Rewrite[]>(rewriteSource, rewriteTarget),
    })
    .map(({ from: [source, target, sourcePort, targetPort], isTcp, ...rest }) => {
      const build = (partial: boolean) => {
        const ip = begin(source, target);
        const layers = isTcp
          ? ip.tcp({ source: sourcePort, target: targetPort })
          : ip.udp({ source: sourcePort, target: targetPort });
        return (partial ? layers.partialChecksum() : layers).payload(rest.payload).build();
      };
      const back = rest.change === rewriteSource ? ([source, sourcePort] as const) : ([target, targetPort] as const);
      return { ...rest, build, back };
    });
}

describe('for any addresses, ports and payload, over IPv4 and IPv6, TCP and UDP', () => {
  test('a rewritten frame has right checksums, and the flow says what the frame says', () => {
    fc.assert(
      fc.property(rewrites, ({ build, change, to, toPort }) => {
        const bytes = build(false);
        const flow = rewrite(bytes, change, to, toPort);
        const again = new Flow();
        expect(parseFlow(viewOf(bytes), 0, bytes.length, again)).toBe(FlowFault.none);
        expect(flow).toEqual(again);
        expect(checksum.verifyTransport(viewOf(bytes), flow)).toBe(true);
        const completed = bytes.slice();
        checksum.completeTransport(viewOf(completed), flow);
        expect(completed).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('rewriting back restores every byte', () => {
    fc.assert(
      fc.property(rewrites, ({ build, change, to, toPort, back }) => {
        const bytes = build(false);
        const before = bytes.slice();
        const flow = rewrite(bytes, change, to, toPort);
        change(viewOf(bytes), flow, ...address(back[0]).words, back[1], ChecksumState.complete);
        expect(bytes).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });

  test('a partial checksum stays one, and completing it gives what a complete one becomes', () => {
    fc.assert(
      fc.property(rewrites, ({ build, change, to, toPort }) => {
        const partial = build(true);
        const flow = rewrite(partial, change, to, toPort, ChecksumState.partial);
        expect(checksum.holdsOnlyPseudoHeader(viewOf(partial), flow)).toBe(true);
        checksum.completeTransport(viewOf(partial), flow);
        const complete = build(false);
        rewrite(complete, change, to, toPort);
        expect(partial).toEqual(complete);
      }),
      { numRuns: 500 },
    );
  });

  test('of an unknown checksum, partial or complete, a complete one is made', () => {
    fc.assert(
      fc.property(rewrites, fc.boolean(), ({ build, change, to, toPort }, isPartial) => {
        const unknown = build(isPartial);
        rewrite(unknown, change, to, toPort, ChecksumState.unknown);
        const complete = build(false);
        rewrite(complete, change, to, toPort);
        expect(unknown).toEqual(complete);
      }),
      { numRuns: 500 },
    );
  });
});

test.each([
  ['IPv4', () => frame().ipv4(), '10.0.1.2'],
  ['IPv6', () => frame().ipv6(), '2001:db8:1::2'],
] as const)('a fragment over %s gets its address and nothing else', (_name, begin, server) => {
  for (const piece of fragmentFrame(begin().udp().payload(101).build(), 96)) {
    const body = piece.slice(-8);
    const flow = rewrite(piece, rewriteTarget, server, 8080);
    expectFrame(piece).hasTarget(server);
    expect(flow.targetPort).not.toBe(8080);
    expect(piece.slice(-8)).toEqual(body);
  }
});

test('a UDP checksum that would become 0 goes out as 0xffff', () => {
  const bytes = frame().ipv4({ target: '10.9.0.1' }).udp({ target: 53 }).payload(Uint8Array.of(0, 0)).build();
  const field = viewOf(bytes).getUint16(14 + 20 + 6);
  // The field is the complement of the sum, so a target port that is larger by the field brings the sum to 0xffff.
  rewrite(bytes, rewriteTarget, '10.9.0.1', 53 + field > 0xffff ? 53 + field - 0xffff : 53 + field);
  expect(viewOf(bytes).getUint16(14 + 20 + 6)).toBe(0xffff);
  expectFrame(bytes).checksumsAreRight();
});

test('ICMPv6 has its checksum mended for the addresses, ICMP needs nothing; neither has ports', () => {
  const v6 = frame().ipv6().icmp().payload(9).build();
  rewrite(v6, rewriteSource, '2001:db8:1::2', 99);
  expectFrame(v6).hasSource('2001:db8:1::2').checksumsAreRight();
  const v4 = frame().ipv4().icmp({ rest: 0x1234_5678 }).payload(9).build();
  const message = v4.slice(34);
  rewrite(v4, rewriteTarget, '10.0.1.2', 99);
  expectFrame(v4).hasTarget('10.0.1.2').checksumsAreRight();
  expect(v4.slice(34)).toEqual(message);
});

test('a protocol without ports gets its address and nothing else', () => {
  const bytes = frame().ipv4({ protocol: 89 }).payload(20).build();
  const body = bytes.slice(34);
  rewrite(bytes, rewriteSource, '10.0.1.2', 99);
  expectFrame(bytes).hasSource('10.0.1.2');
  expect(bytes.slice(34)).toEqual(body);
});

test('SCTP is summed anew only when its port changes, so damage on the way stays visible otherwise', () => {
  const bytes = frame().ipv4().sctp({ target: 9999 }).payload(20).build();
  bytes[bytes.length - 1]! ^= 1;
  const v = viewOf(bytes);
  const wrong = sctp.checksumField(v, 34);
  const flow = rewrite(bytes, rewriteTarget, '10.0.1.2', 9999);
  expect(flow.protocol).toBe(Protocol.sctp);
  expect(sctp.checksumField(v, 34)).toBe(wrong);
  rewriteTarget(v, flow, ...address('10.0.1.2').words, 81, ChecksumState.complete);
  expect(sctp.checksumField(v, 34)).toBe(sctp.crc32c(v, 34, flow.end - 34));
});

test.each([
  ['IPv4', () => frame().ipv4({ ttl: 2 }).tcp().build()],
  ['IPv6', () => frame().ipv6({ hopLimit: 2 }).tcp().build()],
] as const)('decrementHopLimit over %s takes one off, in the packet and in the flow', (_name, build) => {
  const bytes = build();
  const flow = new Flow();
  parseFlow(viewOf(bytes), 0, bytes.length, flow);
  decrementHopLimit(viewOf(bytes), flow);
  expect(flow.hopLimit).toBe(1);
  expectFrame(bytes).hasTtl(1).checksumsAreRight();
});
