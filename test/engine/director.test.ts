/** What a director decides about single frames, told as a client, real servers and the host see it. */
import { describe, expect, test } from 'vitest';
import { ChecksumState } from '../../src/base/terms.ts';
import { Burst, SegmentKind } from '../../src/memory/burst.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig, type RigOptions } from '../support/directorRig.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { arpFrame, type FrameBuilder, frame } from '../support/frame.ts';

const CIP = '10.1.2.5';
const VIP = '192.168.100.1';
const RIP = '10.0.1.2';
const VIP6 = '2001:db8:100::1';
const RIP6 = '2001:db8:1::2';
const CIP6 = '2001:db8:9::5';
const RS_MAC = '02:00:00:00:01:02';

type Method = 'route' | 'masq' | 'tunnel';

function rigWith(method: Method, options: RigOptions = {}): DirectorRig {
  const rig = new DirectorRig(options);
  const port = method === 'masq' ? 8000 : 80;
  rig.service('tcp', VIP, 80, [{ address: RIP, port, method }]);
  rig.service('udp', VIP, 53, [{ address: RIP, port: method === 'masq' ? 5353 : 53, method }]);
  rig.service('tcp', VIP6, 80, [{ address: RIP6, port, method }]);
  return rig;
}

function fromClient(target = VIP, source = CIP): FrameBuilder {
  const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
  return target.includes(':')
    ? link.ipv6({ source: source === CIP ? CIP6 : source, target })
    : link.ipv4({ source, target, dontFragment: true });
}

function fromServer(source = RIP, target = CIP): FrameBuilder {
  return frame().ethernet({ source: RS_MAC, target: DIRECTOR_SERVER_MAC }).ipv4({ source, target });
}

const syn = (port = 40_000) => fromClient().tcp({ source: port, target: 80, flags: 'SYN' }).build();

describe('what is not ours goes to the host as it came', () => {
  const CASES: readonly (readonly [string, Uint8Array])[] = [
    ['ARP', arpFrame()],
    ['ping to the virtual address', fromClient().icmp({ type: 8 }).build()],
    ['TCP to a port without a service', fromClient().tcp({ source: 1, target: 22, flags: 'SYN' }).build()],
    ['TCP without SYN and without a connection', fromClient().tcp({ source: 1, target: 80, flags: 'ACK' }).build()],
    ['a RST without a connection', fromClient().tcp({ source: 1, target: 80, flags: 'RST' }).build()],
    ['UDP to a TCP service', fromClient().udp({ source: 1, target: 80 }).build()],
    ['a packet to another address', fromClient('192.168.100.9').tcp({ source: 1, target: 80, flags: 'SYN' }).build()],
    ['SCTP', fromClient().sctp({ source: 1, target: 80 }).build()],
    ['an ICMP error about an unknown connection', icmpAbout(VIP, CIP, 80, 41_000)],
  ];
  test.each(CASES)('%s', (_name, bytes) => {
    const rig = rigWith('masq');
    expect(rig.send('client', bytes)).toEqual([{ side: 'host', frame: bytes }]);
    expect(rig.counters()['punted']).toBe(1);
  });
});

describe('route changes the link header and the hop limit, nothing else', () => {
  test.each([
    ['IPv4', VIP],
    ['IPv6', VIP6],
  ])('%s', (_family, vip) => {
    const bytes = fromClient(vip).tcp({ source: 40_000, target: 80, flags: 'SYN' }).build();
    const [out, ...more] = rigWith('route').send('client', bytes);
    expect(more).toEqual([]);
    expect(out?.side).toBe('server');
    expectFrame(out!.frame)
      .isForMac(RS_MAC)
      .isFromMac(DIRECTOR_SERVER_MAC)
      .hasTarget(vip)
      .hasPorts(40_000, 80)
      .hasTtl(63)
      .checksumsAreRight();
    expect(out!.frame.subarray(54)).toEqual(bytes.subarray(54));
  });
});

