/** What a suite of the bench measures and returns. `runBench.ts` prints it, writes it as JSON and HTML, and judges the targets. */

export type SuiteName = 'micro' | 'pipeline' | 'control' | 'lab' | 'latency';

/** One measured quantity: the median of several runs of the same thing in the same process run. */
export interface Figure {
  readonly suite: SuiteName;
  /** What was measured, such as `engine`, `nft jhash DNAT`, `sum of 1400 bytes`. */
  readonly name: string;
  /** Under which conditions: method, bytes, connections, io, cores ... */
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly unit: string;
  /** The single runs, in order. */
  readonly runs: readonly number[];
  /** What a reader must know: offered load and loss, which core does which part. */
  readonly note?: string;
}

/** One line of the promises in bench/README.md. */
export interface Target {
  /** `1a`, `2c`: fixed, so that results of different days can be compared. */
  readonly id: string;
  readonly text: string;
  readonly value: number;
  readonly target: number;
  readonly unit: string;
  /** Whether `value` is to be at least or at most `target`. */
  readonly sense: 'at least' | 'at most';
  readonly met: boolean;
}

export interface SuiteOptions {
  /** Fewer and shorter runs: shows that everything works, not how fast it is. */
  readonly quick: boolean;
  /** Parts of names of the peers that take part in the lab; without it, or empty, all. */
  readonly peers?: readonly string[];
  /** One line of progress for a person. */
  readonly progress: (line: string) => void;
  /** Ends the suite early; it cleans up after itself. */
  readonly signal: AbortSignal;
}

export interface SuiteResult {
  readonly figures: readonly Figure[];
  readonly targets: readonly Target[];
  /** What was not there to compare with, and why; absent when nothing was missing. */
  readonly missing?: readonly string[];
}

export type Suite = (options: SuiteOptions) => Promise<SuiteResult>;

/** The middle value; of an even number the lower middle, so that it is one that was measured. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

/** A target with its verdict. NaN, for what could not be measured, is never met. */
export function judge(id: string, text: string, value: number, sense: Target['sense'], target: number, unit: string): Target {
  const met = sense === 'at least' ? value >= target : value <= target;
  return { id, text, value, target, unit, sense, met };
}
