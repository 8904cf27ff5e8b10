#!/usr/bin/env node
// The command `uvs`: runs src/cli/uvs.ts on the project's own Node where the current one is too old for TypeScript.
import { existsSync } from 'node:fs';
import { runForeground, runMain, SetupFault } from './processes.mjs';
import { inProject, NODE, nodeEnvironment } from './project.mjs';

const NEEDED_NODE = 24;

await runMain(() => {
  const recent = Number.parseInt(process.versions.node, 10) >= NEEDED_NODE;
  const node = existsSync(NODE) ? NODE : recent ? process.execPath : undefined;
  if (node === undefined) {
    throw new SetupFault(
      `Node ${NEEDED_NODE} is needed, this is ${process.versions.node}. Run \`npm run setup\`, which brings it.`,
    );
  }
  const args = [inProject('src', 'cli', 'uvs.ts'), ...process.argv.slice(2)];
  return runForeground(node, args, { env: nodeEnvironment() });
});
