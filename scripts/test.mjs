// `npm test`: set-up, then the check, then every recording of the kernel, then the lab with real frames where that is possible. Its last
// line is the sum.
import { check } from './check.mjs';
import { capture, runMain } from './processes.mjs';
import { seconds } from './progress.mjs';
import { setUp } from './setup.mjs';
import { addResults, NOTHING, resultLine, runVitest } from './vitestRun.mjs';

const LAB_LIMIT_MS = 450_000;
const RECORDINGS_LIMIT_MS = 120_000;

/** Why the lab cannot run here, or undefined when it can. */
async function labObstacle() {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid() !== 0) return 'it needs root, for network namespaces and raw sockets';
  const probe = `uvs-probe-${process.pid}`;
  const { code, output } = await capture('ip', ['netns', 'add', probe]);
  if (code !== 0) return `this machine makes no network namespaces (${output.trim()})`;
  await capture('ip', ['netns', 'delete', probe]);
  return undefined;
}

async function lab() {
  const obstacle = await labObstacle();
  if (obstacle !== undefined) {
    console.log(`\nlab tests left out: ${obstacle}`);
    return NOTHING;
  }
  console.log('\nlab: network namespaces and real frames');
  return runVitest('vitest.lab.ts', { live: true, reporter: 'verbose', timeoutMs: LAB_LIMIT_MS });
}

/** All that the real kernel was seen to decide; `npm run -s conformance` says more when something fails. */
async function recordings() {
  console.log('\nrecordings of the kernel, played against the engine');
  return runVitest('vitest.recordings.ts', { live: true, reporter: 'default', timeoutMs: RECORDINGS_LIMIT_MS });
}

await runMain(async () => {
  const startMs = Date.now();
  const root = process.platform === 'linux' && process.getuid() === 0;
  await setUp({ purposes: root ? ['demo', 'test'] : [], native: root ? 'needed' : 'wanted' });
  const result = [await check(), await recordings(), await lab()].reduce(addResults, NOTHING);
  console.log(`\nall tests took ${seconds(Date.now() - startMs)}`);
  console.log(resultLine(result));
  return result.failed === 0 ? 0 : 1;
});
