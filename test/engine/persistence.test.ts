/**
 * What always holds, whatever comes: counts are those of the connections that there are, templates know how many hang on them, and
 * when everything has run out nothing is left. Single decisions are held against the kernel in kernelDecisions.test.ts and by
 * `npm run conformance`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import type { ServiceKey, ServiceSettings, TableAction } from '../../src/table/actions.ts';
import { ConnectionFlag } from '../../src/table/connectionFlags.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DIRECTOR_SERVER_MAC, DirectorRig } from '../support/directorRig.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.0.2.1';
const SERVERS = ['10.0.1.1', '10.0.1.2', '10.0.1.3'];

const SETTINGS: ServiceSettings = {
  scheduler: 'rr',
  schedulerFlags: [],
  onePacket: false,
  persistenceSeconds: 20,
  persistencePrefix: 31,
};
const SERVICES: readonly (readonly [ServiceKey, Partial<ServiceSettings>])[] = [
  [{ protocol: 'tcp', address: VIP, port: 80 }, {}],
  [{ protocol: 'tcp', address: VIP, port: 0 }, {}],
  [{ protocol: 'udp', address: VIP, port: 53 }, { onePacket: true }],
  [{ protocol: 'udp', address: VIP, port: 54 }, {}],
  [{ firewallMark: 7, family: 'v4' }, {}],
];

function addServer(service: ServiceKey, address: string, weight: number): TableAction {
  const port = 'firewallMark' in service ? 0 : service.port;
  const settings = { method: 'masq', weight, upperThreshold: 3, lowerThreshold: 0 } as const;
  return { kind: 'addDestination', service, destination: { address, port }, settings };
}

function rigWith(): DirectorRig {
  const rig = new DirectorRig({ connections: 96 });
  for (const address of SERVERS) rig.reach(address);
  rig.apply({ kind: 'setClassification', rules: [{ family: 'v4', mark: 7, protocol: 'tcp', targetPorts: [[443, 443]] }] });
  for (const [service, own] of SERVICES) {
    rig.apply({ kind: 'addService', service, settings: { ...SETTINGS, ...own } });
    rig.apply(...SERVERS.map((address) => addServer(service, address, 1)));
  }
  return rig;
}

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('packet' as const),
      client: fc.nat(3),
      clientPort: fc.nat(2),
      port: fc.constantFrom(80, 443, 8080, 53, 54),
      flags: fc.constantFrom('SYN', 'SYN', 'ACK', 'FIN ACK', 'RST ACK'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('reply' as const),
      client: fc.nat(3),
      clientPort: fc.nat(2),
      port: fc.constantFrom(80, 443, 54),
      server: fc.nat(2),
      flags: fc.constantFrom('SYN ACK', 'ACK', 'FIN ACK'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 7, 21, 62) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('server' as const), service: fc.nat(4), server: fc.nat(2), weight: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('service' as const), service: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      name: fc.constantFrom('expire_nodest_conn', 'expire_quiescent_template', 'conn_reuse_mode', 'sloppy_tcp', 'drop_entry'),
      value: fc.nat(3),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function act(rig: DirectorRig, s: Step): void {
  switch (s.kind) {
    case 'packet':
    case 'reply':
      return void rig.send(s.kind === 'packet' ? 'client' : 'server', packetOf(s));
    case 'wait':
      return wait(rig, s.seconds);
    case 'server':
      return toggleServer(rig, SERVICES[s.service]![0], SERVERS[s.server]!, s.weight);
    case 'service':
      return toggleService(rig, ...SERVICES[s.service]!);
    case 'set':
      return rig.apply({ kind: 'setSettings', settings: { [s.name]: s.value } });
  }
}

function packetOf(s: Extract<Step, { kind: 'packet' | 'reply' }>): Uint8Array {
  const client = { address: `10.9.0.${s.client}`, port: 2000 + s.clientPort };
  const other = { address: s.kind === 'packet' ? VIP : SERVERS[s.server]!, port: s.port };
  const [from, to] = s.kind === 'packet' ? [client, other] : [other, client];
  const link =
    s.kind === 'packet'
      ? { source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC }
      : { source: '02:00:00:00:01:01', target: DIRECTOR_SERVER_MAC };
  const ip = frame().ethernet(link).ipv4({ source: from.address, target: to.address });
  const ports = { source: from.port, target: to.port };
  return (s.port < 60 ? ip.udp(ports) : ip.tcp({ ...ports, flags: s.flags })).payload(4).build();
}

function toggleServer(rig: DirectorRig, service: ServiceKey, address: string, weight: number): void {
  const { services, destinations } = rig.director.state.tables;
  const row = services.findKey(service);
  if (row === NONE) return;
  const port = 'firewallMark' in service ? 0 : service.port;
  for (let d = destinations.first(row); d !== NONE; d = destinations.next(d)) {
    if (destinations.key(d).address !== address) continue;
    const destination = { address, port };
    const settings = { method: 'masq', weight: 0, upperThreshold: 2, lowerThreshold: 1 } as const;
    rig.apply(
      weight === 0
        ? { kind: 'editDestination', service, destination, settings }
        : { kind: 'removeDestination', service, destination },
    );
    return;
  }
  rig.apply(addServer(service, address, weight));
}

function toggleService(rig: DirectorRig, service: ServiceKey, own: Partial<ServiceSettings>): void {
  if (rig.director.state.tables.services.findKey(service) !== NONE) rig.apply({ kind: 'removeService', service });
  else {
    rig.apply({ kind: 'addService', service, settings: { ...SETTINGS, ...own } });
    rig.apply(...SERVERS.map((address) => addServer(service, address, 1)));
  }
}

function wait(rig: DirectorRig, seconds: number): void {
  for (let i = 0; i < seconds * 2; i++) {
    rig.clock.advance(500);
    rig.breath.breathe();
  }
}

/** What the rows of the connections say that the counts must be. */
function faults(rig: DirectorRig): string[] {
  const { connections, destinations } = rig.director.state.tables;
  const [total, active, templates, controlled] = [new Map(), new Map(), new Map(), new Map()] as Map<number, number>[];
  const add = (map: Map<number, number> | undefined, key: number) => map!.set(key, (map!.get(key) ?? 0) + 1);
  for (let conn = connections.first(); conn !== NONE; conn = connections.next(conn)) {
    const d = connections.destination(conn);
    if (connections.isTemplate(conn)) add(templates, d);
    else add(total, d);
    if (!connections.isTemplate(conn) && (connections.flags(conn) & ConnectionFlag.inactive) === 0) add(active, d);
    if (connections.controller(conn) !== NONE) add(controlled, connections.controller(conn));
  }
  const found: string[] = [];
  for (let conn = connections.first(); conn !== NONE; conn = connections.next(conn)) {
    if (connections.controlledCount(conn) !== (controlled!.get(conn) ?? 0)) found.push(`controller ${conn}`);
  }
  for (let d = 0; d < destinations.capacity; d++) {
    const counts = [destinations.total(d), destinations.active(d), destinations.templates(d)];
    const wanted = [total!.get(d) ?? 0, active!.get(d) ?? 0, templates!.get(d) ?? 0];
    if (counts.join() !== wanted.join()) found.push(`destination ${d}: ${counts} instead of ${wanted}`);
  }
  return found;
}

describe('through any sequence of packets, waits and changes', () => {
  test('counts are those of the connections, and in the end nothing is left', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 120, size: 'max' }), (steps) => {
        const rig = rigWith();
        for (const s of steps) {
          act(rig, s);
          expect(faults(rig)).toEqual([]);
        }
        rig.clock.advance(1_000_000);
        wait(rig, 300);
        expect(rig.director.state.tables.connections.count).toBe(0);
        expect(faults(rig)).toEqual([]);
      }),
      { numRuns: 10 },
    );
  });
});
