import { describe, expect, test } from 'vitest';
import { address, formatMac } from '../../src/base/address.ts';
import { Protocol } from '../../src/base/terms.ts';
import * as arp from '../../src/packet/arp.ts';
import * as checksum from '../../src/packet/checksum.ts';
import * as ethernet from '../../src/packet/ethernet.ts';
import * as gre from '../../src/packet/gre.ts';
import * as gue from '../../src/packet/gue.ts';
import * as icmp from '../../src/packet/icmp.ts';
import * as ipv4 from '../../src/packet/ipv4.ts';
import * as ipv6 from '../../src/packet/ipv6.ts';
import * as sctp from '../../src/packet/sctp.ts';
import * as tcp from '../../src/packet/tcp.ts';
import * as udp from '../../src/packet/udp.ts';
import { bytesOf, hexOf, viewOf } from '../support/wireBytes.ts';

/** Headers as on the wire, each with a decode beside it: what the getters must say, and what the writers must write. */
const GOLDEN = {
  ethernet: bytesOf(`
    02 00 00 00 01 02   target 02:00:00:00:01:02
    02 00 ff ff ff fe   source 02:00:ff:ff:ff:fe
    86 dd               IPv6`),
  arp: bytesOf(`
    00 01 08 00 06 04   hardware Ethernet, protocol IPv4, address lengths 6 and 4
    00 02               reply
    02 00 00 00 00 01   sender MAC
    c0 a8 64 01         sender 192.168.100.1
    02 00 00 00 0c 01   target MAC
    0a 01 02 05         target 10.1.2.5`),
  ipv4: bytesOf(`
    45 b8 00 3c   version 4, header 20 bytes, traffic class 0xb8, total 60
    1c 46 40 00   id 0x1c46, DF
    40 06 b1 2e   ttl 64, TCP, checksum
    ac 10 0a 63   source 172.16.10.99
    ac 10 0a 0c   target 172.16.10.12`),
  ipv6: bytesOf(`
    6b 80 00 00   version 6, traffic class 0xb8, flow label 0
    00 18 2c 3f   payload 24, next header fragment, hop limit 63
    20 01 0d b8   source 2001:db8:31::5
    00 31 00 00
    00 00 00 00
    00 00 00 05
    20 01 0d b8   target 2001:db8:1::ffff:fffe
    00 01 00 00
    00 00 00 00
    ff ff ff fe`),
  ipv6Fragment: bytesOf(`
    11 00 05 a9   next UDP, offset 1448, more
    a1 41 78 1e   identification`),
  tcp: bytesOf(`
    4e 21 00 50   20001 -> 80
    00 00 03 e8   seq 1000
    80 00 00 01   ack 2147483649
    60 12 fa f0   header 24 bytes, SYN ACK, window 64240
    a0 1c 00 00   checksum, urgent 0
    02 04 05 b4   MSS 1460`),
  udp: bytesOf(`
    4e 28 00 35   20008 -> 53
    00 13 ee ec   length 19, checksum`),
  icmp: bytesOf(`
    03 04 12 34   unreachable, fragmentation needed, checksum
    00 00 05 c8   MTU 1480`),
  sctp: bytesOf(`
    00 07 00 13   7 -> 19
    00 00 00 2a   tag 42
    00 00 00 00   checksum
    0a 00 00 04   COOKIE ECHO, 4 bytes`),
  gre: bytesOf('00 00 86 dd'),
  gue: bytesOf('00 29 00 00'),
};

/** Bytes that a writer leaves, over 0xee so that what it forgets shows. */
function written(bytes: number, write: (v: DataView) => void): string {
  const buffer = new Uint8Array(bytes).fill(0xee);
  write(viewOf(buffer));
  return hexOf(buffer);
}

