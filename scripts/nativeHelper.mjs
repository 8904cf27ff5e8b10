// The native helper (native/, binding.gyp), built by node-gyp against the headers that the npm package `node` carries.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureDebianPackages } from './debianPackages.mjs';
import { refetchNode } from './nodePackages.mjs';
import { runForeground, runMain, runQuietly, SetupFault } from './processes.mjs';
import { note, step } from './progress.mjs';
import { inProject, NODE, PROJECT } from './project.mjs';

/** Written after a build that went well; node-gyp empties the folder before the next one. */
const STAMP = inProject('build', '.built-from');

/** Where the headers of the project's own Node are; without them node-gyp would download some. */
function findHeaders() {
  const folder = inProject('node_modules', 'node', 'node_modules');
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  const name = entries.find((entry) => existsSync(join(folder, entry, 'include', 'node', 'node_api.h')));
  return name === undefined ? undefined : join(folder, name);
}

async function nodeHeaders() {
  const found = findHeaders();
  if (found !== undefined) return found;
  await step('headers of Node 24', refetchNode);
  const fetched = findHeaders();
  if (fetched === undefined)
    throw new SetupFault('The npm package `node` brought no headers; delete node_modules and try again.');
  return fetched;
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** Changes when anything that goes into the build changes. */
export function sourceHash() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  const sources = filesBelow(inProject('native')).filter((path) => !path.endsWith('.md'));
  for (const path of [inProject('binding.gyp'), ...sources]) {
    hash.update(`${relative(PROJECT, path)}\n`).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** node-gyp on the project's own Node (the system's may be too old for it), against the headers of that Node. */
async function nodeGyp(...flags) {
  const args = [inProject('node_modules', 'node-gyp', 'bin', 'node-gyp.js'), 'rebuild', ...flags];
  // The environment wins over the command line in node-gyp, and npm puts a person's own `nodedir` there.
  return { args, env: { ...process.env, npm_config_nodedir: await nodeHeaders() } };
}

/** Builds the addon whose binding.gyp is in `folder`. */
export async function buildWithNodeGyp(folder) {
  const { args, env } = await nodeGyp('--silent');
  await runQuietly(NODE, args, { cwd: folder, env });
}

/** Builds the native helper unless it is there and its sources are as they were. */
export async function ensureNativeHelper() {
  if (!existsSync(inProject('binding.gyp'))) return note('native helper: left out, there is no binding.gyp');
  if (process.platform !== 'linux') return note('native helper: left out, it serves Linux only; --sim works without it');
  const hash = sourceHash();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return;
  await ensureDebianPackages(['native']);
  await nodeHeaders();
  await step('native helper (node-gyp)', () => buildWithNodeGyp(PROJECT));
  writeFileSync(STAMP, hash);
}

/** `npm run build:native`: builds in any case, and shows what the compiler says. */
async function main() {
  const hash = sourceHash();
  const { args, env } = await nodeGyp();
  const code = await runForeground(NODE, args, { cwd: PROJECT, env });
  if (code === 0) writeFileSync(STAMP, hash);
  return code;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runMain(main);