describe('masq', () => {
  test('translates the request and the reply, and sends the reply to where the client is', () => {
    const rig = rigWith('masq');
    const [request] = rig.send('client', syn());
    expectFrame(request!.frame)
      .isForMac(RS_MAC)
      .hasSource(CIP)
      .hasTarget(RIP)
      .hasPorts(40_000, 8000)
      .hasTtl(63)
      .checksumsAreRight();
    const [reply] = rig.send('server', fromServer().tcp({ source: 8000, target: 40_000, flags: 'SYN ACK' }).build());
    expect(reply?.side).toBe('client');
    expectFrame(reply!.frame)
      .isForMac(CLIENT_MAC)
      .isFromMac(DIRECTOR_CLIENT_MAC)
      .hasSource(VIP)
      .hasTarget(CIP)
      .hasPorts(80, 40_000)
      .checksumsAreRight();
  });

  test('a UDP checksum of zero becomes a full one, both ways', () => {
    const rig = rigWith('masq');
    const [request] = rig.send('client', fromClient().udp({ source: 7, target: 53, checksum: 0 }).payload('odd').build());
    expectFrame(request!.frame).hasPorts(7, 5353).checksumsAreRight();
    const [reply] = rig.send('server', fromServer().udp({ source: 5353, target: 7, checksum: 0 }).payload('odd').build());
    expectFrame(reply!.frame).hasPorts(53, 7).checksumsAreRight();
  });

  test("a reply of a real server without a connection is the host's", () => {
    const bytes = fromServer().tcp({ source: 8000, target: 40_000, flags: 'SYN ACK' }).build();
    expect(rigWith('masq').send('server', bytes)).toEqual([{ side: 'host', frame: bytes }]);
  });

  test('an ICMP error of the real server reaches the client as if it came from the virtual address', () => {
    const rig = rigWith('masq');
    rig.send('client', fromClient().udp({ source: 7, target: 53 }).payload('question').build());
    const quote = frame().ipv4({ source: CIP, target: RIP }).udp({ source: 7, target: 5353 }).payload('question').packet();
    const [out] = rig.send('server', fromServer().icmp({ type: 3, code: 3 }).payload(quote).build());
    expect(out?.side).toBe('client');
    expectFrame(out!.frame).hasSource(VIP).hasTarget(CIP).isIcmp(3, 3).checksumsAreRight();
    expectFrame(out!.frame).quoted().hasSource(CIP).hasTarget(VIP).hasPorts(7, 53);
    expect(rig.counters()['icmpToClient']).toBe(1);
  });

  test('an ICMP error with a wrong checksum is dropped', () => {
    const rig = rigWith('masq');
    rig.send('client', syn());
    const bytes = icmpAbout(VIP, CIP, 80, 40_000, 0x1234);
    expect(rig.send('client', bytes)).toEqual([]);
    expect(rig.counters()['icmpBadChecksum']).toBe(1);
  });
});

describe('tunnel', () => {
  test.each([
    ['IPv4 in IPv4', VIP, RIP, 20],
    ['IPv6 in IPv6', VIP6, RIP6, 40],
  ])('%s: the packet is carried whole, its hop taken before', (_name, vip, rip, outer) => {
    const bytes = fromClient(vip).tcp({ source: 40_000, target: 80, flags: 'SYN' }).build();
    const [out] = rigWith('tunnel').send('client', bytes);
    expect(out!.frame.length).toBe(bytes.length + outer);
    expectFrame(out!.frame).isForMac(RS_MAC).hasTarget(rip).hasTtl(63).checksumsAreRight();
    expectFrame(out!.frame).inner().hasTarget(vip).hasPorts(40_000, 80).hasTtl(63).checksumsAreRight();
  });

  test("a packet that forbids fragments and does not fit is answered with the tunnel's MTU", () => {
    const rig = rigWith('tunnel');
    rig.send('client', syn());
    const [out] = rig.send('client', fromClient().tcp({ source: 40_000, target: 80, flags: 'ACK' }).payload(1441).build());
    expect(out?.side).toBe('client');
    expectFrame(out!.frame).isForMac(CLIENT_MAC).hasSource(VIP).isIcmp(3, 4).hasMtu(1480).hasIpBytes(576).checksumsAreRight();
    expect(rig.counters()['packetTooBig']).toBe(1);
  });

  test('one that allows fragments is encapsulated, then cut', () => {
    const rig = rigWith('tunnel');
    rig.send('client', syn());
    const big = frame()
      .ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC })
      .ipv4({ source: CIP, target: VIP, dontFragment: false });
    const out = rig.send('client', big.tcp({ source: 40_000, target: 80, flags: 'ACK' }).payload(1460).build());
    expect(out.map(({ frame: bytes }) => bytes.length - 14)).toEqual([1500, 40]);
    expectFrame(out[0]!.frame).isFragment(0, true);
    expectFrame(out[1]!.frame).isFragment(1480, false);
  });
});

