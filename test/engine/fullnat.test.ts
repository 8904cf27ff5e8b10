/** Fullnat as a client, real servers and the host see it. */
import { describe, expect, test } from 'vitest';
import { ChecksumState, NONE } from '../../src/base/terms.ts';
import { snapshot } from '../../src/dataplane/snapshot.ts';
import { SegmentKind } from '../../src/memory/burst.ts';
import type { FullnatSettings } from '../../src/table/actions.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig, type RigOptions } from '../support/directorRig.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { type FrameBuilder, frame } from '../support/frame.ts';
import { bytesOf, hexOf } from '../support/wireBytes.ts';

const V4 = { client: '10.1.2.5', vip: '192.168.100.1', server: '10.0.1.2', local: '10.0.1.200', toa: 'fe089c400a010205' };
const V6 = {
  client: '2001:db8:9::5',
  vip: '2001:db8:100::1',
  server: '2001:db8:1::2',
  local: '2001:db8:1::200',
  toa: 'fe149c4020010db8000900000000000000000005',
};
type World = typeof V4;
const CLIENT_PORT = 40_000;
const RS_MAC = '02:00:00:00:01:02';
/** MSS 1460, SACK permitted, timestamps, NOP, window scale 7: as Linux has them. */
const LINUX_SYN = '020405b40402080a000000010000000001030307';
const TIMESTAMPS = '0101080a0000000100000002';
/** The checksum of a TCP segment over IPv4 without options is for the network card to finish. */
const PARTIAL = { checksum: ChecksumState.partial, checksumStart: 34, checksumOffset: 16 };
const SETTINGS: FullnatSettings = { localAddresses: [V4.local, V6.local], ports: [5000, 5003], toa: true, timestamps: true };

function rigWith(settings: Partial<FullnatSettings> = {}, options: RigOptions = {}): DirectorRig {
  const rig = new DirectorRig(options);
  rig.apply({ kind: 'setFullnat', fullnat: { ...SETTINGS, ...settings } });
  for (const { vip, server } of [V4, V6]) {
    rig.service('tcp', vip, 80, [{ address: server, port: 8080, method: 'fullnat' }]);
    rig.service('udp', vip, 53, [{ address: server, port: 5353, method: 'fullnat' }]);
  }
  return rig;
}

function request({ client, vip }: World, ttl = 64): FrameBuilder {
  const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
  return vip.includes(':')
    ? link.ipv6({ source: client, target: vip, hopLimit: ttl })
    : link.ipv4({ source: client, target: vip, ttl, dontFragment: true });
}

function reply({ server, local }: World): FrameBuilder {
  const link = frame().ethernet({ source: RS_MAC, target: DIRECTOR_SERVER_MAC });
  return server.includes(':') ? link.ipv6({ source: server, target: local }) : link.ipv4({ source: server, target: local });
}

function segment(world: World, flags: string, options = '', port = CLIENT_PORT): FrameBuilder {
  return request(world).tcp({ source: port, target: 80, flags, options: bytesOf(options) });
}

/** The local port that the connection of the last frame to the server has. */
function localPort(out: { frame: Uint8Array }): number {
  const isV6 = out.frame[12] === 0x86;
  return new DataView(out.frame.buffer, out.frame.byteOffset).getUint16(isV6 ? 54 : 34);
}

/** TCP options, as hex. */
function optionsOf(bytes: Uint8Array): string {
  const l4 = bytes[12] === 0x86 ? 54 : 34;
  return hexOf(bytes.subarray(l4 + 20, l4 + (bytes[l4 + 12]! >> 4) * 4)).replaceAll(' ', '');
}

function open(rig: DirectorRig, world: World): number {
  const [syn] = rig.send('client', segment(world, 'SYN').build());
  const port = localPort(syn!);
  rig.send('server', reply(world).tcp({ source: 8080, target: port, flags: 'SYN ACK' }).build());
  rig.send('client', segment(world, 'ACK').build());
  return port;
}

