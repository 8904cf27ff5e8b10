import { describe, expect, test } from 'vitest';
import { Protocol } from '../../src/base/terms.ts';
import type { SelectorFacts } from '../../src/bpf/endpoints.ts';
import { SelectorFlavour, selectorListing, selectorProgram } from '../../src/bpf/selector.ts';
import { ETHERNET_BYTES, encodeFrame, type FrameSpec, OWN_MAC, type PacketSpec } from './frames.ts';
import { FLAVOURS, type Surroundings, selectorOf, type Whose } from './selectorRun.ts';

const { tcp, udp, sctp, icmp, icmpv6, ipip, ipv6, gre } = Protocol;

/** One family's cast: the same tests run with both. */
interface Cast {
  readonly vip: string;
  readonly allPorts: string;
  readonly masq: string;
  readonly anyPortMasq: string;
  readonly fullnat: string;
  readonly local: string;
  readonly tunnel: string;
  readonly routed: string;
  readonly director: string;
  readonly client: string;
  readonly error: number;
  readonly echo: number;
  readonly icmp: number;
}

const V4: Cast = {
  vip: '192.0.2.1',
  allPorts: '192.0.2.2',
  masq: '10.0.0.11',
  fullnat: '10.0.0.15',
  local: '10.0.0.200',
  anyPortMasq: '10.0.0.12',
  tunnel: '10.0.0.13',
  routed: '10.0.0.14',
  director: '10.0.0.1',
  client: '198.51.100.7',
  error: 3,
  echo: 8,
  icmp,
};
const V6: Cast = {
  vip: '2001:db8::1',
  allPorts: '2001:db8::2',
  masq: 'fd00::11',
  fullnat: 'fd00::15',
  local: 'fd00::200',
  anyPortMasq: 'fd00::12',
  tunnel: 'fd00::13',
  routed: 'fd00::14',
  director: 'fd00::1',
  client: '2001:db8:ffff::7',
  error: 1,
  echo: 128,
  icmp: icmpv6,
};

function factsOf(cast: Cast): SelectorFacts {
  return {
    services: [
      { protocol: 'tcp', address: cast.vip, port: 80 },
      { protocol: 'udp', address: cast.vip, port: 53 },
      { protocol: 'sctp', address: cast.vip, port: 132 },
      { protocol: 'tcp', address: cast.allPorts, port: 0 },
    ],
    destinations: [
      { protocol: 'tcp', address: cast.masq, port: 8080, method: 'masq' },
      { protocol: 'tcp', address: cast.anyPortMasq, port: 0, method: 'masq' },
      { protocol: 'tcp', address: cast.fullnat, port: 8080, method: 'fullnat' },
      { protocol: 'tcp', address: cast.fullnat, port: 8081, method: 'masq' },
      { protocol: 'tcp', address: cast.tunnel, port: 80, method: 'tunnel' },
      { protocol: 'tcp', address: cast.routed, port: 80, method: 'route' },
    ],
    localRanges: [{ address: cast.local, ports: [5000, 0xffff] }],
    localAddresses: [cast.director, cast.vip, cast.local],
  };
}

type Row = readonly [name: string, whose: Whose, packet: (cast: Cast) => PacketSpec];

const tcpFrom = (source: string, sourcePort: number, destination: string, destinationPort: number): PacketSpec => ({
  protocol: tcp,
  source,
  sourcePort,
  destination,
  destinationPort,
});

const REQUESTS: readonly Row[] = [
  ['TCP to a service', 'ours', (c) => tcpFrom(c.client, 40000, c.vip, 80)],
  ['UDP to a service', 'ours', (c) => ({ ...tcpFrom(c.client, 40000, c.vip, 53), protocol: udp })],
  ['SCTP to a service', 'ours', (c) => ({ ...tcpFrom(c.client, 40000, c.vip, 132), protocol: sctp })],
  ['TCP to another port of the virtual address (ssh)', 'host', (c) => tcpFrom(c.client, 40000, c.vip, 22)],
  ['UDP to the port of a TCP service', 'host', (c) => ({ ...tcpFrom(c.client, 40000, c.vip, 80), protocol: udp })],
  ['ESP to a virtual address', 'host', (c) => ({ ...tcpFrom(c.client, 40000, c.vip, 80), protocol: 50 })],
  ['TCP to any port of a service on every port', 'ours', (c) => tcpFrom(c.client, 40000, c.allPorts, 12345)],
  ['UDP to a TCP service on every port', 'host', (c) => ({ ...tcpFrom(c.client, 40000, c.allPorts, 12345), protocol: udp })],
  ['TCP to an address of nobody', 'host', (c) => tcpFrom(c.client, 40000, c.routed, 80)],
  ['TCP whose port swapped would be the service', 'host', (c) => tcpFrom(c.client, 40000, c.vip, 0x5000)],
  ['a request with the longest IPv4 options', 'ours', (c) => ({ ...tcpFrom(c.client, 40000, c.vip, 80), optionWords: 10 })],
];

