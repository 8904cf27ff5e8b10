import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';
import {
  FLOW_FAULT_NAMES,
  Flow,
  FlowFault,
  FragmentKind,
  isIcmpError,
  parseFlow,
  parseIp,
  parseQuoted,
} from '../../src/packet/flow.ts';
import { TcpFlag } from '../../src/packet/tcp.ts';
import { fragmentFrame } from '../support/fragmentFrame.ts';
import { arpFrame, type FrameBuilder, frame } from '../support/frame.ts';
import { viewOf } from '../support/wireBytes.ts';

function parse(bytes: Uint8Array): { fault: string | undefined; flow: Flow } {
  const flow = new Flow();
  return { fault: FLOW_FAULT_NAMES[parseFlow(viewOf(bytes), 0, bytes.length, flow)], flow };
}

/** The frame without its last bytes. */
function cut(bytes: Uint8Array, count: number): Uint8Array {
  return bytes.slice(0, bytes.length - count);
}

const FAULTS: readonly (readonly [string, keyof typeof FlowFault, () => Uint8Array])[] = [
  ['ARP', 'notIp', () => arpFrame()],
  ['LLDP', 'notIp', () => frame().ethernet({ type: 0x88cc }).payload(60).build()],
  ['an IPv4 packet with a VLAN tag', 'notIp', () => frame().ethernet({ type: 0x8100 }).ipv4().tcp().build()],
  ['13 bytes', 'truncatedEthernet', () => new Uint8Array(13)],
  ['nothing', 'truncatedEthernet', () => new Uint8Array(0)],

  ['an Ethernet header alone', 'malformedIpv4', () => frame().ipv4().build().slice(0, 14)],
  ['19 bytes of an IPv4 header', 'malformedIpv4', () => frame().ipv4().build().slice(0, 33)],
  ['IPv4 of version 5', 'malformedIpv4', () => frame().ipv4({ version: 5 }).tcp().build()],
  ['an IPv4 header of 16 bytes', 'malformedIpv4', () => frame().ipv4({ headerWords: 4 }).tcp().build()],
  ['an IPv4 header longer than the packet', 'malformedIpv4', () => frame().ipv4({ totalBytes: 19 }).tcp().build()],
  ['an IPv4 header longer than the frame', 'malformedIpv4', () => frame().ipv4({ headerWords: 15 }).tcp().build()],
  ['an IPv4 packet longer than the frame', 'truncatedIp', () => cut(frame().ipv4().tcp().payload(10).build(), 1)],
  ['a wrong IPv4 header checksum', 'badIpv4Checksum', () => frame().ipv4({ checksum: 0x1234 }).tcp().build()],

  ['39 bytes of an IPv6 header', 'malformedIpv6', () => frame().ipv6().build().slice(0, 53)],
  ['IPv6 of version 4', 'malformedIpv6', () => frame().ipv6({ version: 4 }).tcp().build()],
  ['an IPv6 packet longer than the frame', 'truncatedIp', () => cut(frame().ipv6().tcp().payload(10).build(), 1)],
  ['an extension header cut short', 'malformedIpv6', () => frame().ipv6({ nextHeader: 60 }).payload(7).build()],
  [
    'an extension header longer than the packet',
    'malformedIpv6',
    () =>
      frame()
        .ipv6({ nextHeader: 60 })
        .payload(Uint8Array.of(6, 1, 0, 0, 0, 0, 0, 0))
        .build(),
  ],
  [
    'a hop-by-hop header that is not the first',
    'malformedIpv6',
    () => frame().ipv6().destinationOptions().hopByHop().tcp().build(),
  ],
  ['9 extension headers', 'tooManyExtensionHeaders', () => withOptions(9).tcp().build()],

  ['19 bytes of TCP', 'truncatedTransport', () => frame().ipv4({ protocol: Protocol.tcp }).payload(19).build()],
  ['TCP with a header of 16 bytes', 'truncatedTransport', () => frame().ipv4().tcp({ headerWords: 4 }).build()],
  ['TCP with a header longer than the packet', 'truncatedTransport', () => frame().ipv6().tcp({ headerWords: 6 }).build()],
  ['no TCP at all', 'truncatedTransport', () => frame().ipv6({ nextHeader: Protocol.tcp }).build()],
  ['7 bytes of UDP', 'truncatedTransport', () => frame().ipv4({ protocol: Protocol.udp }).payload(7).build()],
  ['UDP of length 7', 'truncatedTransport', () => frame().ipv4().udp({ length: 7 }).build()],
  ['UDP longer than the packet', 'truncatedTransport', () => frame().ipv6().udp({ length: 9 }).build()],
  ['7 bytes of ICMP', 'truncatedTransport', () => frame().ipv4({ protocol: Protocol.icmp }).payload(7).build()],
  ['7 bytes of ICMPv6', 'truncatedTransport', () => frame().ipv6({ nextHeader: Protocol.icmpv6 }).payload(7).build()],
  ['SCTP without a chunk', 'truncatedTransport', () => frame().ipv4({ protocol: Protocol.sctp }).payload(12).build()],
  [
    'an IPv4 fragment beyond 65535 bytes',
    'malformedFragment',
    () => frame().ipv4({ fragmentOffset: 65_528, protocol: 17 }).payload(8).build(),
  ],
  [
    'an IPv6 fragment beyond 65535 bytes',
    'malformedFragment',
    () => frame().ipv6().fragment({ offset: 65_528, nextHeader: 17 }).payload(8).build(),
  ],
  [
    'an IPv6 fragment of 12 bytes that is not the last',
    'malformedFragment',
    () => frame().ipv6().fragment({ more: true }).udp({ length: 100 }).payload(4).build(),
  ],
  ['an empty fragment', 'malformedFragment', () => frame().ipv4({ fragmentOffset: 8, protocol: 17 }).build()],
  [
    'a fragment header in a fragment',
    'malformedFragment',
    () => frame().ipv6().fragment({ more: true }).fragment().udp().build(),
  ],
];

