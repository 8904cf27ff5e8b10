/** docs/reference/statistics.md against what is counted. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TRAFFIC } from '../../src/table/trafficRow.ts';

const DOCUMENT = readFileSync(new URL('../../docs/reference/statistics.md', import.meta.url), 'utf8');

test.each(['Counts', 'Rates'])('"%s" lists exactly what is counted, in the order of the kernel', (title) => {
  const section = DOCUMENT.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? '';
  const listed = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!);
  const { words, ...counted } = TRAFFIC;
  expect(listed).toEqual(Object.keys(counted));
  expect(listed).toHaveLength(words);
});