describe('the getters read what the wire says', () => {
  test('Ethernet', () => {
    const v = viewOf(GOLDEN.ethernet);
    expect(formatMac(ethernet.targetHigh(v, 0), ethernet.targetLow(v, 0))).toBe('02:00:00:00:01:02');
    expect(formatMac(ethernet.sourceHigh(v, 0), ethernet.sourceLow(v, 0))).toBe('02:00:ff:ff:ff:fe');
    expect(ethernet.etherType(v, 0)).toBe(ethernet.EtherType.ipv6);
    expect(ethernet.isForGroup(v, 0)).toBe(false);
    expect(ethernet.isForGroup(viewOf(bytesOf('333300000001')), 0)).toBe(true);
  });

  test('ARP', () => {
    const v = viewOf(GOLDEN.arp);
    expect(arp.check(v, 0, 28)).toBe(true);
    expect(arp.check(v, 0, 27)).toBe(false);
    expect(arp.check(viewOf(bytesOf(`00010800${'06060002'}${'00'.repeat(20)}`)), 0, 28)).toBe(false);
    expect(arp.operation(v, 0)).toBe(arp.ArpOperation.reply);
    expect(formatMac(arp.senderMacHigh(v, 0), arp.senderMacLow(v, 0))).toBe('02:00:00:00:00:01');
    expect(arp.senderAddress(v, 0)).toBe(address('192.168.100.1').words[3]);
    expect(formatMac(arp.targetMacHigh(v, 0), arp.targetMacLow(v, 0))).toBe('02:00:00:00:0c:01');
    expect(arp.targetAddress(v, 0)).toBe(address('10.1.2.5').words[3]);
  });

  test('IPv4', () => {
    const v = viewOf(GOLDEN.ipv4);
    expect([ipv4.headerBytes(v, 0), ipv4.trafficClass(v, 0), ipv4.totalBytes(v, 0)]).toEqual([20, 0xb8, 60]);
    expect([ipv4.identification(v, 0), ipv4.fragmentOffset(v, 0)]).toEqual([0x1c46, 0]);
    expect([ipv4.dontFragment(v, 0), ipv4.moreFragments(v, 0)]).toEqual([true, false]);
    expect([ipv4.hopLimit(v, 0), ipv4.protocol(v, 0)]).toEqual([64, Protocol.tcp]);
    expect(ipv4.sourceAddress(v, 0)).toBe(address('172.16.10.99').words[3]);
    expect(ipv4.targetAddress(v, 0)).toBe(address('172.16.10.12').words[3]);
    expect(checksum.verifyIpv4Header(v, 0)).toBe(true);
  });

  test('IPv6 and its fragment header', () => {
    const v = viewOf(GOLDEN.ipv6);
    expect([ipv6.trafficClass(v, 0), ipv6.flowLabel(v, 0), ipv6.payloadBytes(v, 0)]).toEqual([0xb8, 0, 24]);
    expect([ipv6.nextHeader(v, 0), ipv6.hopLimit(v, 0)]).toEqual([ipv6.NextHeader.fragment, 63]);
    expect([0, 1, 2, 3].map((i) => ipv6.sourceWord(v, 0, i))).toEqual(address('2001:db8:31::5').words);
    expect([0, 1, 2, 3].map((i) => ipv6.targetWord(v, 0, i))).toEqual(address('2001:db8:1::ffff:fffe').words);
    expect(ipv6.flowLabel(viewOf(bytesOf('600c abcd')), 0)).toBe(0xcabcd);
    const fragment = viewOf(GOLDEN.ipv6Fragment);
    expect([ipv6.extensionNext(fragment, 0), ipv6.fragmentOffset(fragment, 0)]).toEqual([Protocol.udp, 1448]);
    expect(ipv6.moreFragments(fragment, 0)).toBe(true);
    expect(ipv6.fragmentIdentification(fragment, 0)).toBe(0xa141781e | 0);
  });

  test('TCP', () => {
    const v = viewOf(GOLDEN.tcp);
    expect(tcp.check(v, 0, 24)).toBe(true);
    expect(tcp.check(v, 0, 23)).toBe(false);
    expect([tcp.sourcePort(v, 0), tcp.targetPort(v, 0)]).toEqual([20001, 80]);
    expect([tcp.sequence(v, 0), tcp.acknowledgement(v, 0) >>> 0]).toEqual([1000, 2147483649]);
    expect([tcp.headerBytes(v, 0), tcp.flags(v, 0), tcp.windowBytes(v, 0)]).toEqual([
      24,
      tcp.TcpFlag.syn | tcp.TcpFlag.ack,
      64240,
    ]);
    expect(tcp.checksumField(v, 0)).toBe(0xa01c);
  });

  test('UDP, ICMP, SCTP', () => {
    const datagram = viewOf(GOLDEN.udp);
    expect([udp.sourcePort(datagram, 0), udp.targetPort(datagram, 0), udp.lengthBytes(datagram, 0)]).toEqual([20008, 53, 19]);
    expect(udp.checksumField(datagram, 0)).toBe(0xeeec);
    expect([udp.check(datagram, 0, 19), udp.check(datagram, 0, 18)]).toEqual([true, false]);
    const message = viewOf(GOLDEN.icmp);
    expect([icmp.type(message, 0), icmp.code(message, 0), icmp.checksumField(message, 0)]).toEqual([3, 4, 0x1234]);
    expect([icmp.nextHopMtu(message, 0), icmp.packetTooBigMtu(message, 0), icmp.rest(message, 0)]).toEqual([1480, 1480, 1480]);
    const packet = viewOf(GOLDEN.sctp);
    expect([sctp.sourcePort(packet, 0), sctp.targetPort(packet, 0), sctp.verificationTag(packet, 0)]).toEqual([7, 19, 42]);
    expect([sctp.firstChunkType(packet, 0), sctp.firstChunkBytes(packet, 0)]).toEqual([sctp.SctpChunk.cookieEcho, 4]);
  });

  test('GRE and GUE', () => {
    const v = viewOf(GOLDEN.gre);
    expect([gre.check(v, 0, 4), gre.headerBytes(v, 0), gre.etherType(v, 0)]).toEqual([true, 4, ethernet.EtherType.ipv6]);
    expect(gre.check(viewOf(bytesOf('80000800')), 0, 4)).toBe(false);
    expect(gre.check(viewOf(bytesOf('20000800')), 0, 4)).toBe(false);
    const u = viewOf(GOLDEN.gue);
    expect([gue.check(u, 0, 4), gue.headerBytes(u, 0), gue.protocol(u, 0)]).toEqual([true, 4, Protocol.ipv6]);
    expect(gue.check(viewOf(bytesOf('02290000')), 0, 4)).toBe(false);
    expect(gue.check(viewOf(bytesOf('40290000')), 0, 4)).toBe(false);
  });
});

