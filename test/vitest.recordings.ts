import { defineConfig } from 'vitest/config';

/** The unit layer leaves these out. */
export const RECORDINGS = ['test/conformance/recordings.test.ts', 'test/scheduler/recordings.test.ts'];

/** Every recording of the real kernel: apart from the unit layer, whose time it would take. No root, no network, about ten seconds. */
export default defineConfig({
  test: { include: RECORDINGS, testTimeout: 60_000 },
});
