// hot path

/** The loop of a worker. One function for the real thing and for the warm-up, so that it, too, is compiled before the first frame. */
import type { Breath } from './breath.ts';
import type { Idle } from './idle.ts';

/** Breaths between two looks at the host's device. One that has frames ends every sleep, so none is kept waiting. */
const BREATHS_PER_HOST_LOOK = 16;
/** Breaths between two looks at the clock and for messages. */
const BREATHS_PER_CHORE = 32;

/**
 * Breathes until a chore says that it is enough.
 * @param chores what need not be done for every burst; returns whether to go on
 */
export function breatheOn(breath: Breath, idle: Idle, chores: () => boolean): void {
  let goesOn = true;
  for (let breaths = 0; goesOn; breaths = (breaths + 1) | 0) {
    if (breaths % BREATHS_PER_CHORE === 0) goesOn = chores();
    if (breath.breathe(breaths % BREATHS_PER_HOST_LOOK === 0) > 0) idle.busy();
    else if (idle.quiet()) goesOn = goesOn && chores();
  }
}
