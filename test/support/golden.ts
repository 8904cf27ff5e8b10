/** The recordings of the real kernel, packed in test/golden/ipvs by scripts/packGolden.mjs; their README says what they hold. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const packs = new Map<string, Readonly<Record<string, unknown>>>();

/** Names of the recordings of a folder, such as `A_sched/rr`, as `readGolden` takes them. */
export function goldenNames(folder: string): string[] {
  return Object.keys(packOf(folder)).filter((name) => name.startsWith(`${folder}/`));
}

/** One recording: `D_vectors/p_nat4.json`. Shared by all who read it: not to be changed. */
export function readGolden<T>(name: string): T {
  const recording = packOf(name)[name];
  if (recording === undefined) throw new Error(`no recording "${name}" in test/golden/ipvs`);
  return recording as T;
}

/** The pack of the first folder in `name`, unpacked once. */
function packOf(name: string): Readonly<Record<string, unknown>> {
  const folder = name.split('/')[0] ?? '';
  let pack = packs.get(folder);
  if (pack === undefined) {
    const packed = readFileSync(new URL(`../golden/ipvs/${folder}.json.gz`, import.meta.url));
    pack = JSON.parse(gunzipSync(packed).toString()) as Record<string, unknown>;
    packs.set(folder, pack);
  }
  return pack;
}
