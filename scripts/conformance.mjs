// `npm run -s conformance -- [DIR] [--filter TEXT] [--json] [--verbose]`: sets up what is missing, then plays recordings of the kernel.
import { runForeground, runMain } from './processes.mjs';
import { inProject, NODE } from './project.mjs';
import { setUp } from './setup.mjs';

await runMain(async () => {
  await setUp({ native: 'unneeded' });
  return runForeground(NODE, [inProject('test', 'conformance', 'main.ts'), ...process.argv.slice(2)]);
});
