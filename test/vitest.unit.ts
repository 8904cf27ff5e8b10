import { defineConfig } from 'vitest/config';

/** The unit layer: no root, no sleeps, no network; ends within 20 s. */
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], exclude: ['test/lab/**', 'node_modules/**'], pool: 'threads', testTimeout: 15_000 },
});
