/**
 * How V8 runs a data-plane worker (docs/decisions/0011-v8-in-a-worker.md). The engine is many small functions on one path, so it gains
 * from inlining more than V8's caution allows; and it allocates so little that a young generation of this size is not filled in
 * hours of load, so there is nothing to collect while frames wait.
 */
export const COMPILER_FLAGS: readonly string[] = [
  '--max-inlined-bytecode-size=1000',
  '--max-inlined-bytecode-size-cumulative=4000',
];

/** Flags for the size of a new thread's heap: set in the thread that starts it. */
export const HEAP_FLAGS: readonly string[] = ['--min-semi-space-size=16', '--semi-space-growth-factor=2'];

/** Limits of a worker thread; its tables and frames lie outside this heap. */
export const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 48, maxOldGenerationSizeMb: 256 };