const REPLIES: readonly Row[] = [
  ['a reply of a masqueraded server to a client', 'ours', (c) => tcpFrom(c.masq, 8080, c.client, 40000)],
  ['another port of a masqueraded server', 'host', (c) => tcpFrom(c.masq, 22, c.client, 40000)],
  ['UDP from the port of a masqueraded TCP server', 'host', (c) => ({ ...tcpFrom(c.masq, 8080, c.client, 4), protocol: udp })],
  ['any port of a masqueraded server that keeps the client port', 'ours', (c) => tcpFrom(c.anyPortMasq, 5, c.client, 40000)],
  ['a masqueraded server answering our checker', 'host', (c) => tcpFrom(c.masq, 8080, c.director, 40000)],
  ['a masqueraded server that keeps the port, answering our checker', 'host', (c) => tcpFrom(c.anyPortMasq, 5, c.director, 4)],
  ['a masqueraded server as a client of a service', 'ours', (c) => tcpFrom(c.masq, 8080, c.vip, 80)],
  ['a fullnat server to the first local port', 'ours', (c) => tcpFrom(c.fullnat, 8080, c.local, 5000)],
  ['a fullnat server to the last local port', 'ours', (c) => tcpFrom(c.fullnat, 8080, c.local, 0xffff)],
  ['a fullnat server to a port of the host on a local address', 'host', (c) => tcpFrom(c.fullnat, 8080, c.local, 4999)],
  ['a fullnat server to another address of the host', 'host', (c) => tcpFrom(c.fullnat, 8080, c.director, 5000)],
  ['a fullnat server to a client, which the host routes', 'host', (c) => tcpFrom(c.fullnat, 8080, c.client, 5000)],
  ['another port of a fullnat server', 'host', (c) => tcpFrom(c.fullnat, 22, c.local, 5000)],
  ['anybody else to a local port', 'host', (c) => tcpFrom(c.client, 8080, c.local, 5000)],
  ['a masqueraded server on the address of a fullnat one', 'ours', (c) => tcpFrom(c.fullnat, 8081, c.client, 5000)],
  ['a routed server', 'host', (c) => tcpFrom(c.routed, 80, c.client, 40000)],
  ['a tunnelled server', 'host', (c) => tcpFrom(c.tunnel, 80, c.client, 40000)],
];

const fragmentOf = (packet: PacketSpec, offset: number, more: boolean): PacketSpec => ({ ...packet, fragment: { offset, more } });

const FRAGMENTS: readonly Row[] = [
  ['the first fragment of a request', 'ours', (c) => fragmentOf(tcpFrom(c.client, 4, c.vip, 80), 0, true)],
  [
    'the first fragment to another port of a virtual address',
    'ours',
    (c) => fragmentOf(tcpFrom(c.client, 4, c.vip, 22), 0, true),
  ],
  ['the first fragment to an address of the host', 'host', (c) => fragmentOf(tcpFrom(c.client, 4, c.director, 80), 0, true)],
  ['a later fragment to a virtual address', 'ours', (c) => fragmentOf(tcpFrom(c.client, 4, c.vip, 22), 100, true)],
  ['the last fragment to a virtual address', 'ours', (c) => fragmentOf(tcpFrom(c.client, 4, c.allPorts, 22), 0x1fff, false)],
  ['a later fragment in the upper half', 'ours', (c) => fragmentOf(tcpFrom(c.client, 4, c.vip, 22), 0x1000, true)],
  ['a later fragment at offset 1', 'ours', (c) => fragmentOf(tcpFrom(c.client, 4, c.vip, 22), 1, false)],
  [
    'a later fragment to another address, though its bytes look like ports',
    'host',
    (c) => fragmentOf(tcpFrom(c.client, 80, c.routed, 80), 5, true),
  ],
  ['a later fragment from a masqueraded server', 'ours', (c) => fragmentOf(tcpFrom(c.masq, 4, c.client, 4), 5, false)],
  [
    'a later fragment from a masqueraded server to the host',
    'host',
    (c) => fragmentOf(tcpFrom(c.masq, 4, c.director, 4), 5, false),
  ],
  [
    'a later fragment of a long ping to a virtual address',
    'host',
    (c) => fragmentOf({ ...tcpFrom(c.client, 4, c.vip, 4), protocol: c.icmp }, 5, false),
  ],
  ['a fragment header around a whole packet', 'ours', (c) => fragmentOf(tcpFrom(c.client, 4, c.vip, 80), 0, false)],
];

