/** A hundred thousand connections by fullnat: spread evenly, refused exactly when all pairs are taken, and taken again. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { NONE, Protocol } from '../../src/base/terms.ts';
import { applyTables } from '../../src/engine/applyTables.ts';
import { Director } from '../../src/engine/director.ts';
import { HEADROOM } from '../../src/io/port.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { localIndexOf, localPortOf } from '../../src/table/localAddresses.ts';
import { Tables } from '../../src/table/tables.ts';
import { frame } from '../support/frame.ts';

const CONNECTIONS = 100_000;
const LOCALS = ['10.0.1.200', '10.0.1.201'];
const VIP = '192.168.100.1';
const SERVER = '10.0.1.2';
/** Just as many pairs as connections. */
const PORTS = [5000, 5000 + CONNECTIONS / LOCALS.length - 1] as const;

function makeDirector(): Director {
  const link = { mtu: 1500, macHigh: 0x0200, macLow: 0x0d00, offloads: false };
  const director = new Director({
    arena: new FrameArena(new ArrayBuffer(4 << 20)),
    tables: new Tables({ connections: 1 << 17, services: 4, destinations: 4 }, 5),
    links: [link, link],
    hostPort: NONE,
    headroom: HEADROOM,
    clock: new ManualClock(1_000_000),
    random: new SeededRandom(5),
  });
  const service = { protocol: 'udp', address: VIP, port: 53 } as const;
  const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
  const values = { method: 'fullnat', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
  const nextHop = { address: SERVER, port: 1, mac: '02:00:00:00:01:02', source: '10.0.1.254', mtu: 1500 };
  applyTables(director.state, [
    { kind: 'setFullnat', fullnat: { localAddresses: LOCALS, ports: PORTS, toa: true, timestamps: true } },
    { kind: 'addService', service, settings },
    { kind: 'addDestination', service, destination: { address: SERVER, port: 53 }, settings: values },
    { kind: 'setNextHop', nextHop },
  ]);
  return director;
}

test('two addresses carry exactly as many connections as they have ports, evenly, and one that ends makes room for one', () => {
  const director = makeDirector();
  const { arena, counters, tables } = director.state;
  const bytes = frame().ipv4({ source: '10.1.0.0', target: VIP }).udp({ source: 1024, target: 53, checksum: 0 }).build();
  const at = arena.reserve(4096) + 1024;
  const burst = new Burst();
  const ask = (client: number): number => {
    arena.bytes.set(bytes, at);
    arena.view.setUint16(at + 34, 1024 + (client & 0x7fff));
    // The address ends in the upper bits; what that adds to the sum of the header is taken off again in an identification nobody reads.
    arena.view.setUint16(at + 28, client >> 15);
    arena.view.setUint16(at + 18, arena.view.getUint16(at + 18) - (client >> 15));
    burst.count = 0;
    burst.push(at, bytes.length);
    director.handle(burst, 0, 0);
    return burst.output[0]!;
  };
  director.setTime();
  for (let client = 0; client < CONNECTIONS; client++) if (ask(client) !== 1) throw new Error(`client ${client} is refused`);
  expect(tables.localPorts.usage(0, Protocol.udp)).toEqual({ used: CONNECTIONS, size: CONNECTIONS });

  const { connections } = tables;
  const seen = new Set<number>();
  const perAddress = [0, 0];
  for (let conn = connections.first(); conn !== NONE; conn = connections.next(conn)) {
    const local = connections.local(conn);
    seen.add(local);
    perAddress[localIndexOf(local)]!++;
    if (localPortOf(local) < PORTS[0] || localPortOf(local) > PORTS[1]) throw new Error(`port ${localPortOf(local)}`);
  }
  expect([seen.size, ...perAddress]).toEqual([CONNECTIONS, CONNECTIONS / 2, CONNECTIONS / 2]);

  expect(ask(CONNECTIONS)).toBe(NONE);
  expect(counters.get('localPortsExhausted')).toBe(1);
  expect(connections.count).toBe(CONNECTIONS);
  const [ended] = [connections.first()];
  const freed = connections.local(ended);
  tables.removeConnection(ended);
  expect(ask(CONNECTIONS)).toBe(1);
  expect(connections.local(ended)).toBe(freed);
  expect(ask(CONNECTIONS + 1)).toBe(NONE);
});
