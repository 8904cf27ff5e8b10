import { expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { serviceSlice, snapshot } from '../../src/dataplane/snapshot.ts';
import { DirectorRig } from '../support/directorRig.ts';

const VIP = '192.168.100.1';

/** Services of so many real servers each. */
function rigWith(servers: readonly number[]): DirectorRig {
  const rig = new DirectorRig();
  for (const [i, count] of servers.entries()) {
    const list = Array.from({ length: count }, (_, n) => ({ address: `10.0.1.${n + 1}`, port: 80, method: 'masq' as const }));
    rig.service('tcp', VIP, 80 + i, list);
  }
  return rig;
}

const CASES: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  // name                             real servers           services of each slice
  ['no services', [], [0]],
  ['few', [3, 0, 3], [3]],
  ['many', [40, 40, 40, 1], [2, 2]],
  ['one that is large by itself', [100, 1, 1], [1, 2]],
  ['many without real servers', new Array<number>(60).fill(0), [60]],
];

test.each(CASES)('services come in slices of whole ones: %s', (_name, servers, slices) => {
  const { state } = rigWith(servers).director;
  const sizes: number[] = [];
  const all = [];
  for (let from = 0; from !== NONE; ) {
    const { services, nextService } = serviceSlice(state, from);
    sizes.push(services.length);
    all.push(...services);
    from = nextService;
  }
  expect(sizes).toEqual(slices);
  expect(all).toEqual(snapshot(state, [], 0).services);
  expect(all.map(({ destinations }) => destinations.length)).toEqual(servers);
});
