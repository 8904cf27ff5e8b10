/**
 * twos against the recordings. The kernel draws lots, so each recording is played with draws that lead to the recorded choice: that must
 * be possible, all counts must be the recorded ones, and over all choices the kernel must look as if it drew as we do.
 */
import { expect, test } from 'vitest';
import type { Random } from '../../src/base/random.ts';
import { NONE } from '../../src/base/terms.ts';
import type { DestinationList } from '../../src/scheduler/contract.ts';
import { isUsable, overhead } from '../../src/scheduler/load.ts';
import { twos } from '../../src/scheduler/twos.ts';
import { ServiceDestinations } from '../../src/table/serviceDestinations.ts';
import { goldenNames, readGolden } from '../support/golden.ts';
import { optionsWith, requestOf } from './life.ts';
import { play, type Recording, serverOf } from './playRecording.ts';

/** Draws these two numbers, again and again. */
class Steered implements Random {
  draws: [number, number] = [0, 0];

  next(): number {
    return this.below();
  }

  below(): number {
    this.draws.reverse();
    return this.draws[1];
  }
}

/** How far the choices of one kind are from what was expected of them. */
class Tally {
  difference = 0;
  variance = 0;

  count(isChosen: boolean, probability: number): void {
    this.difference += (isChosen ? 1 : 0) - probability;
    this.variance += probability * (1 - probability);
  }

  get deviation(): number {
    return this.difference / Math.sqrt(this.variance);
  }
}

test('the recorded choices are possible, and as frequent as ours would be', () => {
  const files = goldenNames('A_sched/twos');
  expect(files.length).toBeGreaterThan(10);
  const tallies = { first: new Tally(), last: new Tally(), leastLoaded: new Tally(), mostLoaded: new Tally() };
  for (const file of files) {
    const random = new Steered();
    const difference = play(readGolden<Recording>(file), {
      random,
      beforeOpening(director, result) {
        const list = new ServiceDestinations(director.tables.destinations, director.tables.services.first());
        const usable = usableOf(list);
        const chosen = usable.find((d) => serverOf(director, d) === result);
        if (chosen === undefined) return;
        if (usable.length > 1) tally(tallies, list, usable, chosen);
        random.draws = [drawOf(list, usable, chosen), drawOf(list, usable, chosen)];
      },
    });
    expect([file, difference]).toEqual([file, undefined]);
  }
  for (const each of Object.values(tallies)) {
    expect(each.variance).toBeGreaterThan(100);
    expect(Math.abs(each.deviation)).toBeLessThan(4);
  }
});

function usableOf(list: DestinationList): number[] {
  const usable: number[] = [];
  for (let d = list.first(); d !== NONE; d = list.next(d)) if (isUsable(list, d)) usable.push(d);
  return usable;
}

/** A number that falls to `d`. */
function drawOf(list: DestinationList, usable: readonly number[], d: number): number {
  return usable.slice(0, usable.indexOf(d) + 1).reduce((sum, each) => sum + list.weight(each), 0);
}

/** Counts a choice among several. */
function tally(
  tallies: Readonly<Record<'first' | 'last' | 'leastLoaded' | 'mostLoaded', Tally>>,
  list: DestinationList,
  usable: readonly number[],
  chosen: number,
): void {
  const byLoad = usable.toSorted((a, b) => overhead(list, a) / list.weight(a) - overhead(list, b) / list.weight(b));
  const probability = probabilities(list, usable);
  const ends = { first: usable[0]!, last: usable.at(-1)!, leastLoaded: byLoad[0]!, mostLoaded: byLoad.at(-1)! };
  for (const [kind, d] of Object.entries(ends)) tallies[kind as keyof typeof ends].count(chosen === d, probability.get(d)!);
}

/** How probable each is to be picked, by all pairs that may be drawn. */
function probabilities(list: DestinationList, usable: readonly number[]): Map<number, number> {
  const random = new Steered();
  const scheduler = twos.create(list, optionsWith({ random }));
  const total = usable.reduce((sum, d) => sum + list.weight(d), 0);
  const share = (d: number) => (list.weight(d) + (d === usable[0] ? 1 : 0)) / (total + 1);
  const sums = new Map(usable.map((d) => [d, 0]));
  for (const one of usable) {
    for (const other of usable) {
      random.draws = [drawOf(list, usable, other), drawOf(list, usable, one)];
      const picked = scheduler.pick(requestOf(0));
      sums.set(picked, sums.get(picked)! + share(one) * share(other));
    }
  }
  return sums;
}
