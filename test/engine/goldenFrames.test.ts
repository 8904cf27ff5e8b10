/**
 * Golden frames: what the real kernel's IPVS received and sent (golden/ipvs/D_vectors), one of each kind, decoded line by line. IP packets
 * only; link headers are the rig's. The cases of one topology follow one another on one director.
 */
import { expect, test } from 'vitest';
import { DirectorRig } from '../support/directorRig.ts';
import { bytesOf, hexOf, joinBytes } from '../support/wireBytes.ts';

interface Golden {
  readonly name: string;
  readonly method: 'route' | 'masq' | 'tunnel';
  readonly from: 'client' | 'server';
  readonly in: string;
  readonly out: string;
}

const CASES: readonly Golden[] = [
  {
    name: 'dr4: tcp syn mss',
    method: 'route',
    from: 'client',
    in: `
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    39 06 00 0c 0a 01 02 05   TTL 57, TCP, checksum 0x000c, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 1a 2d 00 00   header 24, flags S, window, checksum 0x1a2d
    02 04 05 b4   options
    `,
    out: `
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    38 06 01 0c 0a 01 02 05   TTL 56, TCP, checksum 0x010c, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 1a 2d 00 00   header 24, flags S, window, checksum 0x1a2d
    02 04 05 b4   options
    `,
  },
  {
    name: 'dr6: tcp syn mss',
    method: 'route',
    from: 'client',
    in: `
    60 00 00 00 00 18 06 39   IPv6, payload 24, next TCP, hop limit 57
    20 01 0d b8 00 31 00 00 00 00 00 00 00 00 00 05   source 2001:db8:31::5
    20 01 0d b8 01 00 00 00 00 00 00 00 00 00 00 01   destination 2001:db8:100::1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 ee 33 00 00   header 24, flags S, window, checksum 0xee33
    02 04 05 b4   options
    `,
    out: `
    60 00 00 00 00 18 06 38   IPv6, payload 24, next TCP, hop limit 56
    20 01 0d b8 00 31 00 00 00 00 00 00 00 00 00 05   source 2001:db8:31::5
    20 01 0d b8 01 00 00 00 00 00 00 00 00 00 00 01   destination 2001:db8:100::1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 ee 33 00 00   header 24, flags S, window, checksum 0xee33
    02 04 05 b4   options
    `,
  },
  {
    name: 'nat4: tcp syn mss',
    method: 'masq',
    from: 'client',
    in: `
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    39 06 00 0c 0a 01 02 05   TTL 57, TCP, checksum 0x000c, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 1a 2d 00 00   header 24, flags S, window, checksum 0x1a2d
    02 04 05 b4   options
    `,
    out: `
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    38 06 1a b4 0a 01 02 05   TTL 56, TCP, checksum 0x1ab4, source 10.1.2.5
    0a 00 01 02   destination 10.0.1.2
    4e 21 1f 40 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 8000, seq, ack
    60 02 fa f0 14 e5 00 00   header 24, flags S, window, checksum 0x14e5
    02 04 05 b4   options
    `,
  },
  {
    name: 'nat4: tcp synack reply',
    method: 'masq',
    from: 'server',
    in: `
    45 00 00 3d 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 61, id 0x1111, DF offset 0
    3f 06 13 a3 0a 00 01 02   TTL 63, TCP, checksum 0x13a3, source 10.0.1.2
    0a 01 02 05   destination 10.1.2.5
    1f 40 4e 21 00 00 23 28 00 00 03 e9   TCP, ports 8000 -> 20001, seq, ack
    a0 12 fa f0 9c 7e 00 00   header 40, flags SA, window, checksum 0x9c7e
    02 04 05 b4 04 02 08 0a 01 02 03 04 00 00 00 00 01 03 03 07   options
    01   1 bytes
    `,
    out: `
    45 00 00 3d 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 61, id 0x1111, DF offset 0
    3e 06 fa fa c0 a8 64 01   TTL 62, TCP, checksum 0xfafa, source 192.168.100.1
    0a 01 02 05   destination 10.1.2.5
    00 50 4e 21 00 00 23 28 00 00 03 e9   TCP, ports 80 -> 20001, seq, ack
    a0 12 fa f0 a1 c6 00 00   header 40, flags SA, window, checksum 0xa1c6
    02 04 05 b4 04 02 08 0a 01 02 03 04 00 00 00 00 01 03 03 07   options
    01   1 bytes
    `,
  },
  {
    name: 'nat4: udp',
    method: 'masq',
    from: 'client',
    in: `
    45 00 00 27 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 39, id 0x1111, DF offset 0
    3c 11 fd 05 0a 01 02 05   TTL 60, UDP, checksum 0xfd05, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 28 00 35 00 13 ee ec   UDP, ports 20008 -> 53, length 19, checksum 0xeeec
    68 65 6c 6c 6f 20 77 6f 72 6c 64   11 bytes
    `,
    out: `
    45 00 00 27 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 39, id 0x1111, DF offset 0
    3b 11 17 ae 0a 01 02 05   TTL 59, UDP, checksum 0x17ae, source 10.1.2.5
    0a 00 01 02   destination 10.0.1.2
    4e 28 14 e9 00 13 f3 e0   UDP, ports 20008 -> 5353, length 19, checksum 0xf3e0
    68 65 6c 6c 6f 20 77 6f 72 6c 64   11 bytes
    `,
  },
  {
    name: 'nat4: udp reply',
    method: 'masq',
    from: 'server',
    in: `
    45 00 00 23 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 35, id 0x1111, DF offset 0
    3e 11 14 b2 0a 00 01 02   TTL 62, UDP, checksum 0x14b2, source 10.0.1.2
    0a 01 02 05   destination 10.1.2.5
    14 e9 4e 28 00 0f 2a 5f   UDP, ports 5353 -> 20008, length 15, checksum 0x2a5f
    61 6e 73 77 65 72 21   7 bytes
    `,
    out: `
    45 00 00 23 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 35, id 0x1111, DF offset 0
    3d 11 fc 09 c0 a8 64 01   TTL 61, UDP, checksum 0xfc09, source 192.168.100.1
    0a 01 02 05   destination 10.1.2.5
    00 35 4e 28 00 0f 25 6b   UDP, ports 53 -> 20008, length 15, checksum 0x256b
    61 6e 73 77 65 72 21   7 bytes
    `,
  },
  {
    name: 'nat4: icmp 3.3 from the real server about the udp connection',
    method: 'masq',
    from: 'server',
    in: `
    45 00 00 38 00 00 40 00   IPv4, ihl 5, TOS 0x00, total 56, id 0x0000, DF offset 0
    40 01 23 be 0a 00 01 02   TTL 64, ICMP, checksum 0x23be, source 10.0.1.2
    0a 01 02 05   destination 10.1.2.5
    03 03 a5 f7 00 00 00 00   ICMP type 3 code 3, checksum 0xa5f7
    45 00 00 27 00 00 40 00   IPv4, ihl 5, TOS 0x00, total 39, id 0x0000, DF offset 0
    3b 11 28 bf 0a 01 02 05   TTL 59, UDP, checksum 0x28bf, source 10.1.2.5
    0a 00 01 02   destination 10.0.1.2
    4e 28 14 e9 00 13 f3 e0   UDP, ports 20008 -> 5353, length 19, checksum 0xf3e0
    `,
    out: `
    45 00 00 38 00 00 40 00   IPv4, ihl 5, TOS 0x00, total 56, id 0x0000, DF offset 0
    3f 01 0b 16 c0 a8 64 01   TTL 63, ICMP, checksum 0x0b16, source 192.168.100.1
    0a 01 02 05   destination 10.1.2.5
    03 03 ba ab 00 00 00 00   ICMP type 3 code 3, checksum 0xbaab
    45 00 00 27 00 00 40 00   IPv4, ihl 5, TOS 0x00, total 39, id 0x0000, DF offset 0
    3b 11 0f 17 0a 01 02 05   TTL 59, UDP, checksum 0x0f17, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 28 00 35 00 13 f3 e0   UDP, ports 20008 -> 53, length 19, checksum 0xf3e0
    `,
  },
  {
    name: 'nat6: tcp syn mss',
    method: 'masq',
    from: 'client',
    in: `
    60 00 00 00 00 18 06 39   IPv6, payload 24, next TCP, hop limit 57
    20 01 0d b8 00 31 00 00 00 00 00 00 00 00 00 05   source 2001:db8:31::5
    20 01 0d b8 01 00 00 00 00 00 00 00 00 00 00 01   destination 2001:db8:100::1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 ee 33 00 00   header 24, flags S, window, checksum 0xee33
    02 04 05 b4   options
    `,
    out: `
    60 00 00 00 00 18 06 38   IPv6, payload 24, next TCP, hop limit 56
    20 01 0d b8 00 31 00 00 00 00 00 00 00 00 00 05   source 2001:db8:31::5
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 02   destination 2001:db8:1::2
    4e 21 1f 40 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 8000, seq, ack
    60 02 fa f0 d0 41 00 00   header 24, flags S, window, checksum 0xd041
    02 04 05 b4   options
    `,
  },
  {
    name: 'tun4_ipip: tcp syn mss',
    method: 'tunnel',
    from: 'client',
    in: `
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    39 06 00 0c 0a 01 02 05   TTL 57, TCP, checksum 0x000c, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 1a 2d 00 00   header 24, flags S, window, checksum 0x1a2d
    02 04 05 b4   options
    `,
    out: `
    45 00 00 40 00 00 40 00   IPv4, ihl 5, TOS 0x00, total 64, id 0x0000, DF offset 0
    38 04 2b bb 0a 00 01 fe   TTL 56, IPv4, checksum 0x2bbb, source 10.0.1.254
    0a 00 01 02   destination 10.0.1.2
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    38 06 01 0c 0a 01 02 05   TTL 56, TCP, checksum 0x010c, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 1a 2d 00 00   header 24, flags S, window, checksum 0x1a2d
    02 04 05 b4   options
    `,
  },
  {
    name: 'tun6_ipip: tcp syn mss',
    method: 'tunnel',
    from: 'client',
    in: `
    60 00 00 00 00 18 06 39   IPv6, payload 24, next TCP, hop limit 57
    20 01 0d b8 00 31 00 00 00 00 00 00 00 00 00 05   source 2001:db8:31::5
    20 01 0d b8 01 00 00 00 00 00 00 00 00 00 00 01   destination 2001:db8:100::1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 ee 33 00 00   header 24, flags S, window, checksum 0xee33
    02 04 05 b4   options
    `,
    out: `
    60 00 00 00 00 40 29 38   IPv6, payload 64, next IPv6, hop limit 56
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 fe   source 2001:db8:1::fe
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 02   destination 2001:db8:1::2
    60 00 00 00 00 18 06 38   IPv6, payload 24, next TCP, hop limit 56
    20 01 0d b8 00 31 00 00 00 00 00 00 00 00 00 05   source 2001:db8:31::5
    20 01 0d b8 01 00 00 00 00 00 00 00 00 00 00 01   destination 2001:db8:100::1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 ee 33 00 00   header 24, flags S, window, checksum 0xee33
    02 04 05 b4   options
    `,
  },
  {
    name: 'tun4in6_ipip: tcp syn mss',
    method: 'tunnel',
    from: 'client',
    in: `
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    39 06 00 0c 0a 01 02 05   TTL 57, TCP, checksum 0x000c, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 1a 2d 00 00   header 24, flags S, window, checksum 0x1a2d
    02 04 05 b4   options
    `,
    out: `
    60 00 00 00 00 2c 04 38   IPv6, payload 44, next IPv4, hop limit 56
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 fe   source 2001:db8:1::fe
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 02   destination 2001:db8:1::2
    45 00 00 2c 11 11 40 00   IPv4, ihl 5, TOS 0x00, total 44, id 0x1111, DF offset 0
    38 06 01 0c 0a 01 02 05   TTL 56, TCP, checksum 0x010c, source 10.1.2.5
    c0 a8 64 01   destination 192.168.100.1
    4e 21 00 50 00 00 03 e8 00 00 00 00   TCP, ports 20001 -> 80, seq, ack
    60 02 fa f0 1a 2d 00 00   header 24, flags S, window, checksum 0x1a2d
    02 04 05 b4   options
    `,
  },
];

