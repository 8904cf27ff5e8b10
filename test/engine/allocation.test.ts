/** The hot path allocates nothing: a million frames go through the engine, and the heap stays as it is. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Burst } from '../../src/memory/burst.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig } from '../support/directorRig.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.168.100.1';
const FRAMES = 1_000_000;
/** What a counter object, a timer or the compiler may leave behind; a single object per frame would be 16 MB and more. */
const SLACK_BYTES = 1 << 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test.each(['route', 'masq', 'tunnel', 'fullnat'] as const)('%s: a third of a million requests, replies and drops', (method) => {
  const rig = new DirectorRig();
  const local = { address: '10.0.1.200', port: 5000 };
  const fullnat = { localAddresses: [local.address], ports: [local.port, local.port], toa: true, timestamps: true } as const;
  rig.apply({ kind: 'setFullnat', fullnat });
  rig.service('tcp', VIP, 80, [{ address: '10.0.1.2', port: 80, method }]);
  const { director } = rig;
  const { arena } = director.state;
  const request = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC }).ipv4({ source: '10.1.2.5', target: VIP });
  const reply = frame()
    .ethernet({ source: '02:00:00:00:01:02', target: DIRECTOR_SERVER_MAC })
    .ipv4({ source: '10.0.1.2', target: method === 'fullnat' ? local.address : '10.1.2.5' });
  const kinds = [
    request.tcp({ source: 4000, target: 80, flags: 'SYN' }).build(),
    reply.tcp({ source: 80, target: method === 'fullnat' ? local.port : 4000, flags: 'SYN ACK' }).build(),
    new Uint8Array(20),
  ];
  const at = arena.reserve(kinds.length * 512) + 128;
  const burst = new Burst();
  const run = (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      burst.count = 0;
      for (let k = 0; k < kinds.length; k++) {
        arena.bytes.set(kinds[k]!, at + k * 512);
        burst.push(at + k * 512, kinds[k]!.length);
      }
      director.setTime();
      // A SYN takes the long way every time; then the same frames from an established connection, by the short one.
      director.handle(burst, 0, 0);
      director.handle(burst, 1, 1);
      director.handleBurst(burst, 2, 0);
      director.expire();
    }
  };
  run(5_000);
  collect();
  const before = process.memoryUsage().heapUsed;
  // Each SYN of fullnat gets an option, which takes its time: half as many, an object for each would still be too much.
  run(Math.ceil(FRAMES / (method === 'fullnat' ? 18 : 9)));
  const grown = process.memoryUsage().heapUsed - before;
  expect(grown).toBeLessThan(SLACK_BYTES);
});

test('connections that begin, end and are refused, with marks, persistence, one packet and all defences', () => {
  const rig = new DirectorRig({ connections: 512 });
  const server = { address: '10.0.1.2', port: 0, method: 'route' } as const;
  rig.service('tcp', VIP, 80, [{ ...server, port: 80 }]);
  rig.service('udp', VIP, 53, [{ ...server, port: 53 }]);
  const persistent = { scheduler: 'rr', schedulerFlags: [], onePacket: true, persistenceSeconds: 5, persistencePrefix: 24 };
  rig.apply(
    { kind: 'editService', service: { protocol: 'udp', address: VIP, port: 53 }, settings: persistent },
    { kind: 'addService', service: { firewallMark: 7, family: 'v4' }, settings: { ...persistent, onePacket: false } },
    {
      kind: 'addDestination',
      service: { firewallMark: 7, family: 'v4' },
      destination: { address: '10.0.1.2', port: 0 },
      settings: { method: 'route', weight: 1, upperThreshold: 400, lowerThreshold: 0 },
    },
    { kind: 'setClassification', rules: [{ family: 'v4', mark: 7, protocol: 'tcp', targetPorts: [[443, 444]] }] },
    { kind: 'setSettings', settings: { drop_entry: 3, drop_packet: 3, nat_icmp_send: 1, expire_nodest_conn: 1 } },
  );
  const { director } = rig;
  const { arena } = director.state;
  const ip = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC }).ipv4({ source: '10.1.2.5', target: VIP });
  const kinds = [
    ip.tcp({ source: 0, target: 80, flags: 'SYN' }).build(),
    ip.tcp({ source: 0, target: 443, flags: 'SYN' }).build(),
    ip.udp({ source: 0, target: 53 }).build(),
  ];
  const at = arena.reserve(512) + 128;
  const burst = new Burst();
  let port = 0;
  const run = (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const kind = kinds[round % kinds.length]!;
      arena.bytes.set(kind, at);
      port = (port + 1) & 0x7fff;
      // The transport checksum is not looked at.
      arena.view.setUint16(at + 34, 1024 + port);
      burst.count = 0;
      burst.push(at, kind.length);
      rig.clock.advance(200);
      director.setTime();
      director.handleBurst(burst, 0, 0);
      director.expire();
    }
  };
  run(10_000);
  collect();
  const before = process.memoryUsage().heapUsed;
  run(40_000);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(SLACK_BYTES);
  const counters = rig.counters();
  for (const name of ['connectionsCreated', 'connectionsExpired', 'connectionsShed', 'packetsShed'])
    expect(counters[name]).toBeGreaterThan(0);
});
