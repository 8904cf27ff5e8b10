/** A real server whose address is the director's own: its packets are the host's, as they came (the kernel was asked, all methods). */
import { describe, expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DirectorRig } from '../support/directorRig.ts';
import { cutFrame } from '../support/fragmentFrame.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.168.100.1';
const OWN = '10.0.1.254';

function rigWith(method: 'route' | 'masq' | 'tunnel', local = true): DirectorRig {
  const rig = new DirectorRig();
  for (const protocol of ['tcp', 'udp'] as const) rig.service(protocol, VIP, 80, [{ address: OWN, port: 80, method }]);
  if (local)
    rig.apply({ kind: 'setNextHop', nextHop: { address: OWN, port: 1, mac: null, source: OWN, mtu: 65_536, local: true } });
  return rig;
}

function packet(ttl = 64) {
  return frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC }).ipv4({ source: '10.1.2.5', target: VIP, ttl });
}

describe.each(['route', 'masq', 'tunnel'] as const)('a local real server, configured for %s', (method) => {
  test.each([64, 1])('gets packets unchanged, with their hop limit of %i', (ttl) => {
    const rig = rigWith(method);
    const sent = packet(ttl).tcp({ source: 4000, target: 80, flags: 'SYN' }).build();
    const out = rig.send('client', sent);
    expect(out).toEqual([{ side: 'host', frame: sent }]);
    expect(rig.counters()).toMatchObject({ deliveredLocally: 1, connectionsCreated: 1 });
  });

  test('is counted like any other', () => {
    const rig = rigWith(method);
    for (const flags of ['SYN', 'ACK']) rig.send('client', packet().tcp({ source: 4000, target: 80, flags }).build());
    const { connections, traffic } = rig.director.state.tables;
    expect(connections.count).toBe(1);
    expect(traffic.total()).toMatchObject({ connections: 1, inPackets: 2, inBytes: 80 });
  });

  test('gets fragments as they came', () => {
    const rig = rigWith(method);
    const pieces = cutFrame(packet().udp({ source: 4000, target: 80 }).payload(1592).build(), [800, 800]);
    expect(rig.send('client', ...pieces)).toEqual(pieces.map((bytes) => ({ side: 'host', frame: bytes })));
  });
});

test('when the address becomes another host’s, new connections go there', () => {
  const rig = rigWith('route');
  const syn = (source: number) => packet().tcp({ source, target: 80, flags: 'SYN' }).build();
  expect(rig.send('client', syn(4000))[0]?.side).toBe('host');
  rig.reach(OWN);
  expect(rig.send('client', syn(4001))[0]?.side).toBe('server');
});

test('without a way to the host it is a counted drop', () => {
  const rig = rigWith('route');
  Object.assign(rig.director.state, { hostPort: NONE });
  expect(rig.send('client', packet().tcp({ source: 4000, target: 80, flags: 'SYN' }).build())).toEqual([]);
  expect(rig.counters()).toMatchObject({ noHostPort: 1 });
});
