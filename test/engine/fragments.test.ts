/** Fragments are put together, decided about once, and sent again; beside the recordings, whatever the cut and the order. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Reassembly } from '../../src/lab/reassembly.ts';
import { Flow, FragmentKind, parseFlow } from '../../src/packet/flow.ts';
import type { TunnelSettings } from '../../src/table/actions.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig } from '../support/directorRig.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { cutFrame, fragmentFrame } from '../support/fragmentFrame.ts';
import { frame } from '../support/frame.ts';
import { viewOf } from '../support/wireBytes.ts';

const IPIP: TunnelSettings = { type: 'ipip', port: 0, checksum: 'none' };
const GUE: TunnelSettings = { type: 'gue', port: 6080, checksum: 'full' };
const GRE: TunnelSettings = { type: 'gre', port: 0, checksum: 'full' };
const V4 = { vip: '192.168.100.1', client: '10.1.2.5', server: '10.0.1.2' };
const V6 = { vip: '2001:db8:100::1', client: '2001:db8:31::5', server: '2001:db8:1::2' };
const MTU = 1500;

type Method = 'route' | 'masq' | 'tunnel';

function rigWith(method: Method, ends = V4, tunnel?: TunnelSettings, serverMtu = MTU): DirectorRig {
  const rig = new DirectorRig({ serverMtu });
  const server = { address: ends.server, port: method === 'masq' ? 5353 : 53, method, ...(tunnel && { tunnel }) };
  rig.service('udp', ends.vip, 53, [server]);
  return rig;
}

function datagram(bytes: number, ends = V4, port = 53, fields: { ttl?: number; tos?: number } = {}): Uint8Array {
  const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
  const addresses = { source: ends.client, target: ends.vip };
  const ip = ends === V4 ? link.ipv4({ ...addresses, dontFragment: false, ...fields }) : link.ipv6(addresses);
  return ip
    .udp({ source: 4000, target: port })
    .payload(Uint8Array.from({ length: bytes }, (_, i) => i))
    .build();
}

function flowOf(bytes: Uint8Array): Flow {
  const flow = new Flow();
  parseFlow(viewOf(bytes), 0, bytes.length, flow);
  return flow;
}

/** Payload of the IP packet that these frames are, whole or in pieces. */
function joined(frames: readonly Uint8Array[]): Uint8Array | undefined {
  const reassembly = new Reassembly();
  for (const bytes of frames) {
    const flow = flowOf(bytes);
    if (flow.fragmentAt === 0 && flow.fragment === FragmentKind.none) return bytes.slice(flow.l4, flow.end);
    const whole = reassembly.add(viewOf(bytes), flow);
    if (whole !== undefined) return whole;
  }
  return undefined;
}

/** Piece sizes, which fit an IPv6 tunnel of MTU 1500, and the order in which the pieces come, some of them twice. */
const cuts = fc
  .array(
    fc.integer({ min: 1, max: 170 }).map((n) => n * 8),
    { minLength: 2, maxLength: 6 },
  )
  .chain((sizes) =>
    fc.record({ sizes: fc.constant(sizes), order: orderOf(sizes.length), last: fc.integer({ min: 1, max: 1400 }) }),
  );

function orderOf(count: number): fc.Arbitrary<number[]> {
  const all = Array.from({ length: count }, (_, i) => i);
  const shuffled = fc.shuffledSubarray(all, { minLength: count });
  // A repetition in front of the last one: behind it, it would begin the datagram anew.
  return fc.tuple(shuffled, fc.nat(count - 1)).map(([order, again]) => [...order.slice(0, again), ...order]);
}

const WAYS = [
  ['route', V4, 'route', undefined],
  ['masq', V4, 'masq', undefined],
  ['IP in IP', V4, 'tunnel', IPIP],
  ['GUE', V4, 'tunnel', GUE],
  ['GRE', V4, 'tunnel', GRE],
  ['route over IPv6', V6, 'route', undefined],
  ['masq over IPv6', V6, 'masq', undefined],
  ['IPv6 in IPv6', V6, 'tunnel', IPIP],
  ['IPv4 in IPv6', { ...V4, server: V6.server }, 'tunnel', IPIP],
] as const;