const errorTo = (c: Cast, destination: string, quote: PacketSpec, icmpType = c.error): PacketSpec => ({
  protocol: c.icmp,
  source: c === V6 ? 'fd00::fe' : '10.0.0.254',
  destination,
  icmpType,
  quote,
});

const ERRORS: readonly Row[] = [
  ['an echo request to a virtual address', 'host', (c) => errorTo(c, c.vip, tcpFrom(c.vip, 80, c.client, 4), c.echo)],
  ['an error about a reply of a service', 'ours', (c) => errorTo(c, c.vip, tcpFrom(c.vip, 80, c.client, 4))],
  [
    'an error about a reply of a service on every port',
    'ours',
    (c) => errorTo(c, c.allPorts, tcpFrom(c.allPorts, 7, c.client, 4)),
  ],
  [
    'an error about a packet of the host from a virtual address',
    'host',
    (c) => errorTo(c, c.vip, tcpFrom(c.vip, 22, c.client, 4)),
  ],
  [
    'an error about a masqueraded request, to the client',
    'ours',
    (c) => errorTo(c, c.client, tcpFrom(c.client, 4, c.masq, 8080)),
  ],
  ['the same to a server that keeps the port', 'ours', (c) => errorTo(c, c.client, tcpFrom(c.client, 4, c.anyPortMasq, 9))],
  ['an error about a packet of our checker', 'host', (c) => errorTo(c, c.director, tcpFrom(c.director, 4, c.masq, 8080))],
  ['an error about a routed request', 'host', (c) => errorTo(c, c.client, tcpFrom(c.client, 4, c.routed, 80))],
  [
    'an error about our IPIP tunnel',
    'ours',
    (c) => errorTo(c, c.director, { ...tcpFrom(c.director, 0, c.tunnel, 0), protocol: ipip }),
  ],
  [
    'an error about our tunnel of IPv6',
    'ours',
    (c) => errorTo(c, c.director, { ...tcpFrom(c.director, 0, c.tunnel, 0), protocol: ipv6 }),
  ],
  [
    'an error about our GRE tunnel',
    'ours',
    (c) => errorTo(c, c.director, { ...tcpFrom(c.director, 0, c.tunnel, 0), protocol: gre }),
  ],
  [
    'an error about our GUE tunnel',
    'ours',
    (c) => errorTo(c, c.director, { ...tcpFrom(c.director, 5, c.tunnel, 6080), protocol: udp }),
  ],
  ['an error about TCP to a tunnelled server', 'host', (c) => errorTo(c, c.director, tcpFrom(c.director, 5, c.tunnel, 80))],
  [
    'an error about a tunnel of somebody behind us',
    'host',
    (c) => errorTo(c, c.client, { ...tcpFrom(c.client, 0, c.tunnel, 0), protocol: ipip }),
  ],
  [
    'an error about a tunnel to somebody else',
    'host',
    (c) => errorTo(c, c.director, { ...tcpFrom(c.director, 0, c.routed, 0), protocol: gre }),
  ],
  ['an error about a later fragment', 'host', (c) => errorTo(c, c.vip, fragmentOf(tcpFrom(c.vip, 80, c.client, 4), 8, false))],
  ['an error about a first fragment', 'ours', (c) => errorTo(c, c.vip, fragmentOf(tcpFrom(c.vip, 80, c.client, 4), 0, true))],
  ['an error that is itself in pieces', 'host', (c) => fragmentOf(errorTo(c, c.vip, tcpFrom(c.vip, 80, c.client, 4)), 0, true)],
  [
    'an error about a packet with IP options',
    'ours',
    (c) => errorTo(c, c.vip, { ...tcpFrom(c.vip, 80, c.client, 4), optionWords: 3 }),
  ],
];

