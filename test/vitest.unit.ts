import { defineConfig } from 'vitest/config';
import { COMPILE_CACHE } from './compileCache.ts';
import { RECORDINGS } from './vitest.recordings.ts';

/**
 * The unit layer: no root, no sleeps, no network; ends within 20 s on two cores. Files share their worker (`isolate: false`), which
 * saves a third of that: a test file leaves nothing behind in modules or globals.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/lab/**', ...RECORDINGS, 'node_modules/**'],
    pool: 'threads',
    isolate: false,
    // vitest would leave one core to itself, and there may be only two.
    maxWorkers: '100%',
    env: COMPILE_CACHE,
    testTimeout: 15_000,
  },
});
