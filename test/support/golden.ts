/** Finds the recordings of the real kernel: the project's own copy first, the ones beside the checkout else. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PLACES = ['../golden/ipvs/', '../../../shared/golden/ipvs/'];

/** Where the recordings are; undefined when this checkout has none beside it. */
export function goldenFolder(): string | undefined {
  return PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => existsSync(path));
}

/** One recording, parsed. */
export function readGolden<T>(name: string): T {
  const folder = goldenFolder();
  if (folder === undefined) throw new Error('no recordings: neither test/golden/ipvs nor ../shared/golden/ipvs exists');
  return JSON.parse(readFileSync(folder + name, 'utf8')) as T;
}