describe.each([
  ['IPv4', V4],
  ['IPv6', V6],
])('%s', (_name, world) => {
  test('a request goes from the local address to the real server, its hop taken', () => {
    const [out] = rigWith().send('client', segment(world, 'SYN').build());
    expectFrame(out!.frame).isForMac(RS_MAC).isFromMac(DIRECTOR_SERVER_MAC).hasTtl(63).checksumsAreRight();
    expectFrame(out!.frame).hasSource(world.local).hasTarget(world.server).hasFlags('SYN').hasPorts(localPort(out!), 8080);
    expect(localPort(out!)).toBeGreaterThanOrEqual(5000);
    expect(localPort(out!)).toBeLessThanOrEqual(5003);
  });

  test('a reply goes from the virtual address to the client', () => {
    const rig = rigWith();
    const port = open(rig, world);
    const data = reply(world).tcp({ source: 8080, target: port, flags: 'PSH ACK' }).payload(bytesOf('61626364')).build();
    const [out] = rig.send('server', data);
    expect(out!.side).toBe('client');
    expectFrame(out!.frame).isForMac(CLIENT_MAC).hasTtl(63).checksumsAreRight().hasPayload('61626364');
    expectFrame(out!.frame).hasSource(world.vip).hasTarget(world.client).hasPorts(80, CLIENT_PORT);
  });

  test('a datagram and its answer keep their payload', () => {
    const rig = rigWith();
    const question = request(world).udp({ source: CLIENT_PORT, target: 53 }).payload(bytesOf('7175657279')).build();
    const [asked] = rig.send('client', question);
    expectFrame(asked!.frame).hasSource(world.local).hasTarget(world.server).checksumsAreRight().hasPayload('7175657279');
    const answer = reply(world)
      .udp({ source: 5353, target: localPort(asked!) })
      .payload(bytesOf('6f6b'))
      .build();
    const [told] = rig.send('server', answer);
    expectFrame(told!.frame).hasSource(world.vip).hasTarget(world.client).hasPorts(53, CLIENT_PORT).checksumsAreRight();
  });

  test('the real server is told of the client in every packet until it has sent data', () => {
    const rig = rigWith();
    const [syn] = rig.send('client', segment(world, 'SYN', '020405b4').build());
    const port = localPort(syn!);
    const least = world.toa.length / 2;
    expect(optionsOf(syn!.frame)).toBe(`${world.toa}0204${(1460 - least).toString(16).padStart(4, '0')}`);
    const fromServer = (flags: string, payload = '') =>
      rig.send('server', reply(world).tcp({ source: 8080, target: port, flags }).payload(bytesOf(payload)).build())[0]!.frame;
    const fromClient = (flags: string) => rig.send('client', segment(world, flags, TIMESTAMPS).build())[0]!.frame;
    fromServer('SYN ACK');
    for (const flags of ['ACK', 'PSH ACK']) {
      const out = fromClient(flags);
      expectFrame(out).checksumsAreRight();
      expect(optionsOf(out)).toBe(world.toa + TIMESTAMPS);
    }
    fromServer('ACK');
    expect(optionsOf(fromClient('ACK'))).toBe(world.toa + TIMESTAMPS);
    fromServer('PSH ACK', '61');
    expect(optionsOf(fromClient('ACK'))).toBe(TIMESTAMPS);
  });

  test('the largest segments of both sides leave room for the option', () => {
    const rig = rigWith();
    const [syn] = rig.send('client', segment(world, 'SYN', '020405b4').build());
    const both = reply(world).tcp({ source: 8080, target: localPort(syn!), flags: 'SYN ACK', options: bytesOf('020405b4') });
    const [out] = rig.send('server', both.build());
    expectFrame(out!.frame).checksumsAreRight();
    expect(optionsOf(out!.frame)).toBe(`0204${(1460 - world.toa.length / 2).toString(16).padStart(4, '0')}`);
  });

  test('an ICMP error of the client about a reply goes to the real server, about what it sent', () => {
    const rig = rigWith();
    const port = open(rig, world);
    const isV6 = world === V6;
    const quote = isV6
      ? frame().ipv6({ source: world.vip, target: world.client })
      : frame().ipv4({ source: world.vip, target: world.client });
    const sent = quote.tcp({ source: 80, target: CLIENT_PORT, flags: 'ACK' }).packet();
    const error = request(world)
      .icmp({ type: isV6 ? 1 : 3, code: 1 })
      .payload(sent)
      .build();
    const [out] = rig.send('client', error);
    expectFrame(out!.frame).hasSource(world.local).hasTarget(world.server).checksumsAreRight();
    expectFrame(out!.frame).quoted().hasSource(world.server).hasTarget(world.local).hasPorts(8080, port);
  });

  test('an ICMP error about a request goes to the client, with room for the option', () => {
    const rig = rigWith();
    const port = open(rig, world);
    const isV6 = world === V6;
    const ends = { source: world.local, target: world.server };
    const quote = (isV6 ? frame().ipv6(ends) : frame().ipv4(ends)).tcp({ source: port, target: 8080, flags: 'ACK' }).packet();
    const tooBig = { type: isV6 ? 2 : 3, code: isV6 ? 0 : 4, rest: 1400 };
    const [out] = rig.send('server', reply(world).icmp(tooBig).payload(quote).build());
    expectFrame(out!.frame).hasSource(world.vip).hasTarget(world.client).checksumsAreRight();
    expectFrame(out!.frame).hasMtu(1400 - world.toa.length / 2);
    expectFrame(out!.frame).quoted().hasSource(world.client).hasTarget(world.vip).hasPorts(CLIENT_PORT, 80);
  });

  test("what comes to a local address and is no reply is the host's", () => {
    const stray = reply(world).tcp({ source: 8080, target: 5001, flags: 'ACK' }).build();
    expect(rigWith().send('server', stray)).toEqual([{ side: 'host', frame: stray }]);
  });
});

