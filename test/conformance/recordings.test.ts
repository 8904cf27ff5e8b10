/** Every recording of the real kernel, played against the engine: the project's own copy of them, folder by folder. */
import { expect, test } from 'vitest';
import { readDifferences } from './differences.ts';
import { playSource } from './playRecording.ts';
import { DEFAULT_FOLDER, type Source, sourcesBelow } from './sources.ts';

const DIFFERENCES = readDifferences();
const FOLDERS = Map.groupBy(sourcesBelow(DEFAULT_FOLDER), ({ name }) => name.slice(0, name.lastIndexOf('/')));
/** Ids of the recordings that failed, of all folders. */
const failedIds = new Set<string>();

test.each([...FOLDERS])('%s: the engine decides as the kernel did', async (_folder, sources: readonly Source[]) => {
  const results = [];
  for (const source of sources) results.push(await playSource(source));
  const failures = results.flatMap((result) => {
    if (result.verdict === 'failed') failedIds.add(result.id);
    return DIFFERENCES.has(result.id) ? [] : result.failures.map((failure) => ({ file: result.file, ...failure }));
  });
  expect(failures).toEqual([]);
});

test('docs/reference/differences.md names recordings that do differ, each with its reason', () => {
  expect([...DIFFERENCES.keys()].filter((id) => !failedIds.has(id))).toEqual([]);
  expect([...DIFFERENCES].filter(([, reason]) => !/\w+;? .*;.*\w/.test(reason))).toEqual([]);
});
