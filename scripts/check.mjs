// `npm run check`: everything that needs no root and no network, at once, within 20 s on two cores.
import { pathToFileURL } from 'node:url';
import { capture, runMain } from './processes.mjs';
import { paint, seconds } from './progress.mjs';
import { inProject, NODE } from './project.mjs';
import { setUp } from './setup.mjs';
import { addResults, NOTHING, resultLine, runVitest } from './vitestRun.mjs';

const LIMIT_MS = 120_000;

/** A tool that says nothing when it is content: exit code 0 or the output. */
function tool(...path) {
  return async (...args) => {
    const { code, output } = await capture(NODE, [inProject('node_modules', ...path), ...args], { timeout: LIMIT_MS });
    return { ...NOTHING, failed: code === 0 ? 0 : 1, output };
  };
}

const tsc = tool('typescript', 'bin', 'tsc');
const biome = tool('@biomejs', 'biome', 'bin', 'biome');

/** What is done, and how to run it alone. */
const TASKS = [
  { title: 'types', alone: 'npm run types', run: () => tsc('-p', 'tsconfig.check.json') },
  { title: 'lint and format', alone: 'npm run lint', run: () => biome('check', '--error-on-warnings', '.') },
  {
    title: 'architecture, docs, unit and property tests',
    alone: 'npm run unit',
    run: () => runVitest('vitest.unit.ts', { live: false, reporter: 'dot', timeoutMs: LIMIT_MS }),
  },
];

async function runTask({ title, alone, run }) {
  const startMs = Date.now();
  const result = await run();
  const time = seconds(Date.now() - startMs).padStart(6);
  const mark = result.failed === 0 ? paint('green', 'ok    ', process.stdout) : paint('red', 'FAILED', process.stdout);
  const count = result.passed + result.failed + result.skipped > 1 ? `: ${resultLine(result)}` : '';
  console.log(`${mark} ${time}  ${title}${count}`);
  if (result.failed > 0) console.log(`${result.output.trim()}\n       again: ${alone}\n`);
  for (const name of result.skippedNames ?? []) console.log(`       skipped: ${name}`);
  return result;
}

/** Runs types, lint and the tests without privileges side by side, and prints each as it ends. */
export async function check() {
  const results = await Promise.all(TASKS.map(runTask));
  return results.reduce(addResults, NOTHING);
}

async function main() {
  await setUp({ native: 'wanted' });
  const startMs = Date.now();
  const result = await check();
  console.log(`${result.failed === 0 ? 'check passed' : 'check FAILED'} in ${seconds(Date.now() - startMs)}`);
  return result.failed === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runMain(main);
