import { beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/readConfig.ts';
import { Control } from '../../src/control/control.ts';
import type { Log } from '../../src/control/log.ts';
import { FakeNetwork, ManualWaits, route, settle } from '../network/fakeNetwork.ts';
import { FakeDataPlane } from './fakeDataPlane.ts';

let network: FakeNetwork;
let waits: ManualWaits;
let dataPlane: FakeDataPlane;
let control: Control;
let logged: string[];

function config(...realServers: string[]) {
  const servers = realServers.map((address) => `{address: ${address}}`).join();
  return parsed(`services: [{address: tcp 10.0.0.100:80, realServers: [${servers}]}]`);
}

function parsed(text: string) {
  return parseConfig(text, 'test', { schedulers: ['wlc'] }).config!;
}

beforeEach(() => {
  network = new FakeNetwork();
  network.routes.set('10.0.0.2', route(2)).set('10.0.0.3', route(3, { gateway: '10.0.1.254', mtu: 1400 }));
  network.neighbours.set('10.0.0.2 2', '02:00:00:00:00:02').set('10.0.1.254 3', '02:00:00:00:00:fe');
  waits = new ManualWaits();
  dataPlane = new FakeDataPlane();
  logged = [];
  const line = (level: string) => (_facts: object, message: string) => logged.push(`${level} ${message}`);
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const links = network.linkList.filter(({ isLoopback }) => !isLoopback);
  control = new Control({ dataPlane, network, links, localAddresses: ['10.0.0.1'], wait: waits.wait, log });
});

describe('control', () => {
  test('brings a configuration and its next hops to the data plane, one log line for each action', async () => {
    await control.use(config('10.0.0.2', '10.0.0.3'));
    await control.settled();
    expect(dataPlane.lines).toEqual([
      'addService tcp 10.0.0.100:80 wlc',
      'addDestination tcp 10.0.0.100:80 -> 10.0.0.2:80 route 1',
      'addDestination tcp 10.0.0.100:80 -> 10.0.0.3:80 route 1',
      'setNextHop 10.0.0.2 port 0 02:00:00:00:00:02',
      'setNextHop 10.0.0.3 port 1 02:00:00:00:00:fe',
    ]);
    expect(logged).toEqual(dataPlane.lines.map((line) => `info ${line}`));
  });

  test('applies only the difference of a second configuration', async () => {
    await control.use(config('10.0.0.2'));
    await control.settled();
    dataPlane.lines.length = 0;
    await control.use(config('10.0.0.3', '10.0.0.2'));
    await control.settled();
    expect(dataPlane.lines).toEqual([
      'addDestination tcp 10.0.0.100:80 -> 10.0.0.3:80 route 1',
      'setNextHop 10.0.0.3 port 1 02:00:00:00:00:fe',
    ]);
  });

  test('plans from what runs after a refusal', async () => {
    await control.use(config('10.0.0.2'));
    dataPlane.refuseNext = 'the table is full';
    await expect(control.use(config('10.0.0.2', '10.0.0.3'))).rejects.toMatchObject({ code: 'CAPACITY_EXCEEDED' });
    const actions = await control.use(config('10.0.0.2', '10.0.0.3'));
    expect(actions.map(({ kind }) => kind)).toEqual(['addDestination']);
  });

  test('applies two configurations that come at once one after the other', async () => {
    await Promise.all([control.use(config('10.0.0.2')), control.use(config('10.0.0.3'))]);
    expect(dataPlane.tables.services[0]?.destinations.map(({ key }) => key.address)).toEqual(['10.0.0.3']);
  });

  test('tells the data plane of a real server that is the director itself', async () => {
    network.routes.set('10.0.0.1', route(1, { isLocal: true }));
    await control.use(config('10.0.0.1'));
    await control.settled();
    expect(logged.at(-2)).toBe("info real server 10.0.0.1 is the director's own host, which gets its packets unchanged");
    expect(dataPlane.lines.at(-1)).toBe('setNextHop 10.0.0.1 port 0 local');
  });

  test('warns of masquerading to the director itself', async () => {
    network.routes.set('10.0.0.1', route(1, { isLocal: true }));
    await control.use(config('10.0.0.1, method: masq'));
    await control.settled();
    expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
      "warn real server 10.0.0.1 is the director's own host: masq does not rewrite for it; use method route",
    ]);
  });

  test('warns of a service by a mark that no rule gives', async () => {
    const rules = 'classification: [{mark: 7, target: 10.0.0.0/8}, {mark: 8, family: v6}]';
    await control.use(parsed(`services: [{fwmark: 7}, {fwmark: 7, family: v6}, {fwmark: 8}, {fwmark: 8, family: v6}]\n${rules}`));
    expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
      'warn no classification rule gives the mark of fwmark 7 v6: nothing will come to it',
      'warn no classification rule gives the mark of fwmark 8: nothing will come to it',
    ]);
  });

  test('warns of local addresses that the host does not have', async () => {
    await control.use(parsed('services: []\nfullnat: {localAddresses: [10.0.0.1, 10.0.0.9, "2001:db8::9"]}'));
    expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
      "warn local address 10.0.0.9 is none of this host's: replies to it will not come here",
      "warn local address 2001:db8::9 is none of this host's: replies to it will not come here",
    ]);
  });

  test('knows the interfaces of rules by the ports of the data plane, and refuses others', async () => {
    const rule = (name: string) => parsed(`services: []\nclassification: [{mark: 7, family: v4, interface: ${name}}]`);
    await control.use(rule('eth1'));
    expect(dataPlane.tables.classification).toEqual([{ family: 'v4', mark: 7, port: 1 }]);
    await expect(control.use(rule('eth7'))).rejects.toMatchObject({ code: 'INTERFACE_UNKNOWN' });
    expect(dataPlane.tables.classification).toHaveLength(1);
  });

  test('changes settings at run time, and the configuration brings them back', async () => {
    await control.use(parsed('services: []\nsettings: {sloppy_tcp: 1}'));
    await control.changeSettings({ drop_entry: 3, sync_threshold: [3, 10] });
    expect(dataPlane.lines).toEqual(['setSettings sloppy_tcp=1', 'setSettings drop_entry=3 sync_threshold=3,10']);
    expect(control.settings).toMatchObject({ sloppy_tcp: 1, drop_entry: 3, sync_threshold: [3, 10], conn_reuse_mode: 1 });
    await control.use(parsed('services: []'));
    expect(dataPlane.lines.slice(2)).toEqual(['setSettings drop_entry=0 sloppy_tcp=0 sync_threshold=3,50']);
  });

  test.each([
    [{ drop_entry: 9 }, 'drop_entry cannot be 9'],
    [{ sloppy_tcp: 1, no_such: 1 }, 'no setting named "no_such"'],
  ])('refuses the settings %j, and changes none', async (values, message) => {
    await expect(control.changeSettings(values)).rejects.toMatchObject({ code: 'SETTING_INVALID', message });
    expect(dataPlane.lines).toEqual([]);
  });

  test('sets counters to zero, of one service or of all', async () => {
    await control.zeroStatistics({ protocol: 'tcp', address: '10.0.0.100', port: 80 });
    await control.zeroStatistics();
    expect(dataPlane.lines).toEqual(['zeroStatistics tcp 10.0.0.100:80', 'zeroStatistics']);
  });

  test('warns of a real server behind an interface that it is not attached to', async () => {
    network.routes.set('10.0.0.9', route(7));
    await control.use(config('10.0.0.9'));
    await settle();
    expect(logged.at(-1)).toMatch(
      /^warn real server 10\.0\.0\.9 is reached through an interface that the director is not attached to/,
    );
  });

  test('tells the data plane of local addresses, when they really changed', async () => {
    network.emit({ kind: 'address' });
    await waits.advance(100);
    expect(dataPlane.localAddresses).toEqual([]);
    network.addressList.push(
      { ifindex: 2, address: '10.0.0.100', prefixLength: 32 },
      { ifindex: 3, address: '10.0.0.100', prefixLength: 32 },
    );
    network.emit({ kind: 'address' });
    await waits.advance(100);
    expect(dataPlane.localAddresses).toEqual(['10.0.0.1', '10.0.0.100']);
  });

  test('says nothing more after it has stopped', async () => {
    await control.use(config('10.0.0.2'));
    await control.settled();
    control.stop();
    dataPlane.lines.length = 0;
    network.emit({ kind: 'all' });
    await waits.advance(60_000);
    await settle();
    expect(dataPlane.lines).toEqual([]);
  });
});
