/** Every scheduler: one line each. */
import type { SchedulerPlugin } from './contract.ts';
import { dh } from './dh.ts';
import { fo } from './fo.ts';
import { lblc } from './lblc.ts';
import { lblcr } from './lblcr.ts';
import { lc } from './lc.ts';
import { maglev } from './maglev.ts';
import { mh } from './mh.ts';
import { nq } from './nq.ts';
import { ovf } from './ovf.ts';
import { rr } from './rr.ts';
import { sed } from './sed.ts';
import { sh } from './sh.ts';
import { twos } from './twos.ts';
import { wlc } from './wlc.ts';
import { wrr } from './wrr.ts';

export const SCHEDULERS: readonly SchedulerPlugin[] = [rr, wrr, lc, wlc, sed, nq, fo, ovf, dh, sh, mh, maglev, lblc, lblcr, twos];

/** The scheduler of this name, or undefined. */
export function findScheduler(name: string): SchedulerPlugin | undefined {
  return SCHEDULERS.find((plugin) => plugin.name === name);
}
