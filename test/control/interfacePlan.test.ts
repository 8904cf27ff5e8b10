import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/readConfig.ts';
import { planInterfaces, planTunDevices } from '../../src/control/interfacePlan.ts';
import { FakeNetwork, link, route } from '../network/fakeNetwork.ts';

function config(text: string) {
  return parseConfig(text, 'test', { schedulers: ['wlc'] }).config!;
}

const WEB = config('services: [{address: tcp 10.0.0.100:80, realServers: [{address: 10.0.1.2}, {address: 10.0.1.3}]}]');

/** lo, eth0, eth1, a dummy; eth1 leads to the real servers, eth0 has the default route. */
function network(): FakeNetwork {
  const fake = new FakeNetwork();
  fake.linkList.push(
    link(4, 'dummy0', { kind: 'dummy' }),
    link(5, 'wg0', { isEthernet: false }),
    link(6, 'eth9', { isUp: false }),
  );
  fake.routes
    .set('10.0.1.2', route(3))
    .set('10.0.1.3', route(3))
    .set('203.0.113.1', route(2, { gateway: '10.0.0.254' }));
  return fake;
}

async function planned(fake: FakeNetwork, of = WEB): Promise<string[]> {
  return (await planInterfaces(of, fake)).map(({ link: { name }, reason }) => `${name}: ${reason}`);
}

describe('the interfaces', () => {
  test('are those that are named, in that order and once', async () => {
    const named = config('interfaces: [eth1, eth0, eth1]\nservices: []');
    expect(await planned(network(), named)).toEqual(['eth1: named in the configuration', 'eth0: named in the configuration']);
  });

  test('carry the virtual address and lead to the real servers', async () => {
    const fake = network();
    fake.addressList.push({ ifindex: 2, address: '10.0.0.100', prefixLength: 32 });
    expect(await planned(fake)).toEqual(['eth0: carries 10.0.0.100', 'eth1: leads to 10.0.1.2']);
  });

  test('lead to a virtual address that nobody carries yet', async () => {
    const fake = network();
    fake.routes.set('10.0.0.100', route(2));
    expect(await planned(fake)).toEqual(['eth0: leads to 10.0.0.100', 'eth1: leads to 10.0.1.2']);
  });

  test.each([
    [1, 'lo'],
    [4, 'a dummy'],
  ])('have the default route when the virtual address is on interface %i, %s', async (ifindex) => {
    const fake = network();
    fake.addressList.push({ ifindex, address: '10.0.0.100', prefixLength: 32 });
    fake.routes.set('10.0.0.100', route(1, { isLocal: true }));
    expect(await planned(fake)).toEqual(['eth0: has the default route', 'eth1: leads to 10.0.1.2']);
  });

  test('are one in a network with one arm', async () => {
    const fake = network();
    fake.addressList.push({ ifindex: 3, address: '10.0.0.100', prefixLength: 32 });
    expect(await planned(fake)).toEqual(['eth1: carries 10.0.0.100']);
  });

  test.each([
    ['interfaces: [eth7]', 'INTERFACE_UNKNOWN', 'no interface named "eth7"'],
    ['interfaces: [wg0]', 'INTERFACE_UNSUITABLE', 'wg0 has no Ethernet frames'],
    ['interfaces: [eth9]', 'INTERFACE_UNSUITABLE', 'eth9 is down'],
    ['', 'ROUTE_MISSING', 'no interface leads to a real server or carries a virtual address'],
  ])('"%s" is refused with %s', async (line, code, message) => {
    await expect(planInterfaces(config(`${line}\nservices: []`), network())).rejects.toMatchObject({ code, message });
  });
});

describe('the TUN devices', () => {
  const planTun = async (line: string) => {
    const fake = network();
    fake.linkList.push(link(7, 'uvs0', { kind: 'tun', isEthernet: false }));
    return (await planTunDevices(config(`${line}\nservices: []`), fake)).map(
      ({ link: { name }, reason }) => `${name}: ${reason}`,
    );
  };

  test('are made when they are not there', async () => {
    expect(await planTun('interfaces: [uvs0, uvs1]')).toEqual([
      'uvs0: named in the configuration',
      'uvs1: named in the configuration, will be made',
    ]);
  });

  test.each([
    ['', 'INTERFACE_UNKNOWN'],
    ['interfaces: [eth0]', 'INTERFACE_UNSUITABLE'],
  ])('"%s" is refused with %s', async (line, code) => {
    await expect(planTun(line)).rejects.toMatchObject({ code });
  });
});
