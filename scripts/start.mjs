// `npm start -- ARGS`: sets up what is missing, then runs `uvs demo ARGS` in its place.
import { runForeground, runMain } from './processes.mjs';
import { inProject, NODE, nodeEnvironment } from './project.mjs';
import { setUp } from './setup.mjs';

await runMain(async () => {
  const args = process.argv.slice(2);
  // --sim and --help need no namespaces, no native code and no root.
  const real = !args.some((arg) => arg === '--sim' || arg === '--help' || arg === '-h');
  const root = process.getuid?.() === 0;
  // Without root the demo itself says what to do, better than a list of missing packages would.
  if (real) await setUp({ purposes: root ? ['demo'] : [], native: root ? 'needed' : 'wanted' });
  else await setUp({ native: 'unneeded' });
  return runForeground(NODE, [inProject('src', 'cli', 'uvs.ts'), 'demo', ...args], { env: nodeEnvironment() });
});