function withOptions(count: number): FrameBuilder {
  let builder = frame().ipv6();
  for (let i = 0; i < count; i++) builder = builder.destinationOptions();
  return builder;
}

describe('parseFlow finds', () => {
  test.each(FAULTS)('%s: %s', (_name, fault, build) => {
    expect(parse(build()).fault).toBe(fault);
  });
});

test('every fault has a row above', () => {
  expect(new Set(FAULTS.map(([, fault]) => fault))).toEqual(new Set(FLOW_FAULT_NAMES.filter((name) => name !== 'none')));
});

test('the names of faults are in the order of their numbers', () => {
  expect(Object.values(FlowFault)).toEqual(FLOW_FAULT_NAMES.map((_, i) => i));
});

describe('parseFlow fills', () => {
  test('a TCP segment over IPv4 with options, at any place of the arena', () => {
    const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0);
    const bytes = frame()
      .ipv4({ source: '10.1.2.5', target: '192.168.100.1', ttl: 57, tos: 0xb8, id: 0x1111, options })
      .tcp({ source: 20_001, target: 80, flags: 'SYN ACK' })
      .payload(5)
      .build();
    const arena = new Uint8Array(4096);
    arena.set(bytes, 1001);
    const flow = new Flow();
    expect(parseFlow(viewOf(arena), 1001, bytes.length, flow)).toBe(FlowFault.none);
    expect(flow).toEqual(
      flowWith({
        family: Family.v4,
        l3: 1015,
        l4: 1043,
        end: 1068,
        protocol: Protocol.tcp,
        source3: address('10.1.2.5').words[3],
        target3: address('192.168.100.1').words[3],
        sourcePort: 20_001,
        targetPort: 80,
        fragmentId: 0x1111,
        tcpFlags: TcpFlag.syn | TcpFlag.ack,
        hopLimit: 57,
        trafficClass: 0xb8,
        dontFragment: 1,
      }),
    );
  });

  test('a UDP datagram over IPv6 behind eight extension headers and in front of padding', () => {
    let builder = frame().ipv6({ source: '2001:db8::ffff:fffe', target: '2001:db8:9::1', hopLimit: 3, trafficClass: 0x2e });
    builder = builder.hopByHop().routing(0);
    for (let i = 0; i < 6; i++) builder = builder.destinationOptions();
    const { fault, flow } = parse(builder.udp({ source: 5, target: 65_535 }).payload(1).padTo(200).build());
    expect(fault).toBe('none');
    const [source0, source1, source2, source3] = address('2001:db8::ffff:fffe').words;
    const [target0, target1, target2, target3] = address('2001:db8:9::1').words;
    expect(flow).toEqual(
      flowWith({
        ...{ family: Family.v6, l3: 14, l4: 14 + 40 + 64, end: 14 + 40 + 64 + 9, protocol: Protocol.udp },
        ...{ source0, source1, source2, source3, target0, target1, target2, target3 },
        ...{ sourcePort: 5, targetPort: 65_535, hopLimit: 3, trafficClass: 0x2e, dontFragment: 1 },
      }),
    );
  });

  test('nothing that an earlier frame left behind', () => {
    const flow = new Flow();
    const frames = [
      frame().ipv6().tcp({ flags: 'RST' }).build(),
      frame().ipv4().icmp({ type: 3, code: 4 }).payload(28).build(),
      frame().ipv6().fragment({ offset: 8 }).payload(8).build(),
      frame().ipv4({ fragmentOffset: 8, protocol: 6 }).payload(8).build(),
      frame().ipv4({ protocol: 89 }).payload(8).build(),
    ];
    for (const bytes of [...frames, ...frames.toReversed()]) {
      parseFlow(viewOf(bytes), 0, bytes.length, flow);
      expect(flow).toEqual(parse(bytes).flow);
    }
  });

  test.each([
    ['IPv4', () => frame().ipv4({ id: 77 }).udp().payload(40).build(), 77, 48],
    ['IPv6', () => frame().ipv6().udp().payload(40).build(), 0x1234_5678, 72],
  ] as const)('the fragments of one %s datagram', (_name, build, id, mtu) => {
    const flows = fragmentFrame(build(), mtu).map((bytes) => parse(bytes));
    expect(flows.map(({ fault }) => fault)).toEqual(['none', 'none']);
    const [first, last] = flows.map(({ flow }) => flow);
    expect(first).toMatchObject({
      fragment: FragmentKind.first,
      fragmentOffset: 0,
      moreFragments: 1,
      sourcePort: 40_000,
      targetPort: 53,
    });
    expect(last).toMatchObject({
      fragment: FragmentKind.later,
      fragmentOffset: 24,
      moreFragments: 0,
      sourcePort: 0,
      targetPort: 0,
    });
    for (const flow of [first!, last!]) expect(flow).toMatchObject({ fragmentId: id, protocol: Protocol.udp });
    expect(first!.end - first!.l4).toBe(24);
    expect(last!.end - last!.l4).toBe(24);
  });

  test('a whole packet with a fragment header as no fragment (RFC 6946)', () => {
    const { fault, flow } = parse(frame().ipv6().fragment().tcp().build());
    expect(fault).toBe('none');
    expect(flow).toMatchObject({ fragment: FragmentKind.none, protocol: Protocol.tcp, targetPort: 80 });
  });

  test('a routing header with stations left as a protocol that is not ours', () => {
    const { fault, flow } = parse(frame().ipv6().routing(1).tcp().build());
    expect(fault).toBe('none');
    expect(flow).toMatchObject({ protocol: 43, sourcePort: 0, targetPort: 0 });
  });

  test('the ports of SCTP, the type and code of ICMP, and neither for other protocols', () => {
    expect(parse(frame().ipv4().sctp({ source: 7, target: 9 }).build()).flow).toMatchObject({ sourcePort: 7, targetPort: 9 });
    expect(parse(frame().ipv4().icmp({ type: 3, code: 4 }).build()).flow).toMatchObject({
      icmpType: 3,
      icmpCode: 4,
      sourcePort: 0,
    });
    expect(parse(frame().ipv6().icmp({ type: 2 }).build()).flow).toMatchObject({ icmpType: 2, icmpCode: 0, sourcePort: 0 });
    const icmpOverIpv6 = frame().ipv6({ nextHeader: Protocol.icmp }).payload(Uint8Array.of(3, 4)).build();
    expect(parse(icmpOverIpv6)).toMatchObject({ fault: 'none', flow: { icmpType: 0, icmpCode: 0 } });
    expect(parse(frame().ipv4({ protocol: 89 }).payload(1).build())).toMatchObject({ fault: 'none', flow: { sourcePort: 0 } });
  });
});