describe.each(WAYS)('%s: however a datagram is cut', (_name, ends, method, tunnel) => {
  test('its real server gets it whole, in pieces that fit, with right checksums', () => {
    const isV4 = ends.client === V4.client;
    const rig = rigWith(method, ends, tunnel);
    fc.assert(
      fc.property(cuts, ({ sizes, order, last }) => {
        const total = sizes.slice(0, -1).reduce((sum, n) => sum + n, 0) + last;
        const whole = datagram(Math.max(0, total - 8), isV4 ? V4 : V6);
        const pieces = cutFrame(whole, sizes);
        const out = rig.send('client', ...order.map((k) => pieces[k]!)).map(({ frame: bytes }) => bytes);
        expect(out.every((bytes) => bytes.length <= MTU + 14)).toBe(true);
        const payload = joined(out);
        expect(payload).toBeDefined();
        checkPayload(payload!, whole, method, out[0]!, isV4);
        expect(rig.director.state.fragments.count).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

/** What arrived is what was sent, but for what the method changes. */
function checkPayload(payload: Uint8Array, whole: Uint8Array, method: Method, first: Uint8Array, isV4: boolean): void {
  const sent = flowOf(whole);
  const transport = whole.slice(sent.l4, sent.end);
  if (method === 'tunnel') {
    // Behind GUE or GRE; its hop limit is one less, which is the only change.
    const inner = payload.slice(payload.length - (sent.end - sent.l3));
    expect(inner[isV4 ? 8 : 7]).toBe(sent.hopLimit - 1);
    expect(inner.slice(isV4 ? 12 : 8)).toEqual(whole.slice(sent.l3 + (isV4 ? 12 : 8), sent.end));
    return;
  }
  expect(payload.slice(8)).toEqual(transport.slice(8));
  const arrived = flowOf(first);
  const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
  const ends = method === 'masq' ? (isV4 ? V4.server : V6.server) : isV4 ? V4.vip : V6.vip;
  const client = isV4 ? V4.client : V6.client;
  const ip = isV4 ? link.ipv4({ source: client, target: ends }) : link.ipv6({ source: client, target: ends });
  const expected = ip
    .udp({ source: 4000, target: method === 'masq' ? 5353 : 53 })
    .payload(transport.slice(8))
    .build();
  expect(payload).toEqual(expected.slice(flowOf(expected).l4));
  expect(arrived.hopLimit).toBe(sent.hopLimit - 1);
}

describe('the pieces that leave', () => {
  /** As the kernel was seen to send them (6.1). */
  const CASES = [
    // method, tunnel, payload sizes in, IP packet sizes out
    ['route', undefined, [480, 1480, 296], [500, 1500, 316]],
    ['masq', undefined, [1480, 480, 296], [1500, 500, 316]],
    ['tunnel', IPIP, [480, 1480, 296], [1500, 816]],
    ['tunnel', { ...GRE, checksum: 'none' }, [480, 1480, 296], [524, 1500, 316]],
    ['tunnel', GRE, [480, 1480, 296], [1500, 824]],
    ['tunnel', { ...GUE, checksum: 'none' }, [480, 1480, 296], [532, 1500, 316]],
    ['tunnel', IPIP, [800, 800], [820, 820, 40]],
  ] as const;
  test.each(CASES)('%s %o: IPv4 %o leaves as %o', (method, tunnel, sizes, out) => {
    const rig = rigWith(method, V4, tunnel);
    const pieces = cutFrame(datagram(sizes.reduce<number>((sum, n) => sum + n, 0) - 8), sizes);
    expect(rig.send('client', ...pieces).map(({ frame: bytes }) => bytes.length - 14)).toEqual(out);
  });

  const CASES_V6 = [
    ['route', undefined, [480, 1320, 296], [528, 1368, 344]],
    ['masq', undefined, [1320, 480, 296], [1368, 528, 344]],
    ['route', undefined, [800, 8], [848]],
    ['tunnel', IPIP, [480, 1320, 296], [568, 1368, 344]],
    ['tunnel', IPIP, [1320, 480, 296], [1368, 864]],
    ['tunnel', IPIP, [800, 8], [888, 56]],
    ['tunnel', { ...GRE, checksum: 'none' }, [800, 8], [900]],
    ['tunnel', GRE, [1320, 8], [1368, 104]],
    ['tunnel', { ...GUE, checksum: 'none' }, [480, 1320, 296], [1368, 876]],
  ] as const;
  test.each(CASES_V6)('%s %o: IPv6 %o leaves as %o', (method, tunnel, sizes, out) => {
    const rig = rigWith(method, V6, tunnel);
    const pieces = cutFrame(datagram(sizes.reduce<number>((sum, n) => sum + n, 0) - 8, V6), sizes);
    expect(rig.send('client', ...pieces).map(({ frame: bytes }) => bytes.length - 14)).toEqual(out);
  });

  test('a whole packet with a fragment header loses it', () => {
    const rig = rigWith('route', V6);
    const [out] = rig.send('client', cutFrame(datagram(100, V6), [1])[0]!);
    expect(flowOf(out!.frame)).toMatchObject({ fragmentAt: 0, hopLimit: 63 });
    expectFrame(out!.frame).checksumsAreRight();
  });

  test('a reply is put together, translated, and cut again', () => {
    const rig = rigWith('masq');
    rig.send('client', datagram(10));
    const link = frame().ethernet({ source: '02:00:00:00:01:02', target: DIRECTOR_SERVER_MAC });
    const reply = link.ipv4({ source: V4.server, target: V4.client, dontFragment: false }).udp({ source: 5353, target: 4000 });
    const out = rig.send('server', ...fragmentFrame(reply.payload(2500).build(), MTU)).map(({ frame: bytes }) => bytes);
    expect(out.map((bytes) => bytes.length - 14)).toEqual([1500, 1048]);
    for (const bytes of out) expectFrame(bytes).hasSource(V4.vip).isForMac(CLIENT_MAC);
    const expected = frame().ipv4({ source: V4.vip, target: V4.client }).udp({ source: 53, target: 4000 }).payload(2500).build();
    expect(joined(out)).toEqual(expected.slice(flowOf(expected).l4));
  });
});

test('pieces that overlap at random make the datagram that was sent, or none', () => {
  const whole = datagram(792);
  const sent = flowOf(whole);
  const ranges = fc.array(fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 12 });
  let made = 0;
  fc.assert(
    fc.property(ranges, fc.boolean(), (pieces, closes) => {
      const rig = MANY;
      const id = ++made & 0xffff;
      const all = closes ? [...pieces, [0, 50] as [number, number], [50, 50] as [number, number]] : pieces;
      const frames = all.map(([from, units]) => pieceOf(whole, id, from * 8, Math.min(units, 100 - from) * 8));
      const out = rig.send('client', ...frames).map(({ frame: bytes }) => bytes);
      if (out.length > 0) expect(joined(out)).toEqual(whole.slice(sent.l4, sent.end));
    }),
    { numRuns: 200 },
  );
});

/** One rig for many datagrams: those that stay incomplete push one another out. */
const MANY = rigWith('route');

/** A piece of an IPv4 frame, by place in its payload. */
function pieceOf(whole: Uint8Array, id: number, offset: number, bytes: number): Uint8Array {
  const { l4, end } = flowOf(whole);
  const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
  const moreFragments = offset + bytes < end - l4;
  return link
    .ipv4({ source: V4.client, target: V4.vip, id, fragmentOffset: offset, moreFragments, protocol: 17 })
    .payload(whole.slice(l4 + offset, l4 + offset + bytes))
    .build();
}

describe('what makes no datagram', () => {
  const [first, second] = cutFrame(datagram(1592), [800, 800]);

  test('an overlap drops the whole of it', () => {
    const rig = rigWith('route');
    const [, shifted] = cutFrame(datagram(1592), [792, 808]);
    expect(rig.send('client', first!, shifted!)).toEqual([]);
    expect(rig.counters()).toMatchObject({ fragmentConflict: 1 });
    expect(rig.send('client', second!)).toEqual([]);
    expect(rig.director.state.fragments.count).toBe(1);
  });

  test('a repetition is ignored', () => {
    const rig = rigWith('route');
    expect(rig.send('client', first!, first!, second!)).toHaveLength(2);
    expect(rig.counters()).toMatchObject({ fragmentDuplicate: 1, fragmentsJoined: 1 });
  });

  const ECN = [
    [3, 2, 3],
    [2, 3, 3],
    [2, 1, 2],
    [0, 0, 0],
    [0, 3, undefined],
    [2, 0, undefined],
  ] as const;
  test.each(ECN)('congestion marks %i and %i give %s', (a, b, out) => {
    const rig = rigWith('route');
    const [one] = cutFrame(datagram(1592, V4, 53, { tos: a }), [800, 800]);
    const [, two] = cutFrame(datagram(1592, V4, 53, { tos: b }), [800, 800]);
    const sent = rig.send('client', one!, two!);
    expect(sent.map(({ frame: bytes }) => flowOf(bytes).trafficClass)).toEqual(out === undefined ? [] : [out, out]);
  });

  test.each([
    ['IPv4', V4, 30, [11, 1]],
    ['IPv6', V6, 60, [3, 1]],
  ] as const)('%s: when the rest does not come in time, the sender is told', (_name, ends, seconds, [type, code]) => {
    const rig = rigWith('route', ends as typeof V4);
    const [only] = cutFrame(datagram(1592, ends as typeof V4), [800, 800]);
    rig.send('client', only!);
    rig.clock.advance(seconds * 1000 - 100);
    rig.breath.breathe();
    expect(rig.collect()).toEqual([]);
    rig.clock.advance(200);
    rig.breath.breathe();
    const [told] = rig.collect();
    expectFrame(told!.frame).hasSource(ends.vip).isForMac(CLIENT_MAC).isIcmp(type, code).checksumsAreRight();
    expect(rig.counters()).toMatchObject({ fragmentTimedOut: 1, icmpSent: 1 });
  });

  test('nobody is told about a datagram whose first piece is missing', () => {
    const rig = rigWith('route');
    rig.send('client', second!);
    rig.clock.advance(31_000);
    rig.breath.breathe();
    expect(rig.collect()).toEqual([]);
    expect(rig.counters()).toMatchObject({ fragmentTimedOut: 1 });
  });

  test('more datagrams than there is room for push out the oldest', () => {
    const rig = rigWith('route');
    const pieces = Array.from({ length: 300 }, (_, i) => cutFrame(datagram(1592, V6), [800, 800], i)[0]!);
    const v6 = rigWith('route', V6);
    for (const piece of pieces) expect(v6.send('client', piece)).toEqual([]);
    expect(v6.director.state.fragments.count).toBeLessThan(300);
    expect(v6.counters()['fragmentTableFull']).toBe(300 - v6.director.state.fragments.count);
    expect(v6.send('client', cutFrame(datagram(1592, V6), [800, 800], 299)[1]!)).toHaveLength(2);
    expect(rig.counters()).toEqual({});
  });
});

describe('of a datagram for the host', () => {
  test.each([
    ['IPv4', V4],
    ['IPv6', V6],
  ] as const)('%s: the pieces go to the host as they came, in their order', (_name, ends) => {
    const rig = rigWith('route', ends);
    const pieces = fragmentFrame(datagram(2500, ends, 99), 1000);
    const out = rig.send('client', ...[...pieces].reverse());
    expect(out.map(({ side }) => side)).toEqual(pieces.map(() => 'host'));
    expect(out.map(({ frame: bytes }) => bytes)).toEqual(pieces);
  });

  test('without services nothing waits', () => {
    const rig = new DirectorRig();
    expect(rig.send('client', cutFrame(datagram(1592), [800, 800])[0]!)[0]?.side).toBe('host');
  });
});
