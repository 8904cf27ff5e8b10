/**
 * Everything one director works with, in one object of one shape: the functions of this folder take it as their first argument.
 * Nothing here grows after the constructor.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { NONE } from '../base/terms.ts';
import { Counters } from '../memory/counters.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import { Flow } from '../packet/flow.ts';
import { Timeouts } from '../protocol/timeouts.ts';
import type { Scheduler } from '../scheduler/contract.ts';
import { ScheduleRequest } from '../scheduler/contract.ts';
import type { Tables } from '../table/tables.ts';
import { Classifier } from './classify.ts';
import { ClientWays } from './clientWays.ts';
import { COUNTER_NAMES, type CounterName } from './counters.ts';
import { Defence } from './defence.ts';
import { RemovedFlush } from './expiry.ts';
import { FragmentTable } from './fragmentTable.ts';
import { FtpScratch } from './ftp.ts';
import { FullnatOptions } from './fullnat.ts';
import { IcmpLimiter } from './icmpLimiter.ts';
import { PersistenceName } from './persistenceName.ts';
import { Pieces } from './pieces.ts';
import { RealServerIndex } from './realServers.ts';
import { Scratch } from './scratch.ts';
import { EngineSettings } from './settings.ts';
import { TunnelIndex } from './tunnels.ts';
import { Way } from './way.ts';

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
  /** Free memory in pages of 4096 bytes, for the defences; by default the free rows of the connection table. */
  readonly availablePages?: () => number;
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
  /** The outer headers of a tunnel packet that is being made. */
  readonly outer = new Flow();
  /** The client's packet inside a tunnel packet that an ICMP error quotes. */
  readonly quotedInner = new Flow();
  readonly way = new Way();
  readonly pieces = new Pieces();
  readonly scratch: Scratch;
  readonly fragments: FragmentTable;
  /** Where a datagram that came in fragments is put together, with headroom in front; NONE = the arena has no room for it. */
  readonly assemblyAt: number;
  readonly limiter: IcmpLimiter;
  readonly timeouts = new Timeouts();
  readonly settings = new EngineSettings();
  readonly classifier = new Classifier();
  readonly fullnat = new FullnatOptions();
  readonly defence: Defence;
  readonly removedFlush = new RemovedFlush();
  readonly realServers = new RealServerIndex();
  readonly tunnels = new TunnelIndex();
  readonly availablePages: () => number;
  /** Key of a persistence template. */
  readonly templateKey = new Flow();
  /** What the template is named by, beside that key. */
  readonly name = new PersistenceName();
  readonly ftp = new FtpScratch();
  /** For connections that real servers open. */
  readonly clientWays = new ClientWays();
  /** The packet quoted by an ICMP error, or one of a real server's own, turned round. */
  readonly inverse = new Flow();
  readonly request = new ScheduleRequest();
  /** By service index. */
  readonly schedulers: (Scheduler | undefined)[] = [];
  /** Name of each, by service index. */
  readonly schedulerNames: string[] = [];
  /** Timer ticks of 100 ms since the clock's start. */
  nowTick = 0;
  /** Wraps after 24 days: compare by int32 difference. */
  nowMilliseconds = 0;
  /** Next identification of an IP header of our own. */
  identification: number;
  /** Identification of the last IPv6 packet that was cut. */
  fragmentId: number;
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
    this.fragmentId = options.random.next() | 0;
    const longest = Math.max(1500, ...options.links.map((link) => Math.min(link.mtu, MAX_PIECE_MTU))) + ETHERNET_BYTES;
    this.scratch = new Scratch(options.arena, longest, options.headroom);
    this.fragments = new FragmentTable(FRAGMENTED_DATAGRAMS, FRAGMENTS, longest, options.arena);
    const assembly = options.arena.reserve(options.headroom + ASSEMBLY_BYTES);
    this.assemblyAt = assembly === NONE ? NONE : assembly + options.headroom;
    this.limiter = new IcmpLimiter();
    this.defence = new Defence(options.clock.now() | 0);
    this.availablePages = options.availablePages ?? (() => freePages(options.tables));
  }
}

/** What of the connection table is free, in pages of memory. */
function freePages({ connections }: Tables): number {
  return Math.floor(((connections.capacity - connections.count) * CONNECTION_BYTES) / PAGE_BYTES);
}

const CONNECTION_BYTES = 128;
const PAGE_BYTES = 4096;
const ETHERNET_BYTES = 14;
/** Datagrams that can wait for their fragments at once, and the fragments of all of them. */
const FRAGMENTED_DATAGRAMS = 256;
const FRAGMENTS = 512;
/** Link header, IPv6 header, and the longest payload. */
const ASSEMBLY_BYTES = ETHERNET_BYTES + 40 + 65_535;
/** Loopback and tun devices name an MTU of 64 KB; no piece we cut is longer than a jumbo frame. */
const MAX_PIECE_MTU = 9216;
