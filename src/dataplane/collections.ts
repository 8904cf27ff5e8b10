/** The garbage collections of this thread. Asking does not need an event loop, which a worker has not. */
import { GCProfiler } from 'node:v8';

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
