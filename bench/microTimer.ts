/** Nanoseconds per operation, by the npm package benchmark. */
import Benchmark from 'benchmark';

export interface Timing {
  /** Nanoseconds per operation, one per sample. */
  readonly runs: readonly number[];
}

/**
 * @param run does `operations` operations, enough of them that the call itself does not count; must not be optimised away
 * @param quick a few samples
 */
export function time(run: () => void, operations: number, quick: boolean): Timing {
  const limits = quick ? { minTime: 0.01, maxTime: 0.05 } : { minTime: 0.03, maxTime: 0.6 };
  const benchmark = new Benchmark({ fn: run, minSamples: 5, ...limits });
  benchmark.run({ async: false });
  const fault = benchmark.error as unknown;
  if (fault !== undefined) throw fault;
  return { runs: benchmark.stats.sample.map((seconds) => (seconds * 1e9) / operations) };
}
