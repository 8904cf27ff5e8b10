/** Latency's lines of the promises: 5. */
import { type Figure, judge, type Target } from '../figures.ts';

/** Client and real server without a director between them. */
export const WIRE = 'a veth, no director';

/** Delays in the first seconds of a director, and in as many later ones. */
export const START_MEASURE = 'worst of the first 3 s';
export const LATER_MEASURE = 'worst of the next 3 s';
/** What the machine does in the same time to a program that only spins on the director's core. */
export const MACHINE_MEASURE = 'longest pause in 3 s';

/** The heap may grow by what a few questions for the status leave behind. */
const MOST_GROWTH_KB = 500;

/** Of both ports, and where it says so of both rates, the worse one counts. Missing figures are NaN, and missed. */
export function latencyTargets(figures: readonly Figure[]): Target[] {
  const of = (unit: string, accept: (figure: Figure) => boolean) =>
    worst(figures.filter((each) => each.unit === unit && accept(each)));
  const wire = new Map(
    figures
      .filter(({ name, labels }) => name === WIRE && labels['measure'] === 'p50')
      .map((each) => [each.labels['ratePps'], each.value]),
  );
  const added = (wait: string) => {
    const medians = figures.filter(
      ({ labels }) => labels['measure'] === 'p50' && labels['wait'] === wait && labels['control'] === undefined,
    );
    return worst(medians.map((each) => ({ value: each.value - (wire.get(each.labels['ratePps']) ?? Number.NaN) })));
  };
  const rest = of('% of a core', ({ labels }) => labels['wait'] === 'adaptive');
  const start = of('ms one way', ({ labels }) => labels['measure'] === START_MEASURE);
  const later = of('ms one way', ({ labels }) => labels['measure'] === LATER_MEASURE);
  const machine = of('ms kept waiting', ({ labels }) => labels['measure'] === MACHINE_MEASURE);
  const growth = of('KB', () => true);
  const seconds = figures.find(({ unit }) => unit === 'KB')?.labels['seconds'] ?? 60;
  const collection = judge(
    '5b',
    `longest collection, ${seconds} s of load, heap grew by ${growth.toFixed(0)} KB in the second half`,
    of('ms', () => true),
    'at most',
    1,
    'ms',
  );
  const beside = `the next 3 s: ${later.toFixed(1)} ms; a program that only spins: ${machine.toFixed(1)} ms`;
  const perRate = 'the worse of 5 k and 100 k packets/s and of both ports';
  return [
    judge('5a', 'a director at rest', rest, 'at most', 1, '% of a core'),
    { ...collection, met: collection.met && growth <= MOST_GROWTH_KB },
    judge('5c', `added p50, spinning; ${perRate}`, added('spin'), 'at most', 5, 'us'),
    judge('5d', `added p50, adaptive; ${perRate}`, added('adaptive'), 'at most', 30, 'us'),
    judge('5e', `worst delay in the first 3 s, 5 k packets/s (${beside})`, start, 'at most', 1, 'ms'),
  ];
}

function worst(figures: readonly { readonly value: number }[]): number {
  return figures.length === 0 ? Number.NaN : Math.max(...figures.map(({ value }) => value));
}
