/** Processor time: of the director's core as a whole, with the kernel's part, and of the director's processes. */
import { readdirSync, readFileSync } from 'node:fs';
import { DIRECTOR_CORE } from './addresses.ts';

/** USER_HZ: the kernel's unit in /proc, on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface CpuTime {
  /** Seconds in which the director's core was not idle. */
  readonly coreSeconds: number;
  /** Seconds that the processes used. */
  readonly processSeconds: number;
}

/** Since the start of the machine and of the processes; those that have gone count nothing. */
export function readCpuTime(pids: readonly number[]): CpuTime {
  const line = readFileSync('/proc/stat', 'latin1')
    .split('\n')
    .find((each) => each.startsWith(`cpu${DIRECTOR_CORE} `));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (line ?? '').split(/\s+/).slice(1).map(Number);
  return {
    coreSeconds: (user + nice + system + irq + softirq) / TICKS_PER_SECOND,
    processSeconds: pids.reduce((sum, pid) => sum + processSeconds(pid), 0),
  };
}

/** What was used between two readings. */
export function cpuTimeBetween(before: CpuTime, after: CpuTime): CpuTime {
  return {
    coreSeconds: after.coreSeconds - before.coreSeconds,
    processSeconds: after.processSeconds - before.processSeconds,
  };
}

/** Of the threads that there are, by the scheduler's own clock; an idle director uses less than one tick of /proc/PID/stat. */
function processSeconds(pid: number): number {
  try {
    const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]),
    );
    return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9;
  } catch {
    return 0;
  }
}