describe('no answer can be given by a real server', () => {
  test('without a usable one the client gets port unreachable from the virtual address', () => {
    const rig = new DirectorRig();
    rig.service('tcp', VIP, 80, [{ address: RIP, port: 80, method: 'route', weight: 0 }]);
    const [out] = rig.send('client', syn());
    expectFrame(out!.frame).isForMac(CLIENT_MAC).hasSource(VIP).hasTarget(CIP).isIcmp(3, 3).checksumsAreRight();
    expect(rig.counters()['noDestination']).toBe(1);
  });

  test('an unresolved neighbour is a counted drop', () => {
    const rig = rigWith('route');
    rig.apply({ kind: 'setNextHop', nextHop: { address: RIP, port: 1, mac: null, source: '10.0.1.254', mtu: 1500 } });
    expect(rig.send('client', syn())).toEqual([]);
    expect(rig.counters()['neighbourUnresolved']).toBe(1);
  });

  test('a hop limit of 1 is answered with time exceeded', () => {
    const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
    const rig = rigWith('masq');
    const [out] = rig.send(
      'client',
      link.ipv4({ source: CIP, target: VIP, ttl: 1 }).tcp({ source: 9, target: 80, flags: 'SYN' }).build(),
    );
    expectFrame(out!.frame).hasSource(VIP).isIcmp(11, 0).checksumsAreRight();
    expect(rig.director.state.tables.connections.count).toBe(1);
  });

  test('ICMP errors are limited in rate', () => {
    const rig = new DirectorRig();
    rig.service('tcp', VIP, 80, []);
    const answers = Array.from({ length: 10 }, (_, i) => rig.send('client', syn(30_000 + i))).flat();
    expect(answers.length).toBe(6);
    expect(rig.counters()['icmpRateLimited']).toBe(4);
    rig.clock.advance(1000);
    expect(rig.send('client', syn(31_000)).length).toBe(1);
  });
});

describe('connections', () => {
  test('a removed real server keeps its connections dark until it comes back', () => {
    const rig = rigWith('masq');
    rig.send('client', syn());
    const service = { protocol: 'tcp', address: VIP, port: 80 } as const;
    const destination = { address: RIP, port: 8000 };
    rig.apply({ kind: 'removeDestination', service, destination });
    const ack = fromClient().tcp({ source: 40_000, target: 80, flags: 'ACK' }).build();
    expect(rig.send('client', ack)).toEqual([]);
    expect(rig.counters()['destinationRemoved']).toBe(1);
    const settings = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
    rig.apply({ kind: 'addDestination', service, destination, settings });
    expect(rig.send('client', ack)[0]?.side).toBe('server');
  });

  test('a SYN on a closed connection is scheduled anew in the same packet', () => {
    const rig = new DirectorRig();
    rig.service(
      'tcp',
      VIP,
      80,
      [RIP, '10.0.1.3'].map((address) => ({ address, port: 80, method: 'route' as const })),
    );
    const first = rig.send('client', syn())[0]!.frame[5];
    rig.send('client', fromClient().tcp({ source: 40_000, target: 80, flags: 'ACK' }).build());
    rig.send('client', fromClient().tcp({ source: 40_000, target: 80, flags: 'RST' }).build());
    expect(rig.send('client', syn())[0]!.frame[5]).not.toBe(first);
    expect(rig.counters()).toMatchObject({ connectionsCreated: 2, connectionsReused: 1 });
  });

  test('a full table is a counted drop, and has room again when connections expire', () => {
    const rig = rigWith('route', { connections: 2 });
    for (const port of [1001, 1002, 1003]) rig.send('client', syn(port));
    expect(rig.counters()).toMatchObject({ connectionsCreated: 2, connectionTableFull: 1 });
    rig.clock.advance(61_000);
    rig.breath.breathe();
    expect(rig.counters()['connectionsExpired']).toBe(2);
    expect(rig.send('client', syn(1004)).length).toBe(1);
  });

  test('one-packet scheduling gives each datagram a server of its own and keeps nothing', () => {
    const rig = new DirectorRig();
    const service = { protocol: 'udp', address: VIP, port: 53 } as const;
    const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: true, persistenceSeconds: 0, persistencePrefix: 32 };
    rig.apply({ kind: 'addService', service, settings });
    for (const address of [RIP, '10.0.1.3']) {
      const values = { method: 'route', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
      rig.apply({ kind: 'addDestination', service, destination: { address, port: 53 }, settings: values });
      rig.reach(address);
    }
    const question = fromClient().udp({ source: 7, target: 53 }).build();
    expect([1, 2, 3, 4].map(() => rig.send('client', question)[0]!.frame[5])).toEqual([3, 2, 3, 2]);
    expect(rig.director.state.tables.connections.count).toBe(0);
  });
});

