import { expect, test } from 'vitest';
import { mergeStatus } from '../../src/dataplane/mergeStatus.ts';
import type { DataPlaneStatus } from '../../src/dataplane/messages.ts';

const SERVICE = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const;
const SETTINGS = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
const DESTINATION = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;

/** What a worker says that has met `n` of everything, its destinations in this order. */
function status(n: number, addresses: readonly string[], queue: number): DataPlaneStatus {
  const traffic = { connections: n, inPackets: 10 * n, outPackets: 20 * n, inBytes: 100 * n, outBytes: 200 * n };
  const connection = { protocol: 'TCP', state: 'ESTABLISHED', expiresSeconds: 900, client: `${n}`, virtual: '', destination: '' };
  return {
    ports: [
      { name: 'eth0', io: 'packet', mode: 'ring', counters: { received: n, transmitted: 2 * n } },
      { name: 'eth1', io: 'xdp', mode: `native, queue ${queue}`, counters: { received: n } },
    ],
    services: [
      {
        key: SERVICE,
        settings: SETTINGS,
        traffic,
        rates: traffic,
        destinations: addresses.map((address) => ({
          key: { address, port: 80 },
          settings: DESTINATION,
          activeConnections: n,
          inactiveConnections: 3 * n,
          persistentClients: n,
          overloaded: n === 2,
          nextHop: null,
          traffic,
          rates: traffic,
        })),
      },
    ],
    connections: { count: n, capacity: 100, list: [connection] },
    traffic,
    rates: { ...traffic, inBytes: n / 32 },
    counters: n === 1 ? { received: 1 } : { received: n, noDestination: 7 },
    workers: [{ cpu: queue, connections: n, frames: n }],
  };
}

const MERGED = mergeStatus([status(1, ['10.0.0.1', '10.0.0.2'], 0), status(2, ['10.0.0.2', '10.0.0.1'], 1)], 1);

test('counts are added, also where the order differs', () => {
  expect(MERGED.traffic).toEqual({ connections: 3, inPackets: 30, outPackets: 60, inBytes: 300, outBytes: 600 });
  expect(MERGED.rates).toEqual({ connections: 3, inPackets: 30, outPackets: 60, inBytes: 3 / 32, outBytes: 600 });
  expect(MERGED.counters).toEqual({ received: 3, noDestination: 7 });
  expect(MERGED.services).toHaveLength(1);
  expect(MERGED.services[0]!.destinations.map((each) => [each.key.address, each.activeConnections, each.overloaded])).toEqual([
    ['10.0.0.1', 3, true],
    ['10.0.0.2', 3, true],
  ]);
});

test('capacities are added, and no more connections are listed than were asked for', () => {
  expect(MERGED.connections).toMatchObject({ count: 3, capacity: 200 });
  expect(MERGED.connections.list).toHaveLength(1);
});

test('an interface is one line, but for the queues of AF_XDP', () => {
  expect(MERGED.ports.map(({ name, mode, counters }) => [name, mode, counters])).toEqual([
    ['eth0', 'ring', { received: 3, transmitted: 6 }],
    ['eth1', 'native, queue 0', { received: 1 }],
    ['eth1', 'native, queue 1', { received: 2 }],
  ]);
});

test('each worker is still seen', () => {
  expect(MERGED.workers).toEqual([
    { cpu: 0, connections: 1, frames: 1 },
    { cpu: 1, connections: 2, frames: 2 },
  ]);
});
