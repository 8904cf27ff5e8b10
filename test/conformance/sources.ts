/** Where recordings come from: files below a folder, or the packs of the project's own copy (`*.json.gz`, by scripts/packGolden.mjs). */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { UvsError } from '../../src/base/errors.ts';

export interface Source {
  /** Its path below the folder, `A_sched/rr/p_rr_udp.json`. */
  readonly name: string;
  /** Throws when it is no JSON. */
  read(): unknown;
}

/** Says what the other files hold; no recording. */
const INDEX = 'index.json';

export const DEFAULT_FOLDER = join(import.meta.dirname, '../golden/ipvs');

/** Every recording below `folder`, in order of names. @throws UvsError USAGE when there is none */
export function sourcesBelow(folder: string): Source[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UvsError('USAGE', `${folder} is no folder`, {
      hint: 'npm run -s conformance -- DIR [--filter TEXT]; without DIR the project’s own copy is played.',
    });
  }
  const sources = filesBelow(resolve(folder)).flatMap((path) => sourcesOf(path, relative(resolve(folder), path)));
  if (sources.length > 0) return sources.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  throw new UvsError('USAGE', `${folder} holds no recordings`, { hint: 'They are files *.json, or packs *.json.gz.' });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

function sourcesOf(path: string, name: string): Source[] {
  if (name.endsWith('.json') && !name.endsWith(INDEX))
    return [{ name, read: () => JSON.parse(readFileSync(path, 'utf8')) as unknown }];
  if (!name.endsWith('.json.gz')) return [];
  const pack = JSON.parse(gunzipSync(readFileSync(path)).toString()) as Readonly<Record<string, unknown>>;
  return Object.entries(pack).map(([file, content]) => ({ name: file, read: () => content }));
}
