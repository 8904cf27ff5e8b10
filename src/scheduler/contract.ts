// hot path

/**
 * What a scheduler is: it sees the destinations of one service, newest first, and names the one for a new connection. It is told of
 * every change of the list. Called per new connection, never per packet.
 */
import type { Random } from '../base/random.ts';

/** The destinations of one service. Indices are small integers, at most one row of the table each. */
export interface DestinationList {
  /** The newest, or NONE. */
  first(): number;
  /** The next older one, or NONE. */
  next(d: number): number;
  /** Still on the list: for schedulers that remember destinations. */
  available(d: number): boolean;
  /** 0 = takes no new connections. */
  weight(d: number): number;
  /** The latest weight that was not 0. */
  lastWeight(d: number): number;
  active(d: number): number;
  inactive(d: number): number;
  /** Takes no new connections until it has fewer. */
  overloaded(d: number): boolean;
  family(d: number): number;
  /** Word `i`, 0 to 3, of its address. */
  addressWord(d: number, i: number): number;
  port(d: number): number;
}

/** What is known of the new connection; one object, filled anew for each. Addresses as in FlowKey of table. */
export class ScheduleRequest {
  family = 0;
  protocol = 0;
  client0 = 0;
  client1 = 0;
  client2 = 0;
  client3 = 0;
  clientPort = 0;
  /** The virtual address that the client asked for. */
  target0 = 0;
  target1 = 0;
  target2 = 0;
  target3 = 0;
  targetPort = 0;
}

export interface Scheduler {
  /** The destination for a new connection, or NONE: then nobody may have it. */
  pick(request: ScheduleRequest): number;
  /** `d` is now at the head of the list. */
  added(d: number): void;
  /** `d` is about to leave the list, on which it still is. */
  removing(d: number): void;
  /** Weight, thresholds or anything else of `d` may have changed. */
  edited(d: number): void;
}

export interface SchedulerOptions {
  /** Those of the plugin's flags that are set. */
  readonly flags: readonly string[];
  readonly random: Random;
}

/** One kind of scheduler: a line in the registry. */
export interface SchedulerPlugin {
  /** As people write it. */
  readonly name: string;
  readonly description: string;
  /** Flags that it knows, such as `sh-port`. */
  readonly flags: readonly string[];
  /** For one service, whose list may already have destinations. */
  create(list: DestinationList, options: SchedulerOptions): Scheduler;
}
