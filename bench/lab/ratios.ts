/** Every figure of the lab beside the one that most targets compare with: the same load in the same run, repetition by repetition. */
import { type Figure, median } from '../figures.ts';
import { NFT_PEER } from './peers.ts';

/** Conditions that a figure must share with its partner; how we read frames, and how we wait for them, is ours alone. */
const SHARED_LABELS = ['load', 'bytes', 'clients', 'offloads'];
const COMPARED_UNITS = ['Mpps', 'connections/s', 'requests/s', 'Gbit/s'];

/** @returns the figures, with a ratio for each that has a partner */
export function withRatios(figures: readonly Figure[]): Figure[] {
  const partners = figures.filter(({ name, unit }) => name === NFT_PEER && COMPARED_UNITS.includes(unit));
  return figures.flatMap((figure) => {
    const partner = partners.find((each) => each.unit === figure.unit && isSameLoad(each, figure));
    if (partner === undefined || figure.name === NFT_PEER) return [figure];
    const { suite, name, labels } = figure;
    const runs = figure.runs.slice(0, partner.runs.length).map((value, i) => value / partner.runs[i]!);
    return [figure, { suite, name, labels, value: median(runs), unit: `x ${NFT_PEER}`, runs }];
  });
}

function isSameLoad(a: Figure, b: Figure): boolean {
  return SHARED_LABELS.every((label) => a.labels[label] === b.labels[label]);
}
