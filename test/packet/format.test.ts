import { describe, expect, test } from 'vitest';
import { formatFrame, formatFrameLine } from '../../src/packet/format.ts';
import { fragmentFrame } from '../support/fragmentFrame.ts';
import { arpFrame, frame } from '../support/frame.ts';
import { viewOf } from '../support/wireBytes.ts';

const LINK = 'Ethernet 02:00:00:00:0c:01 -> 02:00:00:00:00:01';

/** The name of a frame, its bytes, its line, and its lines without the one for Ethernet. */
const FRAMES: readonly (readonly [string, () => Uint8Array, string, readonly string[]])[] = [
  [
    'a SYN',
    () => frame().ipv4({ ttl: 63 }).tcp({ flags: 'SYN' }).build(),
    '10.1.2.5:40000 -> 10.9.0.1:80 TCP SYN ttl 63 length 40',
    ['IPv4 10.1.2.5 -> 10.9.0.1 ttl 63 TCP id 7238 length 40 DF', 'TCP 40000 -> 80 SYN seq 1000 ack 0 window 64240 data 0'],
  ],
  [
    'a datagram over IPv6 with a hop-by-hop header',
    () => frame().ipv6({ trafficClass: 0xb8, flowLabel: 0xabcde }).hopByHop().udp().payload('hello').build(),
    '[2001:db8:c::5]:40000 -> [2001:db8:9::1]:53 UDP ttl 64 length 61',
    [
      'IPv6 2001:db8:c::5 -> 2001:db8:9::1 hops 64 length 21 class 0xb8 label 0xabcde extension 0 UDP',
      'UDP 40000 -> 53 length 13',
    ],
  ],
  [
    'a padded datagram with wrong checksums',
    () => frame().ipv4({ tos: 1 }).udp({ checksum: 0x1234 }).padTo(60).build(),
    '10.1.2.5:40000 -> 10.9.0.1:53 UDP ttl 64 length 28',
    [
      'IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 UDP id 7238 length 28 DF tos 0x01',
      'UDP 40000 -> 53 length 8 WRONG CHECKSUM',
      'padding 18 bytes',
    ],
  ],
  [
    'a bad IPv4 checksum',
    () => frame().ipv4({ checksum: 0xdead }).udp({ checksum: 0 }).build(),
    'badIpv4Checksum, 42 bytes',
    [
      'IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 UDP id 7238 length 28 DF WRONG CHECKSUM 0xdead, right is 0x087c',
      'UDP 40000 -> 53 length 8 no checksum',
      'fault: badIpv4Checksum',
    ],
  ],
  [
    'a partial checksum',
    () => frame().ipv4().tcp().partialChecksum().build(),
    '10.1.2.5:40000 -> 10.9.0.1:80 TCP ACK ttl 64 length 40',
    [
      'IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 TCP id 7238 length 40 DF',
      'TCP 40000 -> 80 ACK seq 1000 ack 0 window 64240 data 0 partial checksum',
    ],
  ],
  [
    'a later fragment',
    () => fragmentFrame(frame().ipv6().udp().payload(40).build(), 72)[1]!,
    '2001:db8:c::5 -> 2001:db8:9::1 UDP fragment at 24 ttl 64 length 72',
    ['IPv6 2001:db8:c::5 -> 2001:db8:9::1 hops 64 length 32 fragment at 24, last, id 0x12345678 UDP', 'data 24 bytes'],
  ],
  [
    'an ICMP error with its quote',
    () => frame().ipv4().icmp({ type: 3, code: 4, rest: 1400 }).payload(frame().ipv4().tcp().packet().slice(0, 28)).build(),
    '10.1.2.5 -> 10.9.0.1 ICMP ttl 64 length 56 unreachable code 4 about (10.1.2.5:40000 -> 10.9.0.1:80 TCP no flags ttl 64 length 28)',
    [
      'IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 ICMP id 7238 length 56 DF',
      'ICMP unreachable code 4 mtu 1400',
      '  IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 TCP id 7238 length 40 DF',
      '  TCP 40000 -> 80 seq 1000, first 8 bytes',
    ],
  ],
  [
    'an echo over IPv6',
    () => frame().ipv6().icmp({ type: 129, rest: 0x0007_0009 }).build(),
    '2001:db8:c::5 -> 2001:db8:9::1 ICMPv6 ttl 64 length 48 echo reply code 0',
    ['IPv6 2001:db8:c::5 -> 2001:db8:9::1 hops 64 length 8 ICMPv6', 'ICMPv6 echo reply code 0 id 7 seq 9'],
  ],
  [
    'a tunnel',
    () => frame().ipv4({ source: '10.0.0.1', target: '10.0.0.2' }).ipv4().sctp().build(),
    '10.0.0.1 -> 10.0.0.2 IPv4 inside ttl 64 length 56 (10.1.2.5:40000 -> 10.9.0.1:9999 SCTP ttl 64 length 36)',
    [
      'IPv4 10.0.0.1 -> 10.0.0.2 ttl 64 IPv4 inside id 7238 length 56 DF',
      '  IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 SCTP id 7238 length 36 DF',
      '  SCTP 40000 -> 9999 INIT',
    ],
  ],
  [
    'GRE',
    () => frame().ipv4().gre().ipv6({ nextHeader: 59 }).build(),
    '10.1.2.5 -> 10.9.0.1 GRE ttl 64 length 64',
    [
      'IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 GRE id 7238 length 64 DF',
      'GRE IPv6',
      '  IPv6 2001:db8:c::5 -> 2001:db8:9::1 hops 64 length 0 no next header',
      '  data 0 bytes',
    ],
  ],
  ['another Ethernet type', () => frame().ethernet({ type: 0x88b5 }).payload(46).build(), 'type 0x88b5, 60 bytes', []],
  [
    'a packet cut short',
    () => frame().ipv4().tcp().build().slice(0, 40),
    'truncatedIp, 40 bytes',
    [
      'IPv4 10.1.2.5 -> 10.9.0.1 ttl 64 TCP id 7238 length 40 DF only 26 bytes there',
      'TCP, truncated: 6 bytes',
      'fault: truncatedIp',
    ],
  ],
];

