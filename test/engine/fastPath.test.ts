/** The short way does what the long way does, to the byte: frames, counts, connections. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/base/address.ts';
import { ChecksumState, Family } from '../../src/base/terms.ts';
import { snapshot } from '../../src/dataplane/snapshot.ts';
import { FastTables, runFast } from '../../src/engine/fastPath.ts';
import { Burst, SegmentKind } from '../../src/memory/burst.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig } from '../support/directorRig.ts';
import { frame } from '../support/frame.ts';
import { bytesOf } from '../support/wireBytes.ts';

const VIP = '192.168.100.1';
const SERVERS = ['10.0.1.2', '10.0.1.3'];
const CLIENTS = ['10.1.2.5', '10.1.2.6'];
const METHODS = ['route', 'masq', 'tunnel', 'fullnat'] as const;
const LOCALS = ['10.0.1.200', '10.0.1.201'];
const FIRST_LOCAL_PORT = 6000;
/** TOA, timestamps as everybody sends them, and NOPs. */
const TCP_OPTIONS = ['', '0101080a0000000100000002', 'fe08123401020304', '01010101'];

function rig(offloads: boolean): DirectorRig {
  const made = new DirectorRig({ offloads });
  const ports = [FIRST_LOCAL_PORT, FIRST_LOCAL_PORT + 1] as const;
  made.apply({ kind: 'setFullnat', fullnat: { localAddresses: LOCALS, ports, toa: true, timestamps: true } });
  for (const [i, method] of METHODS.entries()) {
    const port = 80 + i;
    const servers = SERVERS.map((address) => ({ address, port: isTranslated(method) ? 8000 + i : port, method }));
    made.service('tcp', VIP, port, servers);
    made.service('udp', VIP, port, servers);
    // Two services keep their clients at their real servers.
    if (method === 'masq') persist(made, 'udp', port);
    if (method === 'tunnel') persist(made, 'tcp', port);
  }
  return made;
}

function isTranslated(method: (typeof METHODS)[number]): boolean {
  return method === 'masq' || method === 'fullnat';
}

function persist(made: DirectorRig, protocol: 'tcp' | 'udp', port: number): void {
  const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 30, persistencePrefix: 32 };
  made.apply({ kind: 'editService', service: { protocol, address: VIP, port }, settings });
}

const FLAGS = ['SYN', 'ACK', 'PSH ACK', 'FIN ACK', 'RST', 'SYN ACK', 'URG ACK', ''];

/** One frame of a small world, so that connections are met again and again. */
const oneFrame = fc.record({
  fromServer: fc.boolean(),
  client: fc.nat(1),
  server: fc.nat(1),
  clientPort: fc.integer({ min: 5000, max: 5001 }),
  service: fc.nat(4),
  local: fc.nat(3),
  tcpOptions: fc.constantFrom(...TCP_OPTIONS),
  udp: fc.boolean(),
  flags: fc.oneof(fc.constantFrom('SYN', 'ACK'), fc.constantFrom(...FLAGS)),
  ttl: fc.oneof(fc.constant(64), fc.integer({ min: 1, max: 255 })),
  tos: fc.nat(255),
  dontFragment: fc.boolean(),
  payload: fc.oneof(fc.nat(64), fc.integer({ min: 1400, max: 1480 })),
  state: fc.constantFrom(ChecksumState.complete, ChecksumState.complete, ChecksumState.unknown, ChecksumState.partial),
  zeroUdpChecksum: fc.boolean(),
  moreFragments: fc.integer({ min: 0, max: 20 }).map((n) => n === 0),
  broken: fc.integer({ min: 0, max: 20 }).map((n) => n === 0),
  options: fc.integer({ min: 0, max: 20 }).map((n) => n === 0),
});
type OneFrame = typeof oneFrame extends fc.Arbitrary<infer F> ? F : never;

function build(of: OneFrame): Uint8Array {
  const [client, server] = [CLIENTS[of.client]!, SERVERS[of.server]!];
  const reply = of.fromServer;
  const link = reply
    ? { source: '02:00:00:00:01:02', target: DIRECTOR_SERVER_MAC }
    : { source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC };
  const method = METHODS[of.service];
  const serverPort = (method !== undefined && isTranslated(method) ? 8000 : 80) + of.service;
  const isLocal = method === 'fullnat';
  const replyPort = isLocal ? FIRST_LOCAL_PORT + (of.local >> 1) : of.clientPort;
  const ports = reply ? { source: serverPort, target: replyPort } : { source: of.clientPort, target: 80 + of.service };
  const ip = frame()
    .ethernet(link)
    .ipv4({
      source: reply ? server : client,
      target: reply ? (isLocal ? LOCALS[of.local & 1]! : client) : VIP,
      ttl: of.ttl,
      tos: of.tos,
      dontFragment: of.dontFragment,
      moreFragments: of.moreFragments,
      ...(of.broken ? { checksum: 0x1234 } : {}),
      ...(of.options ? { options: new Uint8Array(4).fill(1) } : {}),
    });
  const upper = of.udp
    ? ip.udp({ ...ports, ...(of.zeroUdpChecksum && of.state === ChecksumState.complete ? { checksum: 0 } : {}) })
    : ip.tcp({ ...ports, flags: of.flags, options: bytesOf(of.tcpOptions) });
  const made = upper.payload(of.payload);
  return (of.state === ChecksumState.complete ? made : made.partialChecksum()).build();
}