describe.each([
  ['IPv4', V4],
  ['IPv6', V6],
] as const)('%s', (_family, cast) => {
  const selectors = FLAVOURS.map((flavour) => [flavour, selectorOf(flavour, factsOf(cast))] as const);
  test.each([...REQUESTS, ...REPLIES, ...FRAGMENTS, ...ERRORS])('%s: %s', (_name, whose, packet) => {
    const frame = encodeFrame({ packet: packet(cast) });
    for (const [flavour, select] of selectors) expect([flavour, select(frame)]).toEqual([flavour, whose]);
  });

  test("a frame cut short anywhere before its ports is the host's", () => {
    const frame = encodeFrame({ packet: tcpFrom(cast.client, 4, cast.vip, 80) });
    const needed = ETHERNET_BYTES + (cast === V4 ? 20 : 40) + 4;
    for (let bytes = 0; bytes <= frame.length; bytes++) {
      for (const [, select] of selectors)
        expect([bytes, select(frame.subarray(0, bytes))]).toEqual([bytes, bytes >= needed ? 'ours' : 'host']);
    }
  });

  test("an error whose quote is cut short before its ports is the host's", () => {
    const frame = encodeFrame({ packet: errorTo(cast, cast.vip, tcpFrom(cast.vip, 80, cast.client, 4)) });
    const needed = ETHERNET_BYTES + (cast === V4 ? 20 + 8 + 20 : 40 + 8 + 40) + 4;
    for (let bytes = ETHERNET_BYTES; bytes <= frame.length; bytes++) {
      for (const [, select] of selectors)
        expect([bytes, select(frame.subarray(0, bytes))]).toEqual([bytes, bytes >= needed ? 'ours' : 'host']);
    }
  });

  test("every ICMP type but the errors is the host's", () => {
    const ours: number[] = [];
    const select = selectorOf('socket', factsOf(cast));
    for (let type = 0; type < 256; type++) {
      const packet = errorTo(cast, cast.vip, tcpFrom(cast.vip, 80, cast.client, 4), type);
      if (select(encodeFrame({ packet })) === 'ours') ours.push(type);
    }
    expect(ours).toEqual(cast === V4 ? [3, 4, 11] : Array.from({ length: 127 }, (_, i) => i + 1));
  });
});

describe('IPv6 extension headers', () => {
  const request = tcpFrom(V6.client, 4, V6.vip, 80);
  const CASES: readonly (readonly [string, Whose, Partial<PacketSpec>])[] = [
    ['hop-by-hop, routing and destination options', 'ours', { extensions: ['hopByHop', 'routing', 'destinationOptions'] }],
    ['six of them', 'ours', { extensions: Array(6).fill('destinationOptions') }],
    ['seven of them', 'host', { extensions: Array(7).fill('destinationOptions') }],
    ['long ones', 'ours', { extensions: ['hopByHop', 'routing'], extensionExtra: 20 }],
    ['five and a fragment header', 'ours', { extensions: Array(5).fill('routing'), fragment: { offset: 0, more: true } }],
    [
      'options behind the header of a first fragment',
      'ours',
      { fragmentable: ['destinationOptions'], fragment: { offset: 0, more: true } },
    ],
    ['six and a fragment header', 'host', { extensions: Array(6).fill('routing'), fragment: { offset: 0, more: true } }],
  ];
  test.each(CASES)('%s: %s', (_name, whose, change) => {
    const frame = encodeFrame({ packet: { ...request, ...change } });
    for (const flavour of FLAVOURS) expect(selectorOf(flavour, factsOf(V6))(frame)).toBe(whose);
  });

  test("an ICMPv4 message over IPv6, or ICMPv6 over IPv4, is the host's", () => {
    const overV6 = { ...errorTo(V6, V6.vip, tcpFrom(V6.vip, 80, V6.client, 4)), protocol: icmp, icmpType: 3 };
    const overV4 = { ...errorTo(V4, V4.vip, tcpFrom(V4.vip, 80, V4.client, 4)), protocol: icmpv6, icmpType: 1 };
    expect(selectorOf('socket', factsOf(V6))(encodeFrame({ packet: overV6 }))).toBe('host');
    expect(selectorOf('socket', factsOf(V4))(encodeFrame({ packet: overV4 }))).toBe('host');
  });
});

