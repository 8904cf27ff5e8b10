// The npm package `cap` (libpcap), an extra: `npm run setup -- --with-cap`. Why it is not in package.json: docs/decisions/0007.
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianPackages } from './debianPackages.mjs';
import { buildWithNodeGyp } from './nativeHelper.mjs';
import { installInto } from './nodePackages.mjs';
import { SetupFault } from './processes.mjs';
import { note, step } from './progress.mjs';
import { inProject } from './project.mjs';

const CAP = 'cap@0.2.1';
const TARGET = inProject('node_modules', 'cap');
/** What of it is needed once it is built. */
const PARTS = ['package.json', 'LICENSE', 'lib', join('build', 'Release', 'cap.node')];

/** Elsewhere first: npm, called in the project, would clear away what package-lock.json does not list. */
async function install() {
  const folder = mkdtempSync(join(tmpdir(), 'uvs-cap-'));
  try {
    await installInto(folder, CAP);
    const source = join(folder, 'node_modules', 'cap');
    await buildWithNodeGyp(source);
    for (const part of PARTS) {
      if (existsSync(join(source, part))) cpSync(join(source, part), join(TARGET, part), { recursive: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Installs and compiles it for the project's own Node unless it is there. A failure is told and costs nothing else. */
export async function ensureCapPackage() {
  if (existsSync(join(TARGET, 'build', 'Release', 'cap.node'))) return;
  try {
    await ensureDebianPackages(['native', 'cap']);
    await step(`libpcap binding (${CAP})`, install);
  } catch (fault) {
    if (!(fault instanceof SetupFault)) throw fault;
    note(`libpcap binding: left out, all else works without it (${fault.message.split('\n')[0]})`);
  }
}
