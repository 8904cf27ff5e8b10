/**
 * The same schedulers written as slowly and plainly as their specification (specs/ipvs.md section 4) allows: what the fast ones are
 * compared with. They see the list only when asked, and are told of changes as the real ones are.
 */
import { NONE } from '../../src/base/terms.ts';
import type { Scheduler } from '../../src/scheduler/contract.ts';
import type { TestDestinations } from '../support/testDestinations.ts';

/** By name of the scheduler. */
export const SLOW_MODELS: Readonly<Record<string, (list: TestDestinations) => Scheduler>> = {
  rr: slowRr,
  wrr: slowWrr,
  lc: (list) => slowLeast(list, (d) => overheadOf(list, d)),
  wlc: (list) =>
    slowLeast(
      list,
      (d) => overheadOf(list, d),
      (d) => BigInt(list.weight(d)),
    ),
};

/** The list turned so that it begins after the one picked last. */
function slowRr(list: TestDestinations): Scheduler {
  let last = NONE;
  return {
    pick() {
      const start = list.listed.indexOf(last) + 1;
      const turned = [...list.listed.slice(start), ...list.listed.slice(0, start)];
      const picked = turned.find((d) => list.isUsable(d)) ?? NONE;
      if (picked !== NONE) last = picked;
      return picked;
    },
    added() {},
    removing(d) {
      if (d === last) last = list.listed[list.listed.indexOf(d) - 1] ?? NONE;
    },
    edited() {},
  };
}

/** Level by level, every level of every round. */
function slowWrr(list: TestDestinations): Scheduler {
  const measure = (without: number) => {
    const weights = list.listed.filter((d) => d !== without && list.weight(d) > 0).map((d) => list.weight(d));
    const divisor = weights.reduce((a, b) => gcd(a, b), 0) || 1;
    return { divisor, top: weights.length === 0 ? 0 : Math.max(...weights) - (divisor - 1) };
  };
  let { divisor, top } = measure(NONE);
  let level = top;
  let last = NONE;
  const restart = (without: number) => {
    last = NONE;
    ({ divisor, top } = measure(without));
    if (level > top || level === 0) level = top;
    else if (divisor > 1) level = Math.floor(level / divisor) * divisor + 1;
  };
  return {
    pick() {
      if (top === 0) return NONE;
      const start = last;
      let [isLastPass, hasRestarted] = [false, false];
      for (;;) {
        for (const d of list.listed.slice(list.listed.indexOf(last) + 1)) {
          last = d;
          if (!list.overloaded(d) && list.weight(d) >= level) return d;
          if (isLastPass && hasRestarted && start !== NONE && d === start) return NONE;
        }
        last = NONE;
        level -= divisor;
        if (level <= 0) {
          level = top;
          if (isLastPass || start === NONE) return NONE;
          hasRestarted = true;
        }
        isLastPass = level <= divisor;
      }
    },
    added: () => restart(NONE),
    removing: restart,
    edited: () => restart(NONE),
  };
}

/** The first of the smallest quotients, in exact arithmetic. */
function slowLeast(list: TestDestinations, load: (d: number) => bigint, weight: (d: number) => bigint = () => 1n): Scheduler {
  return {
    pick() {
      const usable = list.listed.filter((d) => list.isUsable(d));
      const isLess = (a: number, b: number) => load(a) * weight(b) < load(b) * weight(a);
      return usable.reduce((best, d) => (best === NONE || isLess(d, best) ? d : best), NONE);
    },
    added() {},
    removing() {},
    edited() {},
  };
}

function overheadOf(list: TestDestinations, d: number): bigint {
  return BigInt(list.active(d)) * 256n + BigInt(list.inactive(d));
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
