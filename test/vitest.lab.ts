import { defineConfig } from 'vitest/config';
import { COMPILE_CACHE } from './compileCache.ts';

/** The lab layer: network namespaces and real frames; needs root and says so when it lacks it. One file at a time. */
export default defineConfig({
  test: {
    include: ['test/lab/**/*.test.ts'],
    fileParallelism: false,
    env: COMPILE_CACHE,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
