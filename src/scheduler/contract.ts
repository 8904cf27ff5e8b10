// hot path

/**
 * What a scheduler is: it sees the destinations of one service, newest first, and names the one for a new connection. It is told of
 * every change of the list. Called per new connection, never per packet.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Family } from '../base/terms.ts';

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
  /** The packet is an ICMP error from the client's side: it went to the client's own address, as the reply that it quotes did. */
  quotesReply = false;
  /** Set by a scheduler that had no room to remember its choice; whoever counts it sets it back. */
  cacheFull = false;
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
  /** The service has other flags now; what else is remembered stays. Schedulers without flags leave it out. */
  setFlags?(names: readonly string[]): void;
  /** Does now what the next `pick` would have to do first, after changes of the list: to be called when they are over. */
  prepare?(): void;
}

/** The run-time settings that schedulers look at, each time anew. */
export interface SchedulerSettings {
  readonly lblcExpirationSeconds: number;
  readonly lblcrExpirationSeconds: number;
}

export interface SchedulerOptions {
  /** Of the plugin's flags, or of those that every scheduler accepts (flags.ts). Others count for nothing. */
  readonly flags: readonly string[];
  /** Family of the service; a destination behind a tunnel may have the other one. */
  readonly family: Family;
  readonly random: Random;
  readonly clock: Clock;
  readonly settings: SchedulerSettings;
}

/** One kind of scheduler: a line in the registry. */
export interface SchedulerPlugin {
  /** As people write it. */
  readonly name: string;
  readonly description: string;
  /** `kernel` = it decides as the one of this name in Linux does. */
  readonly origin: 'kernel' | 'ours';
  /** Its names of the three flags that a service has, from the first on, such as `sh-port`. */
  readonly flags: readonly string[];
  /** For one service, whose list may already have destinations. */
  create(list: DestinationList, options: SchedulerOptions): Scheduler;
}
