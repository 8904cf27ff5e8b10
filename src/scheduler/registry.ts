/** Every scheduler: one line each. */
import type { SchedulerPlugin } from './contract.ts';
import { lc } from './lc.ts';
import { rr } from './rr.ts';
import { wlc } from './wlc.ts';
import { wrr } from './wrr.ts';

export const SCHEDULERS: readonly SchedulerPlugin[] = [rr, wrr, lc, wlc];

/** The scheduler of this name, or undefined. */
export function findScheduler(name: string): SchedulerPlugin | undefined {
  return SCHEDULERS.find((plugin) => plugin.name === name);
}
