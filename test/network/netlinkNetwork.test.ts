/** The kernel's own answers about the loopback interface; no privilege, no packet. */
import { afterAll, describe, expect, test } from 'vitest';
import { openHostNetwork } from '../../src/network/netlinkNetwork.ts';

const isLinux = process.platform === 'linux';
if (!isLinux) console.log('netlinkNetwork: skipped, rtnetlink is of Linux');

describe.runIf(isLinux)('the host’s network', () => {
  const network = openHostNetwork();
  afterAll(() => network.close());

  test('has a loopback interface', async () => {
    const lo = (await network.links()).find(({ name }) => name === 'lo');
    expect(lo).toMatchObject({ index: 1, isLoopback: true, isEthernet: true, mac: '00:00:00:00:00:00', kind: '', driver: '' });
  });

  test('has the loopback address on it', async () => {
    expect(await network.addresses()).toContainEqual({ ifindex: 1, address: '127.0.0.1', prefixLength: 8 });
  });

  test('routes its own address to itself', async () => {
    expect(await network.routeTo('127.0.0.1')).toMatchObject({ ifindex: 1, gateway: null, source: '127.0.0.1', isLocal: true });
  });

  test('has no route that a server could be behind for a multicast address', async () => {
    expect(await network.routeTo('224.0.0.1')).toBeNull();
  });

  test('needs no MAC address on the loopback interface', async () => {
    expect(await network.neighbour('127.0.0.99', 1)).toBe('00:00:00:00:00:00');
  });

  test('knows no neighbour on an interface that there is not', async () => {
    expect(await network.neighbour('192.0.2.99', 0x7fff_fff0)).toBeNull();
  });

  test('answers many questions at once, each with its own answer', async () => {
    const [links, addresses, route] = await Promise.all([network.links(), network.addresses(), network.routeTo('127.0.0.1')]);
    expect([links.length > 0, addresses.length > 0, route?.isLocal]).toEqual([true, true, true]);
  });

  test('can be watched, and the watch ended', () => {
    const stop = network.watch(() => {});
    stop();
    expect(stop).not.toThrow();
  });
});
