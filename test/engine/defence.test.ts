/** drop_entry, drop_packet and secure_tcp; the sequences of drop_packet with mode 3 are the kernel's (kernelDecisions.test.ts). */
import { describe, expect, test } from 'vitest';
import type { SettingValue } from '../../src/base/settings.ts';
import { NONE } from '../../src/base/terms.ts';
import { ConnectionFlag } from '../../src/table/connectionFlags.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DirectorRig } from '../support/directorRig.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.0.2.1';

function rigWith(settings: Readonly<Record<string, SettingValue>>, connections = 1024): DirectorRig {
  const rig = new DirectorRig({ connections });
  rig.service('tcp', VIP, 80, [{ address: '10.0.1.1', port: 80, method: 'route' }]);
  rig.apply({ kind: 'setSettings', settings });
  return rig;
}

function send(rig: DirectorRig, port: number, flags: string, source = '10.9.0.1'): boolean {
  const built = frame()
    .ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC })
    .ipv4({ source, target: VIP })
    .tcp({ source: port, target: 80, flags })
    .build();
  return rig.send('client', built).some(({ side }) => side === 'server');
}

/** Seconds pass, with a breath every 100 ms. */
function wait(rig: DirectorRig, seconds: number): void {
  for (let i = 0; i < seconds * 10; i++) {
    rig.clock.advance(100);
    rig.breath.breathe();
  }
}

describe('drop_packet', () => {
  test('mode 1 becomes 2 while memory is low, and drops one of as many as the threshold is in want of', () => {
    // 1024 rows of 128 bytes are 32 pages; of 48 wanted 16 are missing, so one of three is dropped.
    const rig = rigWith({ amemthresh: 48, drop_packet: 1 });
    expect(rig.director.state.settings.values.drop_packet).toBe(2);
    expect([1, 2, 3, 4, 5, 6].map((port) => send(rig, port, 'SYN'))).toEqual([true, true, false, true, true, false]);
    expect(rig.counters()['packetsShed']).toBe(2);
    rig.apply({ kind: 'setSettings', settings: { amemthresh: 16 } });
    wait(rig, 1.1);
    expect(rig.director.state.settings.values.drop_packet).toBe(1);
    expect([7, 8, 9].every((port) => send(rig, port, 'SYN'))).toBe(true);
  });

  test('never drops a packet of a connection that there is', () => {
    const rig = rigWith({});
    send(rig, 1, 'SYN');
    rig.apply({ kind: 'setSettings', settings: { am_droprate: 1 } }, { kind: 'setSettings', settings: { drop_packet: 3 } });
    expect([send(rig, 1, 'ACK'), send(rig, 1, 'ACK'), send(rig, 2, 'SYN')]).toEqual([true, true, false]);
  });
});

describe('drop_entry', () => {
  test('sheds connections that wait for their handshake, of the established ones only quiet ones', () => {
    const rig = rigWith({ drop_entry: 3 }, 256);
    for (let port = 1; port <= 100; port++) send(rig, port, 'SYN');
    for (let port = 1; port <= 20; port++) send(rig, port, 'ACK');
    const { connections } = rig.director.state.tables;
    wait(rig, 30);
    const early = connections.count;
    expect(early).toBeGreaterThan(20);
    expect(early).toBeLessThan(80);
    wait(rig, 29);
    expect(rig.counters()['connectionsShed']).toBeGreaterThan(30);
    wait(rig, 10);
    // Two packets each, so every second one that is looked at goes, once a minute has passed.
    wait(rig, 200);
    expect(connections.count).toBeLessThan(5);
  });

  test('off, it sheds nothing', () => {
    const rig = rigWith({});
    send(rig, 1, 'SYN');
    wait(rig, 50);
    expect(rig.director.state.tables.connections.count).toBe(1);
  });

  test('a template goes with its last connection if it never had an answer', () => {
    const rig = new DirectorRig({ connections: 64 });
    const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 300, persistencePrefix: 32 };
    const service = { protocol: 'tcp', address: VIP, port: 80 } as const;
    rig.service('tcp', VIP, 80, [{ address: '10.0.1.1', port: 80, method: 'route' }]);
    rig.apply({ kind: 'editService', service, settings }, { kind: 'setSettings', settings: { drop_entry: 3 } });
    for (let client = 1; client <= 20; client++) send(rig, 1, 'SYN', `10.9.0.${client}`);
    const { connections } = rig.director.state.tables;
    expect(connections.count).toBe(40);
    wait(rig, 50);
    let templates = 0;
    for (let conn = connections.first(); conn !== NONE; conn = connections.next(conn))
      if (connections.isTemplate(conn)) templates++;
    expect(templates).toBeLessThan(15);
    expect(connections.count).toBe(templates * 2);
  });
});

test('secure_tcp puts its tables in force at once and takes them back', () => {
  const rig = rigWith({ secure_tcp: 3 });
  const { connections } = rig.director.state.tables;
  send(rig, 1, 'SYN');
  const conn = connections.first();
  expect(connections.state(conn)).toBe(10);
  expect(connections.flags(conn) & ConnectionFlag.inactive).toBe(0);
  rig.apply({ kind: 'setSettings', settings: { secure_tcp: 0 } });
  send(rig, 2, 'SYN');
  const other = connections.next(NONE) === conn ? connections.next(conn) : connections.first();
  expect(connections.state(other)).toBe(3);
});
