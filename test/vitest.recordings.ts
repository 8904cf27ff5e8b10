import { defineConfig } from 'vitest/config';

/** Every recording of the real kernel: apart from the unit layer, whose time it would take. No root, no network, about ten seconds. */
export default defineConfig({
  test: { include: ['test/conformance/recordings.test.ts'], testTimeout: 60_000 },
});
