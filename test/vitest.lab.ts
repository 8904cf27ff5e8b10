import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** The lab layer: network namespaces and real frames; needs root and says so when it lacks it. One file at a time. */
export default defineConfig({
  test: {
    include: ['test/lab/**/*.test.ts'],
    fileParallelism: false,
    // Clients, real servers and directors start in half the time when what they compile is kept.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, '../node_modules/.cache/node') },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
