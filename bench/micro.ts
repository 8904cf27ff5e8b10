/** The parts of the data plane, each alone: nanoseconds per operation, beside the same kernel in C. */
import { freemem } from 'node:os';
import { SCHEDULERS } from '../src/scheduler/registry.ts';
import { compile, runC } from './cKernel.ts';
import { type Figure, median, type Suite, type SuiteOptions } from './figures.ts';
import { microCases } from './microCases.ts';
import { timeScheduler, timeTable, warmTables } from './microTables.ts';
import { type Timing, time } from './microTimer.ts';

const UNIT = 'ns/operation';
const TABLE_SIZES = [10_000, 100_000, 1_000_000, 4_000_000];
const QUICK_TABLE_SIZES = [10_000, 100_000];
const DESTINATION_COUNTS = [2, 10, 100];
/** More than a table takes per connection; the C program's comes after it. */
const ROOM_BYTES_PER_CONNECTION = 400;

export const micro: Suite = async (options) => {
  const binary = await compile('micro');
  if (binary === undefined) options.progress('micro: no C compiler here, so nothing stands beside the figures');
  const figures: Figure[] = [];
  for (const step of [codecs, tables, schedulers]) figures.push(...(await step(options, binary)));
  return { figures, targets: [] };
};

async function codecs(options: SuiteOptions, binary: string | undefined): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { what, operations, run, inC } of microCases()) {
    if (options.signal.aborted) break;
    const ours = time(run, operations, options.quick);
    figures.push(...(await beside(options, binary, { what }, ours, inC)));
  }
  return figures;
}

async function tables(options: SuiteOptions, binary: string | undefined): Promise<Figure[]> {
  const figures: Figure[] = [];
  if (!options.signal.aborted) warmTables();
  for (const connections of options.quick ? QUICK_TABLE_SIZES : TABLE_SIZES) {
    if (options.signal.aborted) break;
    if (freemem() < connections * ROOM_BYTES_PER_CONNECTION) {
      options.progress(`micro: not enough free memory for ${connections} connections`);
      continue;
    }
    const { insert, find, expire, bytesPerConnection } = timeTable(connections, options.quick);
    // The table is garbage now, outside of the heap: without this the next one would stand beside it.
    globalThis.gc?.();
    const inC = (what: string): readonly string[] => ['--what', what, '--connections', `${connections}`];
    figures.push(...(await beside(options, binary, { table: 'insert', connections }, insert, inC('insert'))));
    figures.push(...(await beside(options, binary, { table: 'find', connections }, find, inC('find'))));
    figures.push(...(await beside(options, binary, { table: 'expire', connections }, expire, [])));
    const memory = { name: 'UVS', labels: { connections }, value: bytesPerConnection, unit: 'bytes/connection' };
    figures.push({ suite: 'micro', ...memory, runs: [bytesPerConnection] });
  }
  return figures;
}

async function schedulers(options: SuiteOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const plugin of SCHEDULERS) {
    for (const destinations of DESTINATION_COUNTS) {
      if (options.signal.aborted) return figures;
      const timing = timeScheduler(plugin, destinations, options.quick);
      figures.push(...(await beside(options, undefined, { scheduler: plugin.name, destinations }, timing, [])));
    }
  }
  return figures;
}

/** Our figure; with a binary and arguments for it that of C, and the ratio of the two. */
async function beside(
  { progress, signal }: SuiteOptions,
  binary: string | undefined,
  labels: Figure['labels'],
  ours: Timing,
  inC: readonly string[],
): Promise<Figure[]> {
  const uvs = figure('UVS', labels, ours.runs);
  const figures = [uvs];
  const runs = binary === undefined || inC.length === 0 ? undefined : await runsInC(binary, inC, signal);
  if (runs !== undefined) {
    const c = figure('C', labels, runs);
    const ratio = uvs.value / c.value;
    figures.push(c, { ...figure('UVS', labels, [ratio]), unit: 'x C' });
  }
  // Lets a Ctrl-C through: measuring does not.
  await new Promise((resolve) => setImmediate(resolve));
  const texts = figures.map(({ name, value, unit }) => `${name} ${value.toFixed(1)} ${unit}`);
  progress(`micro ${Object.values(labels).join(' ')}: ${texts.join(', ')}`);
  return figures;
}

/** Nanoseconds per operation of the C program; undefined when it was interrupted. */
async function runsInC(binary: string, args: readonly string[], signal: AbortSignal): Promise<readonly number[] | undefined> {
  try {
    const output = await runC(binary, args, signal);
    return output.trim().split(/\s+/).map(Number);
  } catch (fault) {
    if (signal.aborted) return undefined;
    throw fault;
  }
}

function figure(name: string, labels: Figure['labels'], runs: readonly number[]): Figure {
  return { suite: 'micro', name, labels, value: median(runs), unit: UNIT, runs };
}
