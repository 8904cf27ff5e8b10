/** All that one run of the bench has found, and how it is kept as JSON. */
import type { BenchArguments } from './arguments.ts';
import type { Figure, Target } from './figures.ts';
import type { Machine } from './machine.ts';
import { allTargets } from './promises.ts';
import type { SuiteRun } from './suites.ts';

export interface Report {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly options: { readonly suites: readonly string[]; readonly quick: boolean; readonly peers: readonly string[] };
  readonly suites: readonly Omit<SuiteRun, 'figures' | 'targets'>[];
  readonly figures: readonly Figure[];
  /** By id. NaN is the value of what was not measured; JSON says null. */
  readonly targets: readonly Target[];
}

/** Changes when a reader of the JSON file would have to. */
const FORMAT = 1;

export function makeReport(
  { suites, quick, peers }: Pick<BenchArguments, 'suites' | 'quick' | 'peers'>,
  machine: Machine,
  started: Date,
  runs: readonly SuiteRun[],
): Report {
  return {
    startedAt: started.toISOString(),
    seconds: (Date.now() - started.getTime()) / 1000,
    machine,
    options: { suites, quick, peers },
    suites: runs.map(({ suite, state, reason, seconds, missing }) => ({ suite, state, reason, seconds, missing })),
    figures: runs.flatMap(({ figures }) => figures),
    targets: allTargets(
      runs.flatMap(({ targets }) => targets),
      suites,
    ),
  };
}

export function reportAsJson(report: Report): string {
  return `${JSON.stringify({ format: FORMAT, ...report }, undefined, 2)}\n`;
}

/** `1a  NAT 64 B, 10 k connections: 28.1 ns, target at most 30 ns: met`. */
export function targetVerdict({ value, met }: Target): 'met' | 'missed' | 'not measured' {
  if (Number.isNaN(value)) return 'not measured';
  return met ? 'met' : 'missed';
}
