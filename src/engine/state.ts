/**
 * Everything one director works with, in one object of one shape: the functions of this folder take it as their first argument.
 * Nothing here grows after the constructor.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { BURST_FRAMES, NONE } from '../base/terms.ts';
import { Counters } from '../memory/counters.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { Flow } from '../packet/flow.ts';
import { Timeouts } from '../protocol/timeouts.ts';
import type { Scheduler } from '../scheduler/contract.ts';
import { ScheduleRequest } from '../scheduler/contract.ts';
import type { Tables } from '../table/tables.ts';
import { COUNTER_NAMES, type CounterName } from './counters.ts';
import { FragmentTable } from './fragmentTable.ts';
import { IcmpLimiter } from './icmpLimiter.ts';
import { Scratch } from './scratch.ts';

/** What the engine must know of a port; `PortFacts` of io has this shape. */
export interface LinkFacts {
  /** Largest IP packet, bytes. */
  readonly mtu: number;
  readonly macHigh: number;
  readonly macLow: number;
  /** Takes partial checksums and super-frames. */
  readonly offloads: boolean;
}

export interface EngineOptions {
  readonly arena: FrameArena;
  readonly tables: Tables;
  /** By port index. */
  readonly links: readonly LinkFacts[];
  /** Index of the port that hands frames to the host; NONE = there is none, punted frames end here. */
  readonly hostPort: number;
  /** Bytes free in front of every received frame. */
  readonly headroom: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** What became of the frame handled last, for the fragments that follow it: a connection's node, or one of these. */
export const Outcome = { dropped: -2, punted: -3 } as const;

export class EngineState {
  readonly arena: FrameArena;
  readonly v: DataView;
  readonly bytes: Uint8Array;
  readonly tables: Tables;
  readonly links: readonly LinkFacts[];
  readonly hostPort: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters = new Counters<CounterName>(COUNTER_NAMES);
  readonly flow = new Flow();
  readonly quoted = new Flow();
  readonly segment = new Flow();
  /** What names the datagram whose first fragment is being handled. */
  readonly datagram = new Flow();
  readonly scratch: Scratch;
  readonly fragments: FragmentTable;
  readonly limiter: IcmpLimiter;
  readonly timeouts = new Timeouts();
  readonly request = new ScheduleRequest();
  /** By service index. */
  readonly schedulers: (Scheduler | undefined)[] = [];
  /** Name and flags of each, by service index. */
  readonly schedulerNames: string[] = [];
  /** Timer ticks of 100 ms since the clock's start. */
  nowTick = 0;
  /** Wraps after 24 days: compare by int32 difference. */
  nowMilliseconds = 0;
  /** Next identification of an IP header of our own. */
  identification: number;
  outcome: number = NONE;

  constructor(options: EngineOptions) {
    this.arena = options.arena;
    this.v = options.arena.view;
    this.bytes = options.arena.bytes;
    this.tables = options.tables;
    this.links = options.links;
    this.hostPort = options.hostPort;
    this.clock = options.clock;
    this.random = options.random;
    this.identification = options.random.next() & 0xffff;
    const longest = Math.max(1500, ...options.links.map((link) => Math.min(link.mtu, MAX_PIECE_MTU))) + ETHERNET_BYTES;
    this.scratch = new Scratch(options.arena, longest, options.headroom);
    this.fragments = new FragmentTable(FRAGMENT_ENTRIES, BURST_FRAMES, longest, options.arena);
    this.limiter = new IcmpLimiter();
  }
}

const ETHERNET_BYTES = 14;
const FRAGMENT_ENTRIES = 1024;
/** Loopback and tun devices name an MTU of 64 KB; no piece we cut is longer than a jumbo frame. */
const MAX_PIECE_MTU = 9216;
