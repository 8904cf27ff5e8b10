/**
 * ICMP errors about our own tunnel packets. The kernel (6.1) was asked what it makes of each; where we differ, the name of the test says so.
 */
import { describe, expect, test } from 'vitest';
import type { TunnelSettings } from '../../src/table/actions.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig } from '../support/directorRig.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { frame } from '../support/frame.ts';

const KINDS: readonly { name: string; tunnel: TunnelSettings; between: number }[] = [
  { name: 'ipip', tunnel: { type: 'ipip', port: 0, checksum: 'none' }, between: 0 },
  { name: 'gre with checksum', tunnel: { type: 'gre', port: 0, checksum: 'full' }, between: 8 },
  { name: 'gue', tunnel: { type: 'gue', port: 6080, checksum: 'none' }, between: 12 },
];
const V4 = { vip: '192.168.100.1', client: '10.1.2.5', server: '10.0.1.2', own: '10.0.1.254', router: '10.0.1.9', outer: 20 };
const V6 = {
  vip: '2001:db8:100::1',
  client: '2001:db8:31::5',
  server: '2001:db8:1::2',
  own: '2001:db8:1::fe',
  router: '2001:db8:1::9',
  outer: 40,
};
type Ends = typeof V4;

function rigWith(tunnel: TunnelSettings, ends: Ends = V4): DirectorRig {
  const rig = new DirectorRig();
  rig.service('tcp', ends.vip, 80, [{ address: ends.server, port: 80, method: 'tunnel', tunnel }]);
  rig.send('client', segment(0, true, ends, 'SYN'));
  return rig;
}

/** A packet of the client with so much payload. */
function segment(payload: number, dontFragment = true, ends: Ends = V4, flags = 'ACK', ttl = 60): Uint8Array {
  const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
  const addresses = { source: ends.client, target: ends.vip };
  const ip = ends.client.includes(':')
    ? link.ipv6({ ...addresses, hopLimit: ttl })
    : link.ipv4({ ...addresses, dontFragment, ttl });
  return ip.tcp({ source: 4000, target: 80, flags }).payload(payload).build();
}

/** An error from a router about the IP packet of this frame, of which it quotes so many bytes. */
function error(about: Uint8Array, [type, code]: readonly [number, number], rest = 0, bytes = 548, ends: Ends = V4): Uint8Array {
  const link = frame().ethernet({ source: '02:00:00:00:01:02', target: DIRECTOR_SERVER_MAC });
  const addresses = { source: ends.router, target: ends.own };
  const ip = about[14]! >> 4 === 6 ? link.ipv6(addresses) : link.ipv4(addresses);
  return ip
    .icmp({ type, code, rest })
    .payload(about.slice(14, 14 + bytes))
    .build();
}

/** What the client gets when a router says this about a packet of 1400 bytes. */
function told(
  rig: DirectorRig,
  message: readonly [number, number],
  rest = 0,
  bytes = 548,
  ends: Ends = V4,
): Uint8Array | undefined {
  const headers = ends.outer + 20;
  const [sent] = rig.send('client', segment(1400 - headers, true, ends));
  const out = rig.send('server', error(sent!.frame, message, rest, bytes, ends));
  expect(out.length).toBeLessThan(2);
  return out[0]?.side === 'client' ? out[0].frame : undefined;
}

