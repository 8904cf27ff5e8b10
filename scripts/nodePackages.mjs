// The npm packages: whether node_modules is what package-lock.json says, and putting that right.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { capture, runQuietly, SetupFault } from './processes.mjs';
import { note, step } from './progress.mjs';
import { inProject, NODE } from './project.mjs';

/** npm writes this file last, so an installation that was interrupted has none. */
const INSTALLED = inProject('node_modules', '.package-lock.json');
const LOCK = inProject('package-lock.json');

/** The hash of the lock file that set-up installed last; what is missing after that, the registry does not have. */
const STAMP = inProject('node_modules', '.installed-by-setup');

function lists(values, value) {
  return values === undefined || values.includes(value);
}

let knownLibc;

/** Which C library this Node is linked to; the report takes a while to write. */
function libc() {
  knownLibc ??= process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  return knownLibc;
}

/** True when a row of the lock file that may be absent is a binary for this machine. */
function isForThisPlatform(row) {
  const named = row.os !== undefined || row.cpu !== undefined;
  return (
    named &&
    lists(row.os, process.platform) &&
    lists(row.cpu, process.arch) &&
    (row.libc === undefined || row.libc.includes(libc()))
  );
}

/**
 * True when what is installed is what the lock file names.
 * @param lenient accept that optional packages of this platform are absent
 */
export function nodePackagesMatch(lock, installed, lenient) {
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (path === '') continue;
    const found = installed.packages[path];
    if (found !== undefined && found.version !== wanted.version) return false;
    if (found === undefined && (wanted.optional !== true || (!lenient && isForThisPlatform(wanted)))) return false;
  }
  return true;
}

function lockHash(text) {
  return createHash('sha256').update(text).digest('hex');
}

function areInstalled() {
  if (!existsSync(INSTALLED) || !existsSync(NODE)) return false;
  const lock = readFileSync(LOCK, 'utf8');
  const lenient = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lockHash(lock);
  return nodePackagesMatch(JSON.parse(lock), JSON.parse(readFileSync(INSTALLED, 'utf8')), lenient);
}

/** npm's settings for a silent, repeatable installation; warnings about packages in its own words help nobody here. */
const NPM_FLAGS = ['--loglevel=error', '--no-audit', '--no-fund', '--no-progress', '--engine-strict=false'];

function environmentForNpm() {
  // Where `npm run` put this project's bin folder first, its `node` would vanish half way through `npm ci`.
  const own = [inProject('node_modules', '.bin'), dirname(NODE)];
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !own.includes(folder));
  const preload = `--require ${JSON.stringify(inProject('scripts', 'asOwnNode.cjs'))}`;
  const options = `${process.env['NODE_OPTIONS'] ?? ''} ${preload}`.trim();
  return { ...process.env, PATH: path.join(delimiter), NODE_OPTIONS: options };
}

async function install() {
  const options = { env: environmentForNpm() };
  const clean = await capture('npm', ['ci', ...NPM_FLAGS], options);
  if (clean.code === 0) return;
  // A registry that lacks a pinned version, for instance: take what package.json allows, and leave the lock file alone.
  await runQuietly('npm', ['install', '--no-save', ...NPM_FLAGS], options);
  note(`npm ci failed, npm install did: ${clean.output.trim().split('\n')[0] ?? ''}`);
}

/** Installs a package that package.json does not list, alone in `folder`, without running its install script. */
export async function installInto(folder, name) {
  const flags = ['--prefix', folder, '--ignore-scripts', ...NPM_FLAGS];
  await runQuietly('npm', ['install', ...flags, name], { env: environmentForNpm() });
}

/** Fetches again what the install script of the package `node` brought: every `npm install NAME` clears it away. */
export async function refetchNode() {
  await runQuietly('npm', ['rebuild', ...NPM_FLAGS, 'node'], { env: environmentForNpm() });
}

/** Installs the npm packages unless they are there. */
export async function ensureNodePackages() {
  if (areInstalled()) return;
  await step('npm packages (npm ci)', install);
  writeFileSync(STAMP, lockHash(readFileSync(LOCK, 'utf8')));
  if (!existsSync(NODE)) {
    throw new SetupFault(
      'The npm package `node`, which brings Node 24, is not installed: its install script did not run.\n' +
        'Allow install scripts (`npm config get ignore-scripts` must say false) and delete node_modules.',
    );
  }
}
