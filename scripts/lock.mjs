// `npm run lock`: brings package-lock.json in line with package.json, and makes it whole.
//
// A package that ships one binary per platform lists them all as optional dependencies. A registry mirror that
// carries only some of them makes npm write a lock file without the others, and `npm ci` then refuses that lock
// file everywhere. Their versions are pinned exactly by the package that names them, so the missing rows can be
// written from its row; npm downloads none of them on a platform that they are not for.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runQuietly } from './processes.mjs';
import { PROJECT } from './project.mjs';

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The lock file's key of `name` as `from` would find it, or undefined when there is no such row. */
function findRow(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const key = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (key in packages) return key;
    if (folder === '') return undefined;
  }
}

/** A row for the binary package `name`, whose name says what it is for (`@biomejs/cli-darwin-arm64`). */
function rowFromName(name, version, dev) {
  const words = name.split(/[^a-z0-9]+/);
  const system = SYSTEMS.find((candidate) => words.includes(candidate));
  const processor = PROCESSORS.find((candidate) => words.includes(candidate));
  if (system === undefined || processor === undefined || !/^\d/.test(version)) {
    throw new Error(`package-lock.json: cannot complete ${name}@${version}; run npm run lock against a full registry`);
  }
  const libc = words.includes('musl') ? { libc: ['musl'] } : {};
  return { version, cpu: [processor], ...(dev ? { dev } : {}), ...libc, optional: true, os: [system] };
}

/** @returns the rows that had to be added to `lock`, by name; `lock` is changed in place. */
export function completeLock(lock) {
  const added = [];
  for (const [from, row] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(row.optionalDependencies ?? {})) {
      if (from === '' || findRow(lock.packages, from, name) !== undefined) continue;
      lock.packages[`node_modules/${name}`] = rowFromName(name, version, row.dev === true);
      added.push(name);
    }
  }
  const rows = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(rows);
  return added;
}

async function main() {
  await runQuietly('npm', ['install', '--package-lock-only', '--loglevel=error']);
  const path = join(PROJECT, 'package-lock.json');
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const added = completeLock(lock);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${Object.keys(lock.packages).length} rows, ${added.length} of them completed here.`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
