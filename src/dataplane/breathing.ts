// hot path

/** The loop of a worker. One function for the real thing and for the warm-up, so that it, too, is compiled before the first frame. */
import type { Breath } from './breath.ts';
import type { Idle } from './idle.ts';

/** Breaths between two looks at the host's device. One that has frames ends every sleep, so none is kept waiting. */
const BREATHS_PER_HOST_LOOK = 16;
/** Breaths between two looks at the clock and for messages. */
const BREATHS_PER_CHORE = 32;

/**
 * Then the loop is begun anew: V8 runs what it has compiled meanwhile from the next call on, and one that never ends may stay for ever in
 * code that makes an object of every reading of the clock (docs/decisions/0011). A multiple of both.
 */
const BREATHS_PER_CALL = 1024;

/**
 * Breathes until a chore says that it is enough.
 * @param chores what need not be done for every burst; returns whether to go on
 */
export function breatheOn(breath: Breath, idle: Idle, chores: () => boolean): void {
  while (breatheForAWhile(breath, idle, chores));
}

function breatheForAWhile(breath: Breath, idle: Idle, chores: () => boolean): boolean {
  let goesOn = true;
  let hasSlept = false;
  for (let breaths = 0; goesOn && breaths < BREATHS_PER_CALL; breaths++) {
    // The only place that calls them: compiled code is thrown away where it meets chores that the warm-up has not shown it.
    if (hasSlept || breaths % BREATHS_PER_CHORE === 0) goesOn = chores();
    hasSlept = false;
    if (breath.breathe(breaths % BREATHS_PER_HOST_LOOK === 0) > 0) idle.busy();
    else hasSlept = idle.quiet();
  }
  return goesOn;
}
