import { describe, expect, test } from 'vitest';
import { chooseEngines, chooseIo, type IoCircumstances, PLAIN_CIRCUMSTANCES, withoutXdp } from '../../src/control/ioChoice.ts';
import { link } from '../network/fakeNetwork.ts';

const CASES = [
  // name                                 the interface                          engine
  ['a card with native XDP', { driver: 'ixgbe' }, 'xdp', 'driver ixgbe has native XDP'],
  ['a card without', { driver: 'e1000' }, 'packet', 'driver e1000 is not known for native XDP'],
  ['virtio', { driver: 'virtio_net' }, 'packet', 'driver virtio_net passes super-frames and unfinished checksums'],
  ['veth', { kind: 'veth' }, 'packet', 'veth interfaces pass super-frames and unfinished checksums'],
  ['a VLAN on such a card', { kind: 'vlan', driver: '' }, 'packet', 'vlan interfaces pass super-frames and unfinished checksums'],
  ['something unknown', {}, 'packet', 'no driver with native XDP'],
  ['the loopback interface', { isLoopback: true }, 'packet', 'the loopback interface has no XDP'],
] as const;

describe('auto', () => {
  test.each(CASES)('attaches to %s', (_name, facts, io, reason) =>
    expect(chooseIo(link(2, 'eth0', facts))).toEqual({ io, reason }),
  );

  test('goes back to packet where xdp failed, and leaves the others', () => {
    const links = [link(2, 'eth0', { driver: 'ice' }), link(3, 'veth0', { kind: 'veth' })];
    const second = withoutXdp(chooseEngines('auto', links));
    expect(second?.map(({ name, io }) => `${name} ${io}`)).toEqual(['eth0 packet', 'veth0 packet']);
  });

  test('has no second choice without xdp', () => {
    expect(withoutXdp(chooseEngines('auto', [link(2, 'eth0')]))).toBeUndefined();
  });
});

describe('auto, where the kernel says what XDP the driver takes', () => {
  const known = { receiveQueues: 4, txChecksum: true, tso: true, gro: true };
  const CASES = [
    ['a driver that no list has', { driver: 'new' }, 'copy', 'xdp', 'driver new has native XDP'],
    ['a driver without copies', { driver: 'new' }, 'zerocopy', 'xdp', 'driver new has AF_XDP of its own'],
    ['a listed driver that cannot', { driver: 'ice' }, 'none', 'packet', 'driver ice takes no XDP program'],
    ['a bridge', { kind: 'bridge' }, 'none', 'packet', 'this bridge interface takes no XDP program'],
    ['virtio', { driver: 'virtio_net' }, 'copy', 'packet', 'driver virtio_net passes super-frames and unfinished checksums'],
  ] as const;
  test.each(CASES)('%s', (_name, facts, xdp, io, reason) => {
    const circumstances = { ...PLAIN_CIRCUMSTANCES, capabilities: () => ({ ...known, xdp }) };
    expect(chooseIo(link(2, 'eth0', facts), circumstances)).toEqual({ io, reason });
  });
});

describe('auto on a veth interface', () => {
  const veth = link(2, 'veth0', { kind: 'veth' });
  const known = { receiveQueues: 1, txChecksum: true, tso: true, gro: true };
  const around = (more: Partial<IoCircumstances>): IoCircumstances => ({
    ...PLAIN_CIRCUMSTANCES,
    capabilities: () => known,
    ...more,
  });
  const off = { capabilities: () => ({ ...known, txChecksum: false, tso: false }) };
  const CASES = [
    ['with offloads, both directions', {}, 'packet', 'veth interfaces pass super-frames and unfinished checksums'],
    ['without offloads', off, 'xdp', 'a veth interface whose offloads are off'],
    ['requests only', { isOneWay: true }, 'xdp', 'a veth interface, and only requests pass (route, tunnel), mostly small frames'],
    [
      'without offloads, two workers',
      { ...off, workers: 2 },
      'packet',
      'a veth interface whose offloads are off, but by xdp masq and fullnat need one worker',
    ],
  ] as const;
  test.each(CASES)('%s', (_name, more, io, reason) => expect(chooseIo(veth, around(more))).toEqual({ io, reason }));

  test('whose other end has more queues, so that the driver refuses XDP', () => {
    const refusing = { capabilities: () => ({ ...known, txChecksum: false, tso: false, xdp: 'none' as const }) };
    expect(chooseIo(veth, around(refusing))).toEqual({ io: 'packet', reason: 'this veth interface takes no XDP program' });
  });

  test('needs a queue for each worker', () => {
    const { io, reason } = chooseIo(veth, around({ isOneWay: true, workers: 2 }));
    expect([io, reason.split(', but ')[1]]).toEqual(['packet', 'it has 1 receive queue(s) for 2 workers']);
  });

  test('needs an MTU that AF_XDP takes', () => {
    expect(chooseIo({ ...veth, mtu: 9000 }, around(off)).io).toBe('packet');
  });
});

test('what is asked for is taken', () => {
  const reason = 'asked for with --io tun';
  expect(chooseEngines('tun', [link(2, 'eth0', { driver: 'ice' })])).toEqual([{ name: 'eth0', io: 'tun', reason }]);
});
