import { expect, test } from 'vitest';
import { expectFrame } from './expectFrame.ts';
import { frame } from './frame.ts';

const SEGMENT = () => frame().ipv4({ ttl: 63 }).tcp({ flags: 'SYN' }).payload('hello').build();

test('every claim that holds passes, and they chain', () => {
  expectFrame(SEGMENT())
    .isForMac('02:00:00:00:00:01')
    .isFromMac('02:00:00:00:0c:01')
    .hasSource('10.1.2.5')
    .hasTarget('10.9.0.1')
    .hasPorts(40_000, 80)
    .hasTtl(63)
    .hasTrafficClass(0)
    .hasProtocol('tcp')
    .hasFlags('SYN')
    .hasId(0x1c46)
    .mayBeFragmented(false)
    .isWhole()
    .hasIpBytes(45)
    .hasPayload('68656c6c6f')
    .checksumsAreRight();
});

test('a claim that does not hold fails, names itself and shows the frame in words', () => {
  expect(() => expectFrame(SEGMENT()).hasTtl(64)).toThrow(/has that TTL[\s\S]*IPv4 10\.1\.2\.5 -> 10\.9\.0\.1 ttl 63/);
});

test.each([
  ['checksums', () => expectFrame(frame().ipv4().tcp({ checksum: 1 }).build()).checksumsAreRight(), 'right transport checksum'],
  ['a missing UDP checksum', () => expectFrame(frame().ipv4().udp({ checksum: 0 }).build()).checksumsAreRight(), 'UDP checksum'],
  ['a payload', () => expectFrame(SEGMENT()).hasPayload('00'), 'payload'],
  ['a fragment', () => expectFrame(SEGMENT()).isFragment(0, true), 'fragment'],
  ['bytes that are no packet', () => expectFrame(new Uint8Array(60)), 'well-formed'],
  ['a quote that is none', () => expectFrame(frame().ipv4().icmp({ type: 3 }).build()).quoted(), 'quotes a packet'],
])('wrong: %s', (_name, claim, message) => {
  expect(claim).toThrow(message);
});

test('goes into tunnels and quotes', () => {
  const inside = () => frame().ipv4({ ttl: 7 }).udp();
  const packet = inside().packet();
  expectFrame(frame().ipv6().ipv4({ ttl: 7 }).udp().build())
    .hasTtl(64)
    .inner()
    .hasTtl(7)
    .checksumsAreRight();
  expectFrame(frame().ipv4().gre().ipv4({ ttl: 7 }).udp().build())
    .hasProtocol('gre')
    .inner()
    .hasTtl(7);
  expectFrame(frame().ipv4().udp().gue().ipv4({ ttl: 7 }).tcp().build())
    .checksumsAreRight()
    .innerOfUdp(4)
    .hasTtl(7)
    .checksumsAreRight();
  const error = frame().ipv4().icmp({ type: 3, code: 4, rest: 1400 }).payload(packet).build();
  expectFrame(error).isIcmp(3, 4).hasMtu(1400).checksumsAreRight().quoted().hasTtl(7).hasPorts(40_000, 53);
});