describe('the option', () => {
  test('of a client is a lie, and is blanked in SYN and later packets', () => {
    const rig = rigWith();
    const lie = 'fe08123401020304';
    const [syn] = rig.send('client', segment(V4, 'SYN', lie).build());
    expect(optionsOf(syn!.frame)).toBe(`${V4.toa}${'01'.repeat(8)}`);
    const port = localPort(syn!);
    rig.send('server', reply(V4).tcp({ source: 8080, target: port, flags: 'SYN ACK' }).build());
    rig.send('client', segment(V4, 'ACK').build());
    rig.send('server', reply(V4).tcp({ source: 8080, target: port, flags: 'ACK' }).payload(bytesOf('61')).build());
    const [late] = rig.send('client', segment(V4, 'ACK', lie).build());
    expectFrame(late!.frame).checksumsAreRight();
    expect(optionsOf(late!.frame)).toBe('01'.repeat(8));
    expect(rig.counters()['toaRemoved']).toBe(2);
  });

  test('of a client is blanked where none is added, too', () => {
    const rig = rigWith({ toa: false });
    const [syn] = rig.send('client', segment(V4, 'SYN', 'fd14123401020304050607080910111213141516').build());
    expect(optionsOf(syn!.frame)).toBe('01'.repeat(20));
    expectFrame(syn!.frame).checksumsAreRight();
  });

  test.each([
    ['the options of a Linux SYN, exactly', V6, LINUX_SYN, 40],
    ['options that fit when NOPs make way', V6, `${LINUX_SYN}01010101`, 40],
    ['NOPs alone', V4, '01'.repeat(40), 8],
  ])('has room beside %s', (_name, world, options, bytes) => {
    const [out] = rigWith().send('client', segment(world, 'SYN', options).build());
    expectFrame(out!.frame).checksumsAreRight();
    expect(optionsOf(out!.frame)).toMatch(new RegExp(`^${world.toa}`));
    expect(optionsOf(out!.frame).length / 2).toBe(bytes);
  });

  const OMITTED = { toaOmitted: 1 };
  test('is left out where the other options leave no room', () => {
    const rig = rigWith();
    const md5 = `1312${'ab'.repeat(16)}0101`;
    const [out] = rig.send('client', segment(V6, 'SYN', `${md5}0402080a0000000100000000`).build());
    expectFrame(out!.frame).hasSource(V6.local).checksumsAreRight();
    expect(optionsOf(out!.frame)).toBe(`${md5}0402080a0000000100000000`);
    expect(rig.counters()).toMatchObject(OMITTED);
  });

  test('is left out where the packet would be longer than the way to the real server allows', () => {
    const rig = rigWith();
    open(rig, V4);
    const full = segment(V4, 'ACK').payload(new Uint8Array(1460)).build();
    const [out] = rig.send('client', full);
    expectFrame(out!.frame).hasIpBytes(1500).checksumsAreRight();
    expect(rig.counters()).toMatchObject(OMITTED);
  });

  test('is left out of a super-frame, which goes on whole', () => {
    const rig = rigWith({}, { offloads: true });
    open(rig, V4);
    const segments = segment(V4, 'ACK').payload(new Uint8Array(4000)).partialChecksum().build();
    rig.ports.client.inject(segments, { ...PARTIAL, segmentKind: SegmentKind.tcpv4, segmentBytes: 1400 });
    rig.breath.breathe();
    const [out] = rig.collect();
    expectFrame(out!.frame).hasSource(V4.local).hasIpBytes(4040).checksumIsPartial();
    expect(rig.counters()).toMatchObject(OMITTED);
  });

  test('goes into a packet whose checksum is for the network card to finish', () => {
    const rig = rigWith({}, { offloads: true });
    rig.ports.client.inject(segment(V4, 'SYN', LINUX_SYN).partialChecksum().build(), PARTIAL);
    rig.breath.breathe();
    const [out] = rig.collect();
    expectFrame(out!.frame).hasSource(V4.local).checksumIsPartial();
    expect(optionsOf(out!.frame).slice(0, 16)).toBe(V4.toa);
  });

  test('is not in a packet that ends the connection', () => {
    const rig = rigWith();
    open(rig, V4);
    expect(optionsOf(rig.send('client', segment(V4, 'FIN ACK').build())[0]!.frame)).toBe('');
  });

  test('ends with the acknowledgement of an upload of 64 packets', () => {
    const rig = rigWith();
    const port = open(rig, V4);
    for (let i = 0; i < 63; i++) rig.send('client', segment(V4, 'ACK').payload(bytesOf('61')).build());
    expect(optionsOf(rig.send('client', segment(V4, 'ACK').build())[0]!.frame)).toBe(V4.toa);
    rig.send('server', reply(V4).tcp({ source: 8080, target: port, flags: 'ACK' }).build());
    expect(optionsOf(rig.send('client', segment(V4, 'ACK').build())[0]!.frame)).toBe('');
  });
});

