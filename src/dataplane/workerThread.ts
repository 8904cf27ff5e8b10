/**
 * Where a worker thread begins: V8 is told how to compile before any code of the data plane is loaded, for flags count when a function
 * is compiled.
 */
import { setFlagsFromString } from 'node:v8';
import { COMPILER_FLAGS } from './engineFlags.ts';

for (const flag of COMPILER_FLAGS) setFlagsFromString(flag);
await import('./worker.ts');
