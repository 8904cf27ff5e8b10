/** The garbage collections of this thread. Asking does not need an event loop, which a worker has not. */
import { GCProfiler, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Collections {
  readonly count: number;
  readonly longestMs: number;
}

const MICROSECONDS_PER_MS = 1000;

/** Watches from its construction on. */
export class CollectionWatch {
  #profiler = started();
  #count = 0;
  #longestMs = 0;

  /** What was collected so far. */
  read(): Collections {
    for (const { cost } of this.#profiler.stop()?.statistics ?? []) {
      this.#count++;
      this.#longestMs = Math.max(this.#longestMs, cost / MICROSECONDS_PER_MS);
    }
    this.#profiler = started();
    return { count: this.#count, longestMs: this.#longestMs };
  }
}

function started(): GCProfiler {
  const profiler = new GCProfiler();
  profiler.start();
  return profiler;
}

/**
 * Collects all there is to collect, now. Tables and frame memory, made just before, lead V8 to begin a collection of everything, which
 * would otherwise end under the first frames: 6 to 10 ms.
 */
export function collectEverything(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}
