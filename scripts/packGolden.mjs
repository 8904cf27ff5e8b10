/**
 * Packs recordings of the real kernel into test/golden, so that the tests stand alone: one gzip of JSON per folder, an object from
 * file name to content. `node scripts/packGolden.mjs FOLDER` with the folder that has A_sched, B_ipvsadm and so on.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const from = process.argv[2];
if (from === undefined) throw new Error('which folder? node scripts/packGolden.mjs ../shared/golden/ipvs');
const to = join(import.meta.dirname ?? 'scripts', '../test/golden', basename(from));
mkdirSync(to, { recursive: true });
for (const folder of readdirSync(from).filter((name) => statSync(join(from, name)).isDirectory())) {
  const contents = Object.fromEntries(filesBelow(join(from, folder)).map((path) => [relative(from, path), parsed(path)]));
  const packed = gzipSync(JSON.stringify(contents), { level: 9 });
  writeFileSync(join(to, `${folder}.json.gz`), packed);
  console.log(`${folder}: ${Object.keys(contents).length} files, ${packed.length} bytes`);
}

/** Every .json file, sorted, so that packing again gives the same bytes. */
function filesBelow(folder) {
  const names = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return names.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.name.endsWith('.json') ? [path] : [];
  });
}

function parsed(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