describe('the frame', () => {
  const packet = tcpFrom(V4.client, 4, V4.vip, 80);
  const CASES: readonly (readonly [string, Whose, Partial<FrameSpec>, Surroundings])[] = [
    ['to another MAC address', 'host', { destinationMac: Uint8Array.of(0xf2, 0, 0, 0, 1, 0xff) }, {}],
    ['whose MAC address differs in its first bytes', 'host', { destinationMac: Uint8Array.of(0x72, 0, 0, 0, 1, 0xfe) }, {}],
    ['to all', 'host', { destinationMac: new Uint8Array(6).fill(255) }, {}],
    ['to another MAC address where none is asked for', 'ours', { destinationMac: new Uint8Array(6) }, { mac: undefined }],
    ['of ARP', 'host', { etherType: 0x0806 }, {}],
    ['with a VLAN tag', 'host', { etherType: 0x8100 }, {}],
    ['of IPv4 under the EtherType of IPv6', 'host', { etherType: 0x86dd }, {}],
  ];
  test.each(CASES)('%s: %s', (_name, whose, change, around) => {
    const frame = encodeFrame({ packet, ...change });
    for (const flavour of FLAVOURS) expect(selectorOf(flavour, factsOf(V4), around)(frame)).toBe(whose);
  });

  test.each(['ingress', 'socket'] as const)("whose VLAN tag the kernel keeps beside it is the host's: %s", (flavour) => {
    expect(selectorOf(flavour, factsOf(V4), { vlanPresent: true })(encodeFrame({ packet }))).toBe('host');
  });

  test('that the host itself sends does not come to the socket', () => {
    expect(selectorOf('socket', factsOf(V4), { packetType: 4, mac: undefined })(encodeFrame({ packet }))).toBe('host');
  });

  test("with an IPv4 header length below 20 is the host's, though a port could be read", () => {
    // 16 bytes of header would make ports of the destination address: 192.0.2.1 is 49152 and 513.
    const tables = { ...factsOf(V4), services: [{ protocol: 'tcp', address: V4.vip, port: 513 } as const] };
    const frame = encodeFrame({ packet });
    frame[ETHERNET_BYTES] = 0x44;
    for (const flavour of FLAVOURS) expect(selectorOf(flavour, tables)(frame)).toBe('host');
  });

  test.each([
    ['IPv4', V4, 0x65],
    ['IPv4', V4, 0x05],
    ['IPv6', V6, 0x40],
    ['IPv6', V6, 0x70],
  ] as const)("of %s with another version in its header is the host's", (_name, cast, first) => {
    const frame = encodeFrame({ packet: tcpFrom(cast.client, 4, cast.vip, 80) });
    frame[ETHERNET_BYTES] = first;
    for (const flavour of FLAVOURS) expect(selectorOf(flavour, factsOf(cast))(frame)).toBe('host');
  });

  test('goes to the host when the receive queue has no socket', () => {
    const frame = encodeFrame({ packet });
    const around = { socketQueues: [0, 2] };
    expect([0, 1, 2].map((queue) => selectorOf('xdp', factsOf(V4), { ...around, queue })(frame))).toEqual([
      'ours',
      'host',
      'ours',
    ]);
  });

  test('goes to the host while the tables are empty', () => {
    const nothing = { services: [], destinations: [], localAddresses: [V4.vip] };
    for (const flavour of FLAVOURS) expect(selectorOf(flavour, nothing)(encodeFrame({ packet }))).toBe('host');
  });
});

describe('selectorProgram', () => {
  test('wants a socket map for xdp, and for no other', () => {
    expect(() => selectorProgram({ flavour: SelectorFlavour.xdp, endpoints: 3, prefixes: 5 })).toThrow(
      'flavour xdp, and no other',
    );
    expect(() => selectorProgram({ flavour: SelectorFlavour.socket, endpoints: 3, prefixes: 5, xskMap: 4 })).toThrow(
      'flavour xdp, and no other',
    );
  });

  test('wants 6 bytes of MAC address', () => {
    expect(() => selectorProgram({ flavour: 'socket', endpoints: 3, prefixes: 5, mac: OWN_MAC.subarray(1) })).toThrow(
      'a MAC address has 6 bytes',
    );
  });

  test('stays below the 4096 instructions of old kernels, and can be listed', () => {
    const options = { flavour: SelectorFlavour.xdp, endpoints: 3, prefixes: 5, xskMap: 4, mac: OWN_MAC };
    expect(selectorProgram(options).length / 8).toBeLessThan(4096);
    expect(selectorListing(options)).toContain('fragmentOfTransport:');
  });
});
