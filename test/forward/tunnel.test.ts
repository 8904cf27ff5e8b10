/** Tunnels, end to end through a director: every kind around every family, whatever the packet. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChecksumState } from '../../src/base/terms.ts';
import { flowPort } from '../../src/forward/tunnel.ts';
import { SegmentKind } from '../../src/memory/burst.ts';
import { Flow, parseFlow } from '../../src/packet/flow.ts';
import * as gre from '../../src/packet/gre.ts';
import type { TunnelSettings } from '../../src/table/actions.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DirectorRig } from '../support/directorRig.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { frame } from '../support/frame.ts';
import { viewOf } from '../support/wireBytes.ts';

const KINDS: readonly (readonly [name: string, TunnelSettings, between: number])[] = [
  ['ipip', { type: 'ipip', port: 0, checksum: 'none' }, 0],
  ['gue', { type: 'gue', port: 5555, checksum: 'none' }, 12],
  ['gue csum', { type: 'gue', port: 5555, checksum: 'full' }, 12],
  ['gue remcsum', { type: 'gue', port: 5555, checksum: 'remote' }, 12],
  ['gre', { type: 'gre', port: 0, checksum: 'none' }, 4],
  ['gre csum', { type: 'gre', port: 0, checksum: 'full' }, 8],
];
const PAIRS = [
  ['IPv4 in IPv4', '192.168.100.1', '10.1.2.5', '10.0.1.2'],
  ['IPv4 in IPv6', '192.168.100.1', '10.1.2.5', '2001:db8:1::2'],
  ['IPv6 in IPv4', '2001:db8:100::1', '2001:db8:31::5', '10.0.1.2'],
  ['IPv6 in IPv6', '2001:db8:100::1', '2001:db8:31::5', '2001:db8:1::2'],
] as const;
const ALL = KINDS.flatMap(([name, tunnel, between]) =>
  PAIRS.map(([pair, vip, client, server]) => ({ name: `${name}: ${pair}`, tunnel, between, vip, client, server })),
);

interface Case {
  readonly tunnel: TunnelSettings;
  readonly between: number;
  readonly vip: string;
  readonly client: string;
  readonly server: string;
}

function rigOf({ tunnel, vip, server }: Case, offloads = false): DirectorRig {
  const rig = new DirectorRig({ offloads });
  for (const protocol of ['tcp', 'udp'] as const) {
    rig.service(protocol, vip, 80, [{ address: server, port: 80, method: 'tunnel', tunnel }]);
  }
  return rig;
}

function packetFrom({ client, vip }: Case, options: { tos?: number; dontFragment?: boolean; id?: number } = {}) {
  const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
  const { tos = 0, dontFragment = true, id = 1 } = options;
  return vip.includes(':')
    ? link.ipv6({ source: client, target: vip, trafficClass: tos, hopLimit: 60 })
    : link.ipv4({ source: client, target: vip, tos, ttl: 60, dontFragment, id });
}

function flowOf(bytes: Uint8Array): Flow {
  const flow = new Flow();
  expect(parseFlow(viewOf(bytes), 0, bytes.length, flow)).toBe(0);
  return flow;
}

/** Outer headers are right, and what is inside is the packet that was sent, one hop older. */
function checkOuter(out: Uint8Array, sent: Uint8Array, { tunnel, between, server }: Case): void {
  const [outer, inner] = [flowOf(out), flowOf(sent)];
  const v6 = inner.family === 6;
  expect(outer.hopLimit).toBe(inner.hopLimit - 1);
  expect(outer.end - outer.l4 - between).toBe(inner.end - inner.l3);
  const ecn = inner.trafficClass & 3;
  expect(outer.trafficClass).toBe((inner.trafficClass & ~3) | (ecn === 3 ? 2 : ecn));
  if (outer.family === 4) expect(outer.dontFragment === 1).toBe(!v6 && inner.dontFragment === 1);
  if (outer.family === 4 && outer.dontFragment === 1) expect(outer.fragmentId).toBe(0);
  const v = viewOf(out);
  const at = outer.l4 + between;
  const expected = sent.slice(14, inner.end);
  expect(out.slice(at + (v6 ? 8 : 12), outer.end)).toEqual(expected.slice(v6 ? 8 : 12));
  expect(out[at + (v6 ? 7 : 8)]).toBe(inner.hopLimit - 1);
  expectFrame(out).hasTarget(server);
  switch (tunnel.type) {
    case 'ipip':
      expectFrame(out).inner().checksumsAreRight();
      break;
    case 'gue':
      expect([outer.protocol, outer.targetPort, v.getUint32(outer.l4 + 8)]).toEqual([17, 5555, (v6 ? 41 : 4) << 16]);
      expect(outer.sourcePort).toBeGreaterThanOrEqual(32_768);
      expect(outer.sourcePort).toBeLessThan(60_999);
      if (tunnel.checksum === 'none') expectFrame(out).hasNoUdpChecksum();
      else expectFrame(out).checksumsAreRight();
      break;
    case 'gre':
      expect([outer.protocol, v.getUint16(outer.l4 + 2)]).toEqual([47, v6 ? 0x86dd : 0x0800]);
      expect(gre.headerBytes(v, outer.l4)).toBe(between);
      expect(gre.verify(v, outer.l4, outer.end - outer.l4)).toBe(true);
  }
}