test('timestamps are taken out of the SYN alone, when that is asked', () => {
  const rig = rigWith({ timestamps: false, toa: false });
  const [syn] = rig.send('client', segment(V4, 'SYN', LINUX_SYN).build());
  expect(optionsOf(syn!.frame)).toBe(`020405b40402${'01'.repeat(11)}030307`);
  expectFrame(syn!.frame).checksumsAreRight();
});

describe('local ports', () => {
  const opens = (rig: DirectorRig, count: number, first = 1000) =>
    Array.from({ length: count }, (_, i) => rig.send('client', segment(V4, 'SYN', '', first + i).build())).flat();

  test('all pairs are used, the next connection is a counted drop, and one that ends makes room for one', () => {
    const rig = rigWith({ localAddresses: [V4.local, '10.0.1.201'] });
    const out = opens(rig, 8);
    const pairs = out.map((each) => `${hexOf(each.frame.subarray(26, 30))} ${localPort(each)}`);
    expect(new Set(pairs).size).toBe(8);
    expect(opens(rig, 1, 2000)).toEqual([]);
    expect(rig.counters()).toMatchObject({ localPortsExhausted: 1, connectionsCreated: 8 });
    rig.send('client', segment(V4, 'RST', '', 1003).build());
    rig.clock.advance(61_000);
    rig.breath.breathe();
    expect(opens(rig, 1, 3000)).toHaveLength(1);
  });

  test('two services share the pairs of a real server that both have', () => {
    const rig = rigWith();
    rig.service('tcp', V4.vip, 81, [{ address: V4.server, port: 8080, method: 'fullnat' }]);
    expect(opens(rig, 3)).toHaveLength(3);
    const other = (port: number) => rig.send('client', request(V4).tcp({ source: port, target: 81, flags: 'SYN' }).build());
    expect([other(1), other(2)].map((out) => out.length)).toEqual([1, 0]);
  });

  test('connections keep theirs when the addresses change, and new ones take the new', () => {
    const rig = rigWith();
    const port = open(rig, V4);
    rig.apply({ kind: 'setFullnat', fullnat: { ...SETTINGS, localAddresses: ['10.0.1.201'] } });
    const [told] = rig.send('server', reply(V4).tcp({ source: 8080, target: port, flags: 'ACK' }).build());
    expectFrame(told!.frame).hasTarget(V4.client);
    const [fresh] = opens(rig, 1);
    expectFrame(fresh!.frame).hasSource('10.0.1.201');
  });

  test('without a local address of the family there are none', () => {
    const rig = rigWith({ localAddresses: [V6.local] });
    expect(opens(rig, 1)).toEqual([]);
    expect(rig.counters()['localPortsExhausted']).toBe(1);
  });

  test('of a pair that a real server on every port has already, another is taken', () => {
    const rig = rigWith();
    rig.apply({
      kind: 'addService',
      service: { protocol: 'tcp', address: V4.vip, port: 0 },
      settings: { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 60, persistencePrefix: 32 },
    });
    const everyPort = { address: V4.server, port: 0 };
    const settings = { method: 'fullnat', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
    rig.apply({
      kind: 'addDestination',
      service: { protocol: 'tcp', address: V4.vip, port: 0 },
      destination: everyPort,
      settings,
    });
    rig.reach(V4.server);
    const to8080 = (port: number) => rig.send('client', request(V4).tcp({ source: port, target: 8080, flags: 'SYN' }).build());
    const ports = [...opens(rig, 2), ...to8080(1), ...to8080(2)].map(localPort);
    expect(new Set(ports).size).toBe(4);
  });
});

test('a listing shows client, virtual address and real server', () => {
  const rig = rigWith();
  open(rig, V4);
  const { list } = snapshot(rig.director.state, [], 9).connections;
  expect(list).toMatchObject([
    { client: `${V4.client}:${CLIENT_PORT}`, virtual: `${V4.vip}:80`, destination: `${V4.server}:8080`, state: 'ESTABLISHED' },
  ]);
  expect(rig.director.state.tables.connections.first()).not.toBe(NONE);
});