/** Handles one burst on frames at fixed places. @returns what every frame is afterwards */
function handleAll(made: DirectorRig, frames: readonly OneFrame[], at: number, isFast: boolean): unknown[] {
  const { director } = made;
  const { arena, scratch } = director.state;
  const ends: unknown[] = [];
  for (const of of frames) {
    const bytes = build(of);
    arena.bytes.fill(0, at - 128, at + 2048);
    arena.bytes.set(bytes, at);
    const burst = new Burst();
    burst.push(at, bytes.length);
    burst.checksum[0] = of.state;
    const l4 = 14 + (bytes[14]! & 15) * 4;
    if (of.state === ChecksumState.partial) burst.checksumStart[0] = l4;
    if (of.state === ChecksumState.partial) burst.checksumOffset[0] = of.udp ? 6 : 16;
    director.setTime();
    if (isFast) director.handleBurst(burst, 0, of.fromServer ? 1 : 0);
    else director.handle(burst, 0, of.fromServer ? 1 : 0);
    const kept =
      burst.output[0] === -1
        ? ''
        : Buffer.from(arena.bytes.subarray(burst.at[0], burst.at[0]! + burst.bytes[0]!))
            .toString('hex')
            .slice(0, 200);
    ends.push([burst.output[0], burst.checksum[0], kept, scratch.used]);
    if (burst.checksum[0] === ChecksumState.partial && burst.output[0] !== -1) ends.push(burst.checksumStart[0]);
    scratch.clear();
    made.clock.advance(70);
    director.expire();
  }
  return ends;
}

describe('the short way and the long way agree', () => {
  const onlyFullnat = oneFrame.map((of) => ({ ...of, service: METHODS.indexOf('fullnat') }));
  test.each([
    ['every method, ports with offloads', oneFrame, true],
    ['every method, ports without', oneFrame, false],
    ['fullnat, ports with offloads', onlyFullnat, true],
    ['fullnat, ports without', onlyFullnat, false],
  ])('%s', (_name, anyFrame, offloads) => {
    let short = 0;
    fc.assert(
      fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 60, size: 'max' }), (frames) => {
        const [fast, slow] = [rig(offloads), rig(offloads)];
        const at = fast.director.state.arena.reserve(4096) + 1024;
        slow.director.state.arena.reserve(4096);
        expect(handleAll(fast, frames, at, true)).toEqual(handleAll(slow, frames, at, false));
        expect(snapshot(fast.director.state, [], 100)).toEqual(snapshot(slow.director.state, [], 100));
        short += fast.counters()['transmitted'] ?? 0;
      }),
      { numRuns: anyFrame === oneFrame ? 8 : 4 },
    );
    expect(short).toBeGreaterThan(0);
  });
});

test.each([
  ['masq', 81, 8001],
  ['fullnat', 83, 8003],
])(
  '%s: the ordinary frame of an established connection goes the short way, as request and as reply',
  (_name, port, serverPort) => {
    const made = rig(true);
    const link = { source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC };
    const request = (flags: string, options = '') =>
      frame()
        .ethernet(link)
        .ipv4({ source: CLIENTS[0]!, target: VIP })
        .tcp({ source: 5000, target: port, flags, options: bytesOf(options) })
        .payload(10)
        .build();
    const [first] = made.send('client', request('SYN'));
    const sent = new DataView(first!.frame.buffer, first!.frame.byteOffset);
    const back = { source: '02:00:00:00:01:02', target: DIRECTOR_SERVER_MAC };
    const reply = frame()
      .ethernet(back)
      .ipv4({ source: formatIpv4(sent.getInt32(30)), target: formatIpv4(sent.getInt32(26)) })
      .tcp({ source: serverPort, target: sent.getUint16(34), flags: 'ACK' })
      .payload(10)
      .build();
    made.send('client', request('ACK'));
    made.send('server', reply);
    const tables = new FastTables(made.director.state);
    tables.setTime(made.director.state);
    const { arena } = made.director.state;
    const at = arena.reserve(4096) + 1024;
    for (const [bytes, ingress] of [
      [request('PSH ACK'), 0],
      [request('PSH ACK', '0101080a0000000100000002'), 0],
      [reply, 1],
    ] as const) {
      arena.bytes.set(bytes, at);
      const burst = new Burst();
      burst.push(at, bytes.length);
      expect(runFast(tables, burst, 0, ingress)).toBe(1);
      expect(burst.output[0]).toBe(1 - ingress);
    }
  },
);

function formatIpv4(word: number): string {
  return formatAddress({ family: Family.v4, words: [0, 0, 0, word] });
}

test('a super-frame goes whole where the port takes it', () => {
  const made = rig(true);
  const link = { source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC };
  const tcp = (flags: string, payload: number) =>
    frame()
      .ethernet(link)
      .ipv4({ source: CLIENTS[0]!, target: VIP })
      .tcp({ source: 5000, target: 81, flags })
      .payload(payload)
      .partialChecksum()
      .build();
  made.send('client', tcp('SYN', 0));
  made.send('client', tcp('ACK', 0));
  const tables = new FastTables(made.director.state);
  tables.setTime(made.director.state);
  const { arena } = made.director.state;
  const at = arena.reserve(66_000) + 1024;
  const bytes = tcp('PSH ACK', 30_000);
  arena.bytes.set(bytes, at);
  const burst = new Burst();
  burst.push(at, bytes.length);
  burst.checksum[0] = ChecksumState.partial;
  burst.segmentKind[0] = SegmentKind.tcpv4;
  burst.segmentBytes[0] = 1448;
  expect(runFast(tables, burst, 0, 0)).toBe(1);
  burst.segmentBytes[0] = 1500;
  arena.bytes.set(bytes, at);
  burst.output[0] = -1;
  expect(runFast(tables, burst, 0, 0)).toBe(0);
});