test('parseIp describes a packet without a link header by its version', () => {
  for (const packet of [frame().ipv4().tcp().packet(), frame().ipv6().tcp().packet()]) {
    const flow = new Flow();
    expect(parseIp(viewOf(packet), 0, packet.length, flow)).toBe(FlowFault.none);
    expect(flow).toMatchObject({ l3: 0, end: packet.length, targetPort: 80 });
  }
  expect(parseIp(viewOf(new Uint8Array(40)), 0, 40, new Flow())).toBe(FlowFault.notIp);
  expect(parseIp(viewOf(new Uint8Array(0)), 0, 0, new Flow())).toBe(FlowFault.notIp);
});

describe('isIcmpError', () => {
  test.each([
    ['IPv4', [3, 4, 11], () => frame().ipv4()],
    ['IPv6', Array.from({ length: 127 }, (_, i) => i + 1), () => frame().ipv6()],
  ] as const)('of %s is true for just the types that concern connections', (_name, errors, begin) => {
    for (let type = 0; type < 256; type++) {
      expect(isIcmpError(parse(begin().icmp({ type }).build()).flow)).toBe((errors as readonly number[]).includes(type));
    }
  });

  test('is false for what is no ICMP', () => {
    expect(isIcmpError(parse(frame().ipv4().tcp().build()).flow)).toBe(false);
    expect(isIcmpError(parse(frame().ipv6().tcp().build()).flow)).toBe(false);
  });
});