describe('the writers write what the wire wants', () => {
  const mac = [0x0200, 0x0102, 0x0200, 0xfffffffe | 0] as const;

  test('Ethernet', () => {
    expect(written(14, (v) => ethernet.write(v, 0, ...mac, ethernet.EtherType.ipv6))).toBe(
      hexOf(bytesOf('0200 00000102 0200 fffffffe 86dd')),
    );
  });

  test('ARP', () => {
    const [virtual, client] = [address('192.168.100.1').words[3], address('10.1.2.5').words[3]];
    expect(written(28, (v) => arp.write(v, 0, 2, 0x0200, 1, virtual, 0x0200, 0x0c01, client))).toBe(hexOf(GOLDEN.arp));
  });

  test('IPv4, with its checksum', () => {
    const [source, target] = [address('172.16.10.99').words[3], address('172.16.10.12').words[3]];
    const write = (v: DataView) => ipv4.writeHeader(v, 0, 60, 0xb8, 0x1c46, ipv4.DONT_FRAGMENT, 64, Protocol.tcp, source, target);
    expect(written(20, write)).toBe(hexOf(GOLDEN.ipv4));
  });

  test('IPv6 and its fragment header', () => {
    const [s, t] = [address('2001:db8:31::5').words, address('2001:db8:1::ffff:fffe').words];
    expect(written(40, (v) => ipv6.writeHeader(v, 0, 24, 0xb8, ipv6.NextHeader.fragment, 63, ...s, ...t))).toBe(
      hexOf(GOLDEN.ipv6),
    );
    const write = (v: DataView) => ipv6.writeFragmentHeader(v, 0, Protocol.udp, 1448, true, 0xa141781e | 0);
    expect(written(8, write)).toBe(hexOf(GOLDEN.ipv6Fragment));
  });

  test('TCP without options, UDP, ICMP: checksum 0, for the caller to compute', () => {
    expect(written(20, (v) => tcp.writeHeader(v, 0, 20001, 80, 1000, 0x80000001 | 0, 0x12, 64240))).toBe(
      '4e210050000003e8800000015012faf000000000',
    );
    expect(written(8, (v) => udp.writeHeader(v, 0, 20008, 53, 19))).toBe('4e28003500130000');
    expect(written(8, (v) => icmp.writeHeader(v, 0, 3, 4, 1480))).toBe('03040000000005c8');
  });

  test('GRE, with and without checksum, and GUE', () => {
    expect(written(4, (v) => gre.writeHeader(v, 0, ethernet.EtherType.ipv6))).toBe(hexOf(GOLDEN.gre));
    const packet = viewOf(new Uint8Array(8 + 5).fill(0x45));
    gre.writeChecksummedHeader(packet, 0, ethernet.EtherType.ipv4, 5);
    expect([gre.check(packet, 0, 13), gre.headerBytes(packet, 0), gre.verify(packet, 0, 13)]).toEqual([true, 8, true]);
    packet.setUint8(9, 0);
    expect(gre.verify(packet, 0, 13)).toBe(false);
    expect(written(4, (v) => gue.writeHeader(v, 0, Protocol.ipv6))).toBe(hexOf(GOLDEN.gue));
  });
});

