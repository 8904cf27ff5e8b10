import { describe, expect, test } from 'vitest';
import { chooseEngines, chooseIo, withoutXdp } from '../../src/control/ioChoice.ts';
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

test('what is asked for is taken', () => {
  const reason = 'asked for with --io tun';
  expect(chooseEngines('tun', [link(2, 'eth0', { driver: 'ice' })])).toEqual([{ name: 'eth0', io: 'tun', reason }]);
});
