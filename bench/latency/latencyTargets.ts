/** Latency's lines of the promises: 5. */
import { type Figure, judge, type Target } from '../figures.ts';

/** Client and real server without a director between them. */
export const WIRE = 'a veth, no director';

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
    const medians = figures.filter(({ labels }) => labels['measure'] === 'p50' && labels['wait'] === wait);
    return worst(medians.map((each) => ({ value: each.value - (wire.get(each.labels['ratePps']) ?? Number.NaN) })));
  };
  const rest = of('% of a core', ({ labels }) => labels['wait'] === 'adaptive');
  const start = of('ms one way', () => true);
  const perRate = 'the worse of 5 k and 100 k packets/s and of both ports';
  return [
    judge('5a', 'a director at rest', rest, 'at most', 1, '% of a core'),
    judge('5c', `added p50, spinning; ${perRate}`, added('spin'), 'at most', 5, 'us'),
    judge('5d', `added p50, adaptive; ${perRate}`, added('adaptive'), 'at most', 30, 'us'),
    judge('5e', 'worst delay in the first 3 s of a director, 5 k packets/s', start, 'at most', 10, 'ms'),
  ];
}

function worst(figures: readonly { readonly value: number }[]): number {
  return figures.length === 0 ? Number.NaN : Math.max(...figures.map(({ value }) => value));
}