const rigs = new Map<string, DirectorRig>();

/** One director per topology: the part of the name before the colon. */
function rigFor({ name, method }: Golden): DirectorRig {
  const topology = name.slice(0, name.indexOf(':'));
  const known = rigs.get(topology);
  if (known !== undefined) return known;
  const rig = new DirectorRig();
  const masq = method === 'masq';
  const servers = topology === 'tun4in6_ipip' ? ['2001:db8:1::2', '2001:db8:1::2'] : ['10.0.1.2', '2001:db8:1::2'];
  for (const [i, vip] of (topology === 'tun4in6_ipip' ? ['192.168.100.1'] : ['192.168.100.1', '2001:db8:100::1']).entries()) {
    rig.service('tcp', vip, 80, [{ address: servers[i]!, port: masq ? 8000 : 80, method }]);
    rig.service('udp', vip, 53, [{ address: servers[i]!, port: masq ? 5353 : 53, method }]);
  }
  rigs.set(topology, rig);
  return rig;
}

const LINKS = {
  client: '02 00 00 00 0d 00 02 00 00 00 0c 01',
  server: '02 00 00 00 0d 01 02 00 00 00 01 02',
} as const;

test.each(CASES)('$name', (golden) => {
  const packet = bytesOf(golden.in);
  const type = packet[0]! >> 4 === 6 ? '86 dd' : '08 00';
  const sent = rigFor(golden).send(golden.from, joinBytes(bytesOf(LINKS[golden.from]), bytesOf(type), packet));
  expect(sent.map(({ frame }) => withoutOuterId(hexOf(frame.subarray(14))))).toEqual([
    withoutOuterId(hexOf(bytesOf(golden.out))),
  ]);
});

/** Two ICMP packets differ in the identification that their senders count up, and so in the header checksum. */
function withoutOuterId(hex: string): string {
  const digits = hex.replaceAll(' ', '');
  return digits.startsWith('4') && digits.slice(18, 20) === '01'
    ? digits.slice(0, 8) + digits.slice(12, 20) + digits.slice(24)
    : digits;
}