describe('a frame in words', () => {
  test.each(FRAMES)('%s', (_name, build, line, lines) => {
    const bytes = build();
    const all = formatFrame(viewOf(bytes), 0, bytes.length);
    expect(all[0]).toMatch(`${LINK} `);
    expect(all.slice(1)).toEqual(lines);
    expect(formatFrameLine(viewOf(bytes), 0, bytes.length)).toBe(line);
  });

  test.each([
    ['a request', arpFrame(), 'ARP who has 10.9.0.1? asks 10.1.2.5 at 02:00:00:00:0c:01'],
    ['a reply', arpFrame({ operation: 2 }), 'ARP 10.1.2.5 is at 02:00:00:00:0c:01, tells 10.9.0.1'],
    ['a strange operation', arpFrame({ operation: 9 }), 'ARP operation 9 from 10.1.2.5 at 02:00:00:00:0c:01 to 10.9.0.1'],
    ['a cut one', arpFrame().slice(0, 41), 'ARP, not for IPv4 over Ethernet or truncated: 27 bytes'],
  ])('ARP, %s', (_name, bytes, line) => {
    expect(formatFrame(viewOf(bytes), 0, bytes.length)[1]).toBe(line);
    expect(formatFrameLine(viewOf(bytes), 0, bytes.length)).toBe(line);
  });

  test('stops at the fourth packet in packets', () => {
    const bytes = frame().ipv4().ipv4().ipv4().ipv4().ipv4().udp().build();
    const lines = formatFrame(viewOf(bytes), 0, bytes.length);
    expect(lines.filter((line) => line.includes('IPv4 10.1.2.5'))).toHaveLength(4);
    expect(lines.at(-1)).toBe('        ...');
  });

  test('names less than an Ethernet header', () => {
    expect(formatFrame(viewOf(new Uint8Array(3)), 0, 3)).toEqual(['Ethernet, truncated: 3 bytes']);
    expect(formatFrameLine(viewOf(new Uint8Array(3)), 0, 3)).toBe('truncatedEthernet, 3 bytes');
  });
});
