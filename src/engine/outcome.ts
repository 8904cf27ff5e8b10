// hot path

/** The three ends of a frame, each with its counter. */
import { NONE } from '../base/terms.ts';
import type { Burst } from '../memory/burst.ts';
import { COUNTER_NAMES, type CounterName } from './counters.ts';
import { type EngineState, Outcome } from './state.ts';

/** The index of a counter, looked up once when a module loads. */
export function counter(name: CounterName): number {
  return COUNTER_NAMES.indexOf(name);
}

const PUNTED = counter('punted');
const NO_HOST_PORT = counter('noHostPort');

/** The frame ends here. @param reason a drop counter's index */
export function drop(s: EngineState, burst: Burst, i: number, reason: number): void {
  s.counters.add(reason);
  burst.output[i] = NONE;
  s.outcome = Outcome.dropped;
}

/** The frame is the host's: as it came, if there is a way to give it back. */
export function punt(s: EngineState, burst: Burst, i: number): void {
  s.outcome = Outcome.punted;
  burst.output[i] = s.hostPort;
  s.counters.add(s.hostPort === NONE ? NO_HOST_PORT : PUNTED);
}