describe('the setters of an IP header change one field', () => {
  test.each([
    [
      'source address',
      (v: DataView) => ipv4.setSourceAddress(v, 0, 0x0a000001),
      (v: DataView) => ipv4.sourceAddress(v, 0),
      0x0a000001,
    ],
    ['target address', (v: DataView) => ipv4.setTargetAddress(v, 0, -2), (v: DataView) => ipv4.targetAddress(v, 0), -2],
    ['TTL', (v: DataView) => ipv4.decrementHopLimit(v, 0), (v: DataView) => ipv4.hopLimit(v, 0), 63],
    ['traffic class', (v: DataView) => ipv4.setTrafficClass(v, 0, 3), (v: DataView) => ipv4.trafficClass(v, 0), 3],
    ['total length', (v: DataView) => ipv4.setTotalBytes(v, 0, 1500), (v: DataView) => ipv4.totalBytes(v, 0), 1500],
    ['fragment offset', (v: DataView) => ipv4.setFragment(v, 0, 1480, true), (v: DataView) => ipv4.fragmentOffset(v, 0), 1480],
  ] as const)('IPv4 %s, and the checksum stays right', (_name, set, get, wanted) => {
    const v = viewOf(GOLDEN.ipv4.slice());
    set(v);
    expect(get(v)).toBe(wanted);
    expect(checksum.verifyIpv4Header(v, 0)).toBe(true);
    expect(ipv4.headerChecksum(v, 0)).toBe(checksum.ipv4Header(v, 0));
  });

  test('IPv6: each is read back, and the rest stays', () => {
    const v = viewOf(GOLDEN.ipv6.slice());
    ipv6.setTrafficClass(v, 0, 0x02);
    ipv6.setPayloadBytes(v, 0, 1000);
    ipv6.setNextHeader(v, 0, Protocol.udp);
    ipv6.decrementHopLimit(v, 0);
    ipv6.setSourceAddress(v, 0, 1, 2, 3, 4);
    ipv6.setTargetAddress(v, 0, 5, 6, 7, -8);
    const words = Array.from({ length: 8 }, (_, i) => (i === 7 ? 'fffffff8' : `0000000${i + 1}`)).join('');
    expect(hexOf(new Uint8Array(v.buffer))).toBe(`60200000 03e8113e ${words}`.replaceAll(' ', ''));
  });
});

test('CRC32c agrees with the literature and with division bit by bit, its own field counting as zero', () => {
  expect(sctp.crc32c(viewOf(bytesOf('31323334')), 0, 4) >>> 0).toBe(0xf63af4ee);
  const packet = Uint8Array.from({ length: 100 }, (_, i) => (i * 37) & 255);
  let plain = -1;
  for (const [i, byte] of packet.entries()) {
    plain ^= i >= 8 && i < 12 ? 0 : byte;
    for (let bit = 0; bit < 8; bit++) plain = (plain >>> 1) ^ (plain & 1 ? 0x82f63b78 : 0);
  }
  expect(sctp.crc32c(viewOf(packet), 0, packet.length)).toBe(~plain);
  sctp.writeChecksum(viewOf(packet), 0, packet.length);
  expect(sctp.checksumField(viewOf(packet), 0)).toBe(~plain);
});
