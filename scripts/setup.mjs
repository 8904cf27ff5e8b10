// `npm run setup`: all that comes before the first run. A step that is done already costs a look and says nothing.
import { pathToFileURL } from 'node:url';
import { ensureCapPackage } from './capPackage.mjs';
import { ensureDebianPackages } from './debianPackages.mjs';
import { ensureNativeHelper } from './nativeHelper.mjs';
import { ensureNodePackages } from './nodePackages.mjs';
import { runMain, SetupFault } from './processes.mjs';
import { note } from './progress.mjs';

const OLDEST_NODE = 18;

/**
 * Makes the checkout ready to run.
 * @param purposes which rows of the Debian table count: 'demo', 'test'; none for what needs neither root nor network
 * @param native 'needed'; 'wanted' where a build that fails costs only what depends on it; 'unneeded'
 */
export async function setUp({ purposes = [], native = 'needed' } = {}) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    throw new SetupFault(`Node ${process.versions.node} is too old to set up; ${OLDEST_NODE} or later is needed.`);
  }
  await ensureNodePackages();
  if (native === 'needed') await ensureNativeHelper();
  if (native === 'wanted') await tryNativeHelper();
  await ensureDebianPackages(purposes);
}

async function tryNativeHelper() {
  try {
    await ensureNativeHelper();
  } catch (fault) {
    if (!(fault instanceof SetupFault)) throw fault;
    note(`native helper: not built (${fault.message.split('\n')[0]})`);
  }
}

async function main() {
  const startMs = Date.now();
  await setUp({ purposes: process.getuid?.() === 0 ? ['demo', 'test'] : [] });
  if (process.argv.includes('--with-cap')) await ensureCapPackage();
  note(`ready (${Date.now() - startMs} ms)`);
  return 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runMain(main);
