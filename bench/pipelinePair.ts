/**
 * Two pipelines in two threads, each on a core of its own: workers share nothing, so neither may slow the other. Each thread measures
 * while it is alone and while both run; what is left of the speed is what memory and caches that the cores share leave of it.
 */
import { cpus } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { native } from '../src/io/native.ts';
import { type Figure, median, type SuiteOptions } from './figures.ts';
import { PipelineBench } from './pipeline.ts';

const CASE = { method: 'masq', bytes: 64, connections: 10_000 } as const;
const WARM_ROUNDS = 100;
const ROUNDS = 20;
/** Of a thread that never answers. */
const TURN_MS = 60_000;

interface PairMember {
  /** Nanoseconds per frame of one turn. */
  readonly measure: () => Promise<number>;
  readonly end: () => Promise<number>;
}

/** @returns nothing on a machine with one core */
export async function measurePair({ quick, progress, signal }: SuiteOptions): Promise<Figure[]> {
  if (cpus().length < 2) return [];
  const pair = [startMember(0), startMember(1)];
  try {
    const alone: number[] = [];
    const together: number[] = [];
    for (let turn = 0; turn < (quick ? 3 : 9) && !signal.aborted; turn++) {
      const singly = [];
      for (const member of pair) singly.push(await member.measure());
      const both = await Promise.all(pair.map((member) => member.measure()));
      alone.push(Math.max(...singly));
      together.push(Math.max(...both));
    }
    progress(`pipeline in two workers: ${median(alone).toFixed(1)} ns per frame alone, ${median(together).toFixed(1)} together`);
    const labels = { ...CASE, workers: 2 };
    const note = 'the slower of the two; filling the ring included';
    const ratios = together.map((value, i) => value / alone[i]!);
    const common = { suite: 'pipeline', labels } as const;
    return [
      { ...common, name: 'one worker at a time', unit: 'ns/frame', value: median(alone), runs: alone, note },
      { ...common, name: 'both at once', unit: 'ns/frame', value: median(together), runs: together, note },
      { ...common, name: 'both at once', unit: 'x one at a time', value: median(ratios), runs: ratios },
    ];
  } finally {
    await Promise.all(pair.map((member) => member.end()));
  }
}

function startMember(core: number): PairMember {
  const worker = new Worker(new URL(import.meta.url), { workerData: { core } });
  const measure = () =>
    new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a pipeline thread does not answer')), TURN_MS);
      worker.once('message', (value: number) => {
        clearTimeout(timer);
        resolve(value);
      });
      worker.once('error', reject);
      worker.postMessage('measure');
    });
  return { measure, end: () => worker.terminate() };
}

function serve(core: number): void {
  native().pinThread(core);
  const bench = new PipelineBench(CASE);
  bench.run(WARM_ROUNDS);
  parentPort!.on('message', () => parentPort!.postMessage(bench.run(ROUNDS)));
}

if (!isMainThread && workerData !== null) serve((workerData as { core: number }).core);
