/** The lab's lines of the promises: 2, 3, 4 and 6. */
import { type Figure, judge, type Target } from '../figures.ts';
import type { AutoChoices } from './autoChoice.ts';
import { NFT_PEER } from './peers.ts';
import { best, figureValue } from './recorder.ts';

const PROXIES = ['HAProxy TCP', 'nginx stream'];
/** Of the better port's rate: two ports nearer to each other than this are the same within what runs scatter. */
const TIE = 0.97;

/** Each with NaN, and missed, when one of its figures is missing. */
export function labTargets(figures: readonly Figure[], choices: AutoChoices): Target[] {
  return [...frameTargets(figures), ...connectionTargets(figures), ...bulkTargets(figures), ...choiceTargets(figures, choices)];
}

function frameTargets(figures: readonly Figure[]): Target[] {
  const nft = (load: string) => figureValue(figures, NFT_PEER, { load, method: 'masq' }, 'Mpps');
  const ours = (load: string, method: string) => bestOfUvs(figures, { load, method }, 'Mpps');
  const route = Math.min(ours('capacity', 'route') / nft('capacity'), ours('overload', 'route') / nft('overload'));
  const twoCores = best([nft('overload'), nft('split overload')]);
  const times = 'x nft';
  return [
    judge('2a', 'NAT 64 B below overload', ours('capacity', 'masq') / nft('capacity'), 'at least', 1, times),
    judge('2b', 'NAT 64 B in overload', ours('overload', 'masq') / nft('overload'), 'at least', 1, times),
    judge('2c', 'DR 64 B, the lower of below and in overload', route, 'at least', 1.1, times),
    judge('2d', 'NAT 64 B, receive on the other core', ours('split overload', 'masq') / twoCores, 'at least', 1.6, times),
  ];
}

function connectionTargets(figures: readonly Figure[]): Target[] {
  const unit = 'connections/s';
  const ours = bestOfUvs(figures, { load: 'connections', method: 'masq' }, unit);
  const nft = figureValue(figures, NFT_PEER, { load: 'connections' }, unit);
  const proxy = best(PROXIES.map((name) => figureValue(figures, name, { load: 'connections' }, unit)));
  return [
    judge('3a', 'connections/s through NAT', ours / nft, 'at least', 1, 'x nft'),
    judge('3b', 'connections/s through NAT', ours / proxy, 'at least', 1.28, 'x best proxy'),
  ];
}

/** Of both directions the worse one counts. */
function bulkTargets(figures: readonly Figure[]): Target[] {
  const gbit = (name: string, load: string) => figureValue(figures, name, { load, offloads: 'on' }, 'Gbit/s');
  const ratio = (wait: string, peer: (load: string) => number) =>
    Math.min(
      ...['up', 'down'].map((load) => bestOfUvs(figures, { load, method: 'masq', offloads: 'on', wait }, 'Gbit/s') / peer(load)),
    );
  const cost = (wait: string) => {
    const seconds = (name: string) => figureValue(figures, name, { load: 'up', offloads: 'on' }, 'core s/GB');
    const ours = figures.filter(({ name, labels }) => name.startsWith('uvs ') && labels['wait'] === wait).map(({ name }) => name);
    const least = Math.min(...[...new Set(ours)].map(seconds).filter((value) => !Number.isNaN(value)));
    if (!Number.isFinite(least)) return 'cost not measured';
    return `up ${least.toFixed(2)} core s/GB, nft ${seconds(NFT_PEER).toFixed(2)}`;
  };
  const nft = (load: string) => gbit(NFT_PEER, load);
  const proxy = (load: string) => best(PROXIES.map((name) => gbit(name, load)));
  return [
    judge('4a', `bulk through NAT with offloads, spinning (${cost('spin')})`, ratio('spin', nft), 'at least', 0.92, 'x nft'),
    judge('4b', `bulk through NAT with offloads, blocking (${cost('block')})`, ratio('block', nft), 'at least', 0.88, 'x nft'),
    judge('4c', 'bulk through NAT with offloads, spinning', ratio('spin', proxy), 'at least', 1.9, 'x best proxy'),
  ];
}

/** What the chosen port reaches, of what the better one reaches. */
function choiceTargets(figures: readonly Figure[], choices: AutoChoices): Target[] {
  const line = (id: string, text: string, chosen: string, labels: Readonly<Record<string, string>>, unit: string) => {
    const value = (io: string) => bestOfUvs(figures, { ...labels, io, wait: 'adaptive' }, unit);
    const reached = value(chosen) / best([value('packet'), value('xdp')]);
    return judge(id, `--io auto takes ${chosen}: ${text}`, reached, 'at least', TIE, 'of the better port');
  };
  const bulk = { load: 'up', method: 'masq' };
  return [
    line('6a', 'bulk on veth with offloads', choices.withOffloads, { ...bulk, offloads: 'on' }, 'Gbit/s'),
    line('6b', 'bulk on veth without offloads', choices.withoutOffloads, { ...bulk, offloads: 'off' }, 'Gbit/s'),
    line('6c', 'DR with small frames', choices.onlyRoute, { load: 'overload', method: 'route' }, 'Mpps'),
  ];
}

/** The best of all variants that were measured under these conditions. */
function bestOfUvs(figures: readonly Figure[], labels: Readonly<Record<string, string>>, unit: string): number {
  const names = new Set(figures.map(({ name }) => name).filter((name) => name.startsWith('uvs ')));
  return best([...names].map((name) => figureValue(figures, name, labels, unit)));
}
