/** The director's host, as the recordings show it. */
import { describe, expect, test } from 'vitest';
import { describePacket } from './describe.ts';
import { HostStack } from './hostStack.ts';
import { fromHex, internetChecksum, ipPacket, readPacket, TcpBit, tcpPacket, udpPacket, wireEndpoint } from './wire.ts';

const CLIENT = wireEndpoint('10.1.0.2:2001');
const VIRTUAL = wireEndpoint('192.168.100.1:80');
const SERVER = wireEndpoint('10.0.1.2:80');

function host(): HostStack {
  const stack = new HostStack({ client: 1500, server: 1400 });
  for (const address of ['192.168.100.1', '2001:db8:100::1']) stack.addLocal(address);
  stack.addLocalRoute('10.200.0.0/16');
  return stack;
}

function answers(packet: Uint8Array, from: 'client' | 'server' = 'client'): string[] {
  return host()
    .receive(packet, from)
    .map(({ side, packet: answer }) => `${side} ${describePacket(answer)}`);
}

function icmp(type: number): Uint8Array {
  return ipPacket({ source: CLIENT.address, target: VIRTUAL.address, protocol: 1 }, Uint8Array.of(type, 0, 0, 0, 0, 1, 0, 2));
}

describe('to an address of its own', () => {
  test.each([
    ['a SYN without a socket gets RST and ACK', TcpBit.syn, ['client TCP 192.168.100.1:80>10.1.0.2:2001 RA']],
    ['an ACK gets a RST', TcpBit.ack, ['client TCP 192.168.100.1:80>10.1.0.2:2001 R']],
    ['a RST gets nothing', TcpBit.rst, []],
  ])('%s', (_claim, flags, expected) => {
    expect(answers(tcpPacket(CLIENT, VIRTUAL, flags, 5, 7))).toEqual(expected);
  });

  test('a segment with a wrong checksum gets nothing', () => {
    const packet = tcpPacket(CLIENT, VIRTUAL, TcpBit.syn);
    packet[36]! ^= 1;
    expect(answers(packet)).toEqual([]);
  });

  test('a datagram gets port unreachable, with either family', () => {
    expect(answers(udpPacket(CLIENT, VIRTUAL, 5))).toEqual(['client ICMP 192.168.100.1>10.1.0.2 type 3 code 3']);
    const six = udpPacket(wireEndpoint('[2001:db8:31::2]:2001'), wireEndpoint('[2001:db8:100::1]:80'), 5);
    expect(answers(six)).toEqual(['client ICMP6 2001:db8:100::1>2001:db8:31::2 type 1 code 4']);
  });

  test('an unknown protocol gets protocol unreachable', () => {
    const packet = ipPacket({ source: CLIENT.address, target: VIRTUAL.address, protocol: 132 }, new Uint8Array(20));
    expect(answers(packet)).toEqual(['client ICMP 192.168.100.1>10.1.0.2 type 3 code 2']);
  });

  test('an echo is replied to, an error is not answered', () => {
    expect(answers(icmp(8))).toEqual(['client ICMP 192.168.100.1>10.1.0.2 type 0 code 0']);
    expect(answers(icmp(3))).toEqual([]);
  });

  test('an address of a local route is its own', () => {
    expect(answers(tcpPacket(CLIENT, wireEndpoint('10.200.3.4:80'), TcpBit.syn))).toEqual([
      'client TCP 10.200.3.4:80>10.1.0.2:2001 RA',
    ]);
  });
});

describe('to another address', () => {
  test('a packet is routed with one hop less and a right header checksum', () => {
    const [routed] = host().receive(tcpPacket(SERVER, CLIENT, TcpBit.ack), 'server');
    expect(routed!.side).toBe('client');
    expect(readPacket(routed!.packet).ttl).toBe(63);
    expect(internetChecksum(routed!.packet.subarray(0, 20), 0)).toBe(0);
  });

  test('the last hop is answered from the interface that it came in by', () => {
    const packet = ipPacket(
      { source: SERVER.address, target: CLIENT.address, protocol: 17, ttl: 1 },
      fromHex('0050005000080000'),
    );
    expect(answers(packet, 'server')).toEqual(['server ICMP 10.0.1.254>10.0.1.2 type 11 code 0']);
  });

  test('what does not fit and may not be cut is answered with the MTU', () => {
    const packet = ipPacket({ source: CLIENT.address, target: SERVER.address, protocol: 17 }, new Uint8Array(1450));
    const [answer] = host().receive(packet, 'client');
    expect(describePacket(answer!.packet)).toBe('ICMP 10.9.0.254>10.1.0.2 type 3 code 4');
    expect(new DataView(answer!.packet.buffer).getUint16(26)).toBe(1400);
  });
});
