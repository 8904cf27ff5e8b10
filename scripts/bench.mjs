// `npm run bench -- ARGS`: sets up what is missing, then runs the bench in its place. What it can do: `npm run bench -- --help`.
import { benchNeeds } from './benchNeeds.mjs';
import { runForeground, runMain } from './processes.mjs';
import { inProject, NODE } from './project.mjs';
import { setUp } from './setup.mjs';

await runMain(async () => {
  const args = process.argv.slice(2);
  await setUp(benchNeeds(args, process.getuid?.() === 0));
  // The collector is called between measurements, so that none runs within one.
  return runForeground(NODE, ['--expose-gc', inProject('bench', 'runBench.ts'), ...args]);
});
