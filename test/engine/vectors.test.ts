/**
 * What the real kernel's IPVS made of single packets (golden/ipvs/D_vectors and H_sctp): the engine makes the same bytes of them, and
 * ends with the same connections and counts. What may differ is in the recordings' README, and in conformance/packetComparison.ts.
 */
import { expect, test } from 'vitest';
import { playSource } from '../conformance/playRecording.ts';
import { goldenNames, readGolden } from '../support/golden.ts';

test.each([...goldenNames('D_vectors'), ...goldenNames('H_sctp')])('%s: packets leave as the kernel sent them', async (name) => {
  const { failures, steps } = await playSource({ name, read: () => readGolden(name) });
  expect(failures).toEqual([]);
  // Otherwise nothing was compared.
  expect(steps.length).toBeGreaterThan(5);
});