describe('offloads', () => {
  test('a partial checksum is completed where the way out cannot', () => {
    const rig = rigWith('masq');
    const bytes = fromClient().tcp({ source: 40_000, target: 80, flags: 'SYN' }).partialChecksum().build();
    const out = handleOne(rig, bytes, (burst) => {
      burst.checksum[0] = ChecksumState.partial;
    });
    expectFrame(out).hasTarget(RIP).hasPorts(40_000, 8000).checksumsAreRight();
  });

  test('where a port cannot tell, a partial checksum is found and completed', () => {
    const bytes = fromClient().tcp({ source: 40_000, target: 80, flags: 'SYN' }).partialChecksum().build();
    const rig = rigWith('route');
    const out = handleOne(rig, bytes, (burst) => {
      burst.checksum[0] = ChecksumState.unknown;
    });
    expectFrame(out).checksumsAreRight();
    expect(rig.counters()['checksumsCompleted']).toBe(1);
  });

  test.each(['route', 'masq', 'tunnel'] as const)(
    '%s: a super-frame becomes its segments where the way out takes only those',
    (method) => {
      const rig = rigWith(method);
      rig.send('client', syn());
      const big = fromClient()
        .tcp({ source: 40_000, target: 80, flags: 'PSH ACK', seq: 1000 })
        .payload(4000)
        .partialChecksum()
        .build();
      const burst = burstOf(rig, big);
      burst.checksum[0] = ChecksumState.partial;
      burst.segmentKind[0] = SegmentKind.tcpv4;
      burst.segmentBytes[0] = 1400;
      rig.director.handle(burst, 0, 0);
      const { scratch } = rig.director.state;
      const segments = Array.from({ length: scratch.bursts[0]!.count }, (_, i) => frameOf(rig, scratch.bursts[0]!, i));
      expect(segments.length).toBe(3);
      for (const [i, segment] of segments.entries()) {
        const packet = method === 'tunnel' ? expectFrame(segment).checksumsAreRight().inner() : expectFrame(segment);
        packet
          .hasFlags(i === 2 ? 'PSH ACK' : 'ACK')
          .checksumsAreRight()
          .hasTtl(63);
      }
    },
  );

  test('a super-frame whose segments do not fit is answered, not cut', () => {
    const rig = rigWith('tunnel');
    rig.send('client', syn());
    const burst = burstOf(rig, fromClient().tcp({ source: 40_000, target: 80, flags: 'ACK' }).payload(4000).build());
    burst.segmentKind[0] = SegmentKind.tcpv4;
    burst.segmentBytes[0] = 1460;
    rig.director.handle(burst, 0, 0);
    expectFrame(frameOf(rig, burst, 0))
      .isIcmp(3, 4)
      .hasMtu(1480);
  });
});

/** An ICMP error from the client's side that quotes a packet from the virtual address. */
function icmpAbout(source: string, target: string, sourcePort: number, targetPort: number, checksum?: number): Uint8Array {
  const quote = frame().ipv4({ source, target }).tcp({ source: sourcePort, target: targetPort, flags: 'ACK' }).packet();
  const fields = checksum === undefined ? { type: 3, code: 1 } : { type: 3, code: 1, checksum };
  return fromClient().icmp(fields).payload(quote).build();
}

function burstOf(rig: DirectorRig, bytes: Uint8Array): Burst {
  const { arena } = rig.director.state;
  const at = arena.reserve(256 + bytes.length) + 128;
  arena.bytes.set(bytes, at);
  const burst = new Burst();
  burst.push(at, bytes.length);
  return burst;
}

function handleOne(rig: DirectorRig, bytes: Uint8Array, mark: (burst: Burst) => void): Uint8Array {
  const burst = burstOf(rig, bytes);
  mark(burst);
  rig.director.handle(burst, 0, 0);
  return frameOf(rig, burst, 0);
}

function frameOf(rig: DirectorRig, burst: Burst, i: number): Uint8Array {
  return rig.director.state.arena.bytes.slice(burst.at[i], burst.at[i]! + burst.bytes[i]!);
}
