/**
 * The schedulers against what the kernel did: every recording is played event by event, and every choice and every count of
 * connections must be the recorded one (golden/ipvs/README.md, schema sched-1). Where the kernel draws lots, see twos.test.ts.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import { goldenNames, readGolden } from '../support/golden.ts';
import { play, type Recording } from './playRecording.ts';

const KERNELS = SCHEDULERS.filter(({ origin, name }) => origin === 'kernel' && name !== 'twos').map(({ name }) => name);

/** Lives of services at random, put to the same kernel later (test/golden/README.md). */
const asked = JSON.parse(
  gunzipSync(readFileSync(new URL('../golden/scheduling.json.gz', import.meta.url))).toString(),
) as Readonly<Record<string, Recording>>;

/** By name, the first event that went otherwise; nothing for those that went as recorded. */
function differences(recordings: Iterable<readonly [name: string, recording: Recording]>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, recording] of recordings) {
    const difference = play(recording);
    if (difference !== undefined) found[name] = difference;
  }
  return found;
}

test.each(KERNELS)('%s: every choice and every count is the recorded one', (scheduler) => {
  const files = goldenNames(`A_sched/${scheduler}`);
  expect(files.length).toBeGreaterThan(10);
  expect(differences(files.map((file) => [file, readGolden<Recording>(file)]))).toEqual({});
});

test.each(KERNELS)('%s: so it is for changes of servers, weights, thresholds and flags at random', (scheduler) => {
  const recordings = Object.entries(asked).filter(([name]) => name.startsWith(`J_scheduling/${scheduler}/`));
  expect(recordings.length).toBeGreaterThan(8);
  expect(differences(recordings)).toEqual({});
});
