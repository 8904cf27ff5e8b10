/**
 * The same schedulers written as slowly and plainly as their specification (specs/ipvs.md section 4) allows: what the fast ones are
 * compared with. They see the list only when asked, and are told of changes as the real ones are.
 */
import { NONE } from '../../src/base/terms.ts';
import { ScheduleRequest, type Scheduler, type SchedulerOptions } from '../../src/scheduler/contract.ts';
import type { TestDestinations } from '../support/testDestinations.ts';
import { firstLeast, gcd, overheadOf, usable } from './slowArithmetic.ts';
import { slowDh, slowMaglev, slowMh, slowSh, slowTwos } from './slowHashing.ts';
import { slowLblc, slowLblcr } from './slowLocality.ts';

/** By name of the scheduler. */
export const SLOW_MODELS: Readonly<Record<string, (list: TestDestinations, options: SchedulerOptions) => Scheduler>> = {
  rr: slowRr,
  wrr: slowWrr,
  lc: (list) => slowLeast(list, (d) => overheadOf(list.get(d))),
  wlc: (list) => slowLeast(list, (d) => overheadOf(list.get(d)), weightOf),
  sed: (list) => slowLeast(list, (d) => BigInt(list.active(d)) + 1n, weightOf),
  nq: slowNq,
  fo: (list) => slowHeaviest(list, () => true),
  ovf: (list) => slowHeaviest(list, (d) => list.active(d) <= list.weight(d)),
  dh: slowDh,
  sh: slowSh,
  mh: slowMh,
  maglev: slowMaglev,
  lblc: slowLblc,
  lblcr: slowLblcr,
  twos: slowTwos,
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

/** Only the choice, which looks at the list and remembers nothing. */
function forgetful(pick: () => number): Scheduler {
  return { pick, added() {}, removing() {}, edited() {} };
}

type Load = (d: number, list: TestDestinations) => bigint;

const weightOf: Load = (d, list) => BigInt(list.weight(d));

/** The first of the smallest quotients, in exact arithmetic. */
function slowLeast(list: TestDestinations, load: Load, weight: Load = () => 1n): Scheduler {
  return forgetful(() => firstLeast(usable(list), (d) => [load(d, list), weight(d, list)]) ?? NONE);
}

function slowNq(list: TestDestinations): Scheduler {
  const sed = slowLeast(list, (d) => BigInt(list.active(d)) + 1n, weightOf);
  return forgetful(() => usable(list).find((d) => list.active(d) === 0) ?? sed.pick(new ScheduleRequest()));
}

/** The first of the largest weights among those that `isOpen`. */
function slowHeaviest(list: TestDestinations, isOpen: (d: number) => boolean): Scheduler {
  return forgetful(() => {
    const open = usable(list).filter(isOpen);
    const largest = Math.max(...open.map((d) => list.weight(d)));
    return open.find((d) => list.weight(d) === largest) ?? NONE;
  });
}
