import { defineConfig } from 'vitest/config';

/** The unit layer leaves these out. */
export const RECORDINGS = [
  'test/conformance/recordings.test.ts',
  'test/conformance/runner.test.ts',
  'test/scheduler/recordings.test.ts',
  'test/engine/allocation.test.ts',
  'test/engine/fullnatCrowd.test.ts',
  'test/engine/helperAllocation.test.ts',
  'test/engine/helperRecordings.test.ts',
  'test/engine/vectors.test.ts',
  'test/scheduler/allocation.test.ts',
  'test/scheduler/models.test.ts',
  'test/dataplane/warmUp.test.ts',
  'test/uvsadm/savedTables.test.ts',
];

/**
 * Every recording of the real kernel, and what else there is very much of: apart from the unit layer, whose time it would take. No root,
 * no network, about fifteen seconds.
 */
export default defineConfig({
  test: { include: RECORDINGS, testTimeout: 60_000 },
});