function quoted(quote: Uint8Array): { fault: string | undefined; flow: Flow } {
  const flow = new Flow();
  return { fault: FLOW_FAULT_NAMES[parseQuoted(viewOf(quote), 0, quote.length, flow)], flow };
}

describe('parseQuoted', () => {
  test('wants the IP header and the ports, and no truth of lengths and checksums', () => {
    const v4 = frame().ipv4({ totalBytes: 1500, checksum: 1 }).tcp({ source: 80, target: 40_000, flags: 'SYN' }).packet();
    expect(quoted(v4.slice(0, 28))).toMatchObject({
      fault: 'none',
      flow: { sourcePort: 80, targetPort: 40_000, tcpFlags: 0, end: 28 },
    });
    expect(quoted(v4)).toMatchObject({ fault: 'none', flow: { tcpFlags: TcpFlag.syn } });
    expect(quoted(v4.slice(0, 24))).toMatchObject({ fault: 'none', flow: { sourcePort: 80, targetPort: 40_000 } });
    expect(quoted(v4.slice(0, 23)).fault).toBe('truncatedTransport');
    const v6 = frame().ipv6({ payloadBytes: 9000 }).destinationOptions().udp({ source: 53, target: 5, length: 9000 }).packet();
    expect(quoted(v6)).toMatchObject({ fault: 'none', flow: { sourcePort: 53, targetPort: 5, l4: 48 } });
    expect(quoted(v6.slice(0, 51)).fault).toBe('truncatedTransport');
  });

  test('takes a first fragment and no later one', () => {
    expect(quoted(frame().ipv4({ moreFragments: true }).udp({ length: 99 }).packet()).fault).toBe('none');
    expect(quoted(frame().ipv6().fragment({ more: true }).udp({ length: 99 }).packet()).fault).toBe('none');
    expect(quoted(frame().ipv4({ fragmentOffset: 8, protocol: 17 }).payload(8).packet()).fault).toBe('malformedFragment');
    expect(quoted(frame().ipv6().fragment({ offset: 8, nextHeader: 17 }).payload(8).packet()).fault).toBe('malformedFragment');
  });

  test('finds what is no IP header', () => {
    expect(quoted(new Uint8Array(0)).fault).toBe('notIp');
    expect(quoted(new Uint8Array(28)).fault).toBe('notIp');
    expect(quoted(frame().ipv4({ headerWords: 4 }).tcp().packet()).fault).toBe('malformedIpv4');
    expect(quoted(frame().ipv4().tcp().packet().slice(0, 19)).fault).toBe('malformedIpv4');
    expect(quoted(frame().ipv6().tcp().packet().slice(0, 39)).fault).toBe('malformedIpv6');
  });

  test('reads the type of a quoted echo', () => {
    expect(quoted(frame().ipv4().icmp({ type: 8 }).packet()).flow).toMatchObject({ icmpType: 8, sourcePort: 0 });
  });
});

function flowWith(fields: Partial<Flow>): Flow {
  return Object.assign(new Flow(), fields);
}
