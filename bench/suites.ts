/** Finds a suite and runs it: one that is not there, or that cannot run on this machine, is left out with the reason. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UvsError } from '../src/base/errors.ts';
import type { Figure, Suite, SuiteName, SuiteOptions, SuiteResult, Target } from './figures.ts';

/** What became of one suite. */
export interface SuiteRun {
  readonly suite: SuiteName;
  readonly state: 'done' | 'interrupted' | 'left out' | 'broke';
  /** Why, unless done. */
  readonly reason: string;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  readonly targets: readonly Target[];
  /** What the suite had nobody to compare with, and why. */
  readonly missing: readonly string[];
}

/** Where each suite is, and whether it makes namespaces. Loaded only when it runs: some need native code. */
const PLACES: Readonly<Record<SuiteName, { readonly file: string; readonly needsRoot: boolean }>> = {
  micro: { file: 'micro.ts', needsRoot: false },
  pipeline: { file: 'pipeline.ts', needsRoot: false },
  control: { file: 'control/control.ts', needsRoot: true },
  lab: { file: 'lab/lab.ts', needsRoot: true },
  latency: { file: 'latency/latency.ts', needsRoot: true },
};

/** Runs a suite to its end, whatever that is; never throws. */
export async function runSuite(name: SuiteName, options: SuiteOptions): Promise<SuiteRun> {
  const started = Date.now();
  const ended = (state: SuiteRun['state'], reason: string, result: SuiteResult = NOTHING): SuiteRun => ({
    suite: name,
    state,
    reason,
    seconds: (Date.now() - started) / 1000,
    figures: result.figures,
    targets: result.targets,
    missing: result.missing ?? [],
  });
  if (options.signal.aborted) return ended('interrupted', 'not begun');
  const obstacle = obstacleOf(name);
  if (obstacle !== undefined) return ended('left out', obstacle);
  try {
    const suite = await load(name);
    const result = await suite(options);
    return options.signal.aborted ? ended('interrupted', 'with what was measured', result) : ended('done', '', result);
  } catch (fault) {
    if (options.signal.aborted) return ended('interrupted', 'nothing was measured');
    // A suite says with a UvsError what this machine lacks; anything else is a mistake of ours.
    if (fault instanceof UvsError) return ended('left out', fault.message);
    return ended('broke', fault instanceof Error ? (fault.stack ?? fault.message) : String(fault));
  }
}

const NOTHING = { figures: [], targets: [] };

/** Why the suite cannot run here; undefined when nothing speaks against it. */
function obstacleOf(name: SuiteName): string | undefined {
  const { file, needsRoot } = PLACES[name];
  if (!existsSync(join(import.meta.dirname, file))) return `bench/${file} is not written yet`;
  if (!needsRoot) return undefined;
  if (process.platform !== 'linux') return 'it needs Linux';
  return process.getuid?.() === 0 ? undefined : 'it needs root, for network namespaces and raw sockets';
}

async function load(name: SuiteName): Promise<Suite> {
  const module = (await import(`./${PLACES[name].file}`)) as Partial<Record<SuiteName, Suite>>;
  const suite = module[name];
  if (suite === undefined) throw new Error(`bench/${PLACES[name].file} does not export ${name}`);
  return suite;
}