describe.each(KINDS)('about a packet in $name', ({ tunnel, between }) => {
  const overhead = V4.outer + between;

  test.each([
    ['time exceeded', [11, 0]],
    ['host unreachable', [3, 1]],
    ['port unreachable', [3, 3]],
    ['source quench', [4, 0]],
  ] as const)('%s goes to the client, from the virtual address, about its own packet', (_name, [type, code]) => {
    const rig = rigWith(tunnel);
    const answer = told(rig, [type, code])!;
    expectFrame(answer)
      .isForMac(CLIENT_MAC)
      .hasSource(V4.vip)
      .hasTarget(V4.client)
      .isIcmp(type, code)
      .hasTtl(64)
      .hasIpBytes(28 + 548 - overhead)
      .checksumsAreRight();
    expectFrame(answer).quoted().hasSource(V4.client).hasTarget(V4.vip).hasPorts(4000, 80).hasTtl(59);
    expect(rig.counters()).toMatchObject({ icmpAboutTunnel: 1, icmpSent: 1 });
  });

  test('it is counted as what was unpacked and as what was sent, as the kernel does', () => {
    const rig = rigWith(tunnel);
    told(rig, [3, 1], 0, 100);
    const { traffic } = rig.director.state.tables;
    expect(traffic.total()).toMatchObject({ outPackets: 2, outBytes: 100 - overhead + 28 + 100 - overhead });
  });

  test('the ports must be quoted, and no more', () => {
    expect(told(rigWith(tunnel), [3, 1], 0, overhead + 20)).toBeUndefined();
    expect(told(rigWith(tunnel), [3, 1], 0, overhead + 23)).toBeUndefined();
    expectFrame(told(rigWith(tunnel), [3, 1], 0, overhead + 24)!)
      .isIcmp(3, 1)
      .hasIpBytes(28 + 24);
  });

  test('"fragmentation needed" holds from then on, and the client is told what fits inside', () => {
    const rig = rigWith(tunnel);
    // The kernel names its old MTU in this first answer, and the right one only when the client tries again.
    expectFrame(told(rig, [3, 4], 1300)!)
      .isIcmp(3, 4)
      .hasMtu(1300 - overhead)
      .hasSource(V4.vip)
      .checksumsAreRight();
    const payload = 1300 - overhead - 40;
    expect(rig.send('client', segment(payload)).map(({ frame: bytes }) => bytes.length - 14)).toEqual([1300]);
    expectFrame(rig.send('client', segment(payload + 1))[0]!.frame)
      .isIcmp(3, 4)
      .hasMtu(1300 - overhead);
    const cut = rig.send('client', segment(1360, false)).map(({ frame: bytes }) => bytes.length - 14);
    expect(cut[0]).toBe(1300);
    expect(cut).toHaveLength(2);
  });

  test('a larger MTU than is known changes nothing, one below 552 counts as 552', () => {
    const rig = rigWith(tunnel);
    const [sent] = rig.send('client', segment(1360));
    const answers = [1300, 1400, 400, 0].map((mtu) => rig.send('server', error(sent!.frame, [3, 4], mtu))[0]!.frame);
    for (const [i, mtu] of [1300, 1300, 552, 552].entries()) expectFrame(answers[i]!).hasMtu(mtu - overhead);
  });

  test('it is forgotten after ten minutes', () => {
    const rig = rigWith(tunnel);
    told(rig, [3, 4], 1300);
    const wait = (ms: number) => {
      rig.clock.advance(ms);
      rig.breath.breathe();
      rig.send('client', segment(0, true, V4, 'SYN'));
      return rig.send('client', segment(1360))[0]!.side;
    };
    expect(wait(599_000)).toBe('client');
    expect(wait(1_000)).toBe('server');
  });

  test('a client that lets its packets be cut is not told, but the MTU is learned', () => {
    const rig = rigWith(tunnel);
    const [sent] = rig.send('client', segment(1000, false));
    expect(rig.send('server', error(sent!.frame, [3, 4], 1000))).toEqual([]);
    expectFrame(rig.send('client', segment(1000))[0]!.frame).hasMtu(1000 - overhead);
  });

  test('one with a wrong checksum is dropped, one about another real server is the host’s', () => {
    const rig = rigWith(tunnel);
    const [sent] = rig.send('client', segment(1000));
    const damaged = error(sent!.frame, [3, 1]);
    damaged[damaged.length - 1]! ^= 1;
    expect(rig.send('server', damaged)).toEqual([]);
    expect(rig.counters()).toMatchObject({ icmpBadChecksum: 1 });
    expect(rig.send('server', quoting(sent!.frame)).map(({ side }) => side)).toEqual(['host']);
  });
});

/** An error whose quote goes to real server .3. */
function quoting(sent: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(sent);
  bytes.set([10, 0, 1, 3], 14 + 16);
  return error(bytes, [3, 1]);
}

describe('tunnels over IPv6, about which the kernel tells nobody', () => {
  test.each(KINDS)('$name: "packet too big" is learned and the client told', ({ tunnel, between }) => {
    const rig = rigWith(tunnel, V6);
    const answer = told(rig, [2, 0], 1340, 1200, V6)!;
    const left = Math.max(1280, 1340 - 40 - between);
    expectFrame(answer).isForMac(CLIENT_MAC).hasSource(V6.vip).isIcmp(2, 0).hasMtu(left).checksumsAreRight();
    expect(rig.director.state.tables.destinations.nextHopMtu(0)).toBe(1340);
  });

  test('"time exceeded" goes to the client', () => {
    const answer = told(rigWith(KINDS[0]!.tunnel, V6), [3, 0], 0, 1200, V6)!;
    expectFrame(answer).hasSource(V6.vip).hasTarget(V6.client).isIcmp(3, 0).checksumsAreRight();
  });

  test('IPv4 in IPv6: the client is told in its own family', () => {
    const mixed = { ...V6, vip: V4.vip, client: V4.client };
    const rig = rigWith(KINDS[0]!.tunnel, mixed);
    expectFrame(told(rig, [2, 0], 1300, 1200, mixed)!)
      .hasSource(V4.vip)
      .isIcmp(3, 4)
      .hasMtu(1260)
      .checksumsAreRight();
    expectFrame(told(rigWith(KINDS[0]!.tunnel, mixed), [1, 0], 0, 1200, mixed)!)
      .isIcmp(3, 1)
      .checksumsAreRight();
  });
});
