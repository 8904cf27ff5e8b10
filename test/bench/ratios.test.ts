import { describe, expect, test } from 'vitest';
import type { Figure } from '../../bench/figures.ts';
import { NFT_PEER } from '../../bench/lab/peers.ts';
import { withRatios } from '../../bench/lab/ratios.ts';

const figure = (name: string, labels: Figure['labels'], runs: readonly number[], unit = 'Mpps'): Figure => {
  return { suite: 'lab', name, labels, value: runs[0]!, unit, runs };
};
const OVERLOAD = { load: 'overload', method: 'masq', bytes: 64 };
const OURS = { ...OVERLOAD, method: 'route', io: 'xdp', wait: 'adaptive' };

describe('a figure of the lab', () => {
  test('has the ratio to nftables under the same load, run by run', () => {
    const all = withRatios([figure(NFT_PEER, OVERLOAD, [1, 2, 4]), figure('uvs xdp', OURS, [2, 2, 6])]);
    expect(all.map(({ unit }) => unit)).toEqual(['Mpps', 'Mpps', `x ${NFT_PEER}`]);
    expect(all[2]).toMatchObject({ name: 'uvs xdp', labels: OURS, value: 1.5, runs: [2, 1, 1.5] });
  });

  test.each([
    ['of another load', figure('uvs xdp', { ...OURS, load: 'capacity' }, [1])],
    ['in another unit', figure('uvs xdp', OURS, [1], 'core ns/packet')],
    ['of nftables itself', figure(NFT_PEER, { ...OVERLOAD, load: 'capacity' }, [1])],
  ])('%s has none', (_name, other) => {
    expect(withRatios([figure(NFT_PEER, OVERLOAD, [1]), other])).toHaveLength(2);
  });
});