const packets = fc.record({
  payload: fc.uint8Array({ maxLength: 300 }),
  tos: fc.nat(255),
  dontFragment: fc.boolean(),
  port: fc.integer({ min: 1024, max: 65_535 }),
  udp: fc.boolean(),
});

describe.each(ALL)('$name', (each) => {
  test('any packet arrives inside as it was, behind right headers', () => {
    const rig = rigOf(each);
    fc.assert(
      fc.property(packets, ({ payload, port, udp, ...ip }) => {
        const link = packetFrom(each, ip);
        const sent = (udp ? link.udp({ source: port, target: 80 }) : link.tcp({ source: port, target: 80, flags: 'SYN' }))
          .payload(payload)
          .build();
        const [out] = rig.send('client', sent);
        checkOuter(out!.frame, sent, each);
      }),
      { numRuns: 15 },
    );
  });

  test('the longest packet that fits leaves whole, one byte more is refused with that MTU', () => {
    const rig = rigOf(each);
    const room = 1500 - (each.server.includes(':') ? 40 : 20) - each.between;
    const headers = each.vip.includes(':') ? 60 : 40;
    rig.send('client', packetFrom(each).tcp({ source: 4000, target: 80, flags: 'SYN' }).build());
    const fits = packetFrom(each)
      .tcp({ source: 4000, target: 80, flags: 'ACK' })
      .payload(room - headers);
    expect(rig.send('client', fits.build()).map(({ frame: bytes }) => bytes.length)).toEqual([1514]);
    const longer = packetFrom(each)
      .tcp({ source: 4000, target: 80, flags: 'ACK' })
      .payload(room - headers + 1);
    const [answer] = rig.send('client', longer.build());
    expectFrame(answer!.frame).hasSource(each.vip).hasMtu(room).checksumsAreRight();
  });

  test('a super-frame leaves as segments, each in a tunnel packet of its own', () => {
    const rig = rigOf(each, true);
    rig.send('client', packetFrom(each).tcp({ source: 4000, target: 80, flags: 'SYN' }).build());
    const content = Uint8Array.from({ length: 2500 }, (_, i) => i);
    const big = packetFrom(each).tcp({ source: 4000, target: 80, seq: 1000, flags: 'ACK' }).partialChecksum();
    const offload = {
      checksum: ChecksumState.partial,
      segmentKind: each.vip.includes(':') ? SegmentKind.tcpv6 : SegmentKind.tcpv4,
    };
    const sent = big.payload(content).build();
    rig.ports.client.inject(sent, { ...offload, checksumStart: flowOf(sent).l4, checksumOffset: 16, segmentBytes: 1000 });
    rig.breath.breathe();
    const out = rig.collect().map(({ frame: bytes }) => bytes);
    expect(out).toHaveLength(3);
    for (const [k, bytes] of out.entries()) {
      const part = content.slice(k * 1000, (k + 1) * 1000);
      const alone = packetFrom(each, { id: 1 + k })
        .tcp({ source: 4000, target: 80, seq: 1000 + k * 1000, flags: 'ACK' })
        .payload(part);
      checkOuter(bytes, alone.build(), each);
    }
  });
});

test('one flow keeps its port, and flows are spread over all of them', () => {
  const ports = Array.from({ length: 2000 }, (_, i) => {
    const flow = Object.assign(new Flow(), {
      family: 4,
      protocol: 6,
      source3: 0x0a01_0000 + i,
      target3: 1,
      sourcePort: 4000,
      targetPort: 80,
    });
    expect(flowPort(flow)).toBe(flowPort(flow));
    return flowPort(flow);
  });
  expect(new Set(ports).size).toBeGreaterThan(1800);
  for (const port of ports) expect(port >= 32_768 && port < 60_999).toBe(true);
});
