/** What the control side and a data-plane worker say to each other: plain data, every request answered once. */
import type { DestinationKey, DestinationSettings, ServiceKey, ServiceSettings, TableAction } from '../table/actions.ts';

/** The engine of one port: AF_XDP, AF_PACKET rings, or a TUN/TAP device. */
export type IoKind = 'xdp' | 'packet' | 'tun';

/** One interface that the worker is to open; its place in the list is the port index of `NextHop.port`. */
export interface InterfaceRequest {
  readonly name: string;
  readonly io: IoKind;
}

/** What a worker does when no frame comes: asks on without a pause, sleeps at once, or asks on for a moment and then sleeps. */
export const IDLE_MODES = ['adaptive', 'spin', 'block'] as const;
export type IdleMode = (typeof IDLE_MODES)[number];

export interface WorkerOptions {
  readonly interfaces: readonly InterfaceRequest[];
  readonly limits: { readonly connections: number; readonly services: number; readonly destinations: number };
  /** Of the hash tables and of random choices. */
  readonly seed: number;
  /** The host's own addresses, which stay with the kernel also when a real server talks to them. */
  readonly localAddresses: readonly string[];
  /** Default adaptive. */
  readonly idle?: IdleMode;
  /** Threads that share the traffic; each has its share of `limits.connections`. Default 1. */
  readonly workers?: number;
  /** Processor that worker i runs on; with fewer than workers they are used in turn. Default: anywhere. */
  readonly cpus?: readonly number[];
  /** Runs the code on made-up frames before the first real one, so that it is compiled by then. Default true. */
  readonly warmUp?: boolean;
}

/** What the first worker has made in the kernel and the others join: file descriptors and groups, by place of the interface. */
export interface SharedKernel {
  readonly fanoutProgram: number;
  readonly interfaces: readonly { readonly group: number; readonly filter: number; readonly socketMap: number }[];
}

export type Request =
  | { readonly id: number; readonly kind: 'apply'; readonly actions: readonly TableAction[] }
  | { readonly id: number; readonly kind: 'localAddresses'; readonly addresses: readonly string[] }
  | { readonly id: number; readonly kind: 'status' }
  /** The services from row `from` of the table on: of a status that has not all of them. */
  | { readonly id: number; readonly kind: 'services'; readonly from: number }
  /** Lends the worker a buffer for a slice of a listing (connectionSlice.ts), from row `from` of its table on. */
  | { readonly id: number; readonly kind: 'connections'; readonly from: number; readonly buffer: ArrayBuffer }
  | { readonly id: number; readonly kind: 'stop' };

export type Reply =
  | { readonly id: number; readonly kind: 'done' }
  | { readonly id: number; readonly kind: 'refused'; readonly code: string; readonly message: string; readonly hint: string }
  | { readonly id: number; readonly kind: 'status'; readonly status: DataPlaneStatus; readonly nextService: number }
  /** Some services; `nextService` is the row of the next one, or NONE. */
  | { readonly id: number; readonly kind: 'services'; readonly services: readonly ServiceStatus[]; readonly nextService: number }
  /** The buffer goes back. */
  | { readonly id: number; readonly kind: 'connections'; readonly buffer: ArrayBuffer };

/** Packets and bytes (IP, without link header) since the start, or since they were set to zero; specs/ipvs.md section 7.1. */
export interface TrafficCounters {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** The same per second: the kernel's estimate over about the last ten seconds, not rounded. base/shownRates.ts rounds as it does. */
export type TrafficRates = TrafficCounters;

export interface DestinationStatus {
  readonly key: DestinationKey;
  readonly settings: DestinationSettings;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  /** Persistence templates (PersistConn of ipvsadm). */
  readonly persistentClients: number;
  readonly overloaded: boolean;
  /** MAC address of the next hop; `local` when the real server is the director's own host; null = unresolved. */
  readonly nextHop: string | null;
  readonly traffic: TrafficCounters;
  readonly rates: TrafficRates;
}

export interface ServiceStatus {
  readonly key: ServiceKey;
  readonly settings: ServiceSettings;
  readonly traffic: TrafficCounters;
  readonly rates: TrafficRates;
  /** In the table's own order: the one added last comes first. */
  readonly destinations: readonly DestinationStatus[];
}

/** A connection or a template, as a listing has it. */
export interface ConnectionEntry {
  /** `TCP`, `UDP`, `SCTP`; `IP` of a template by firewall mark. */
  readonly protocol: string;
  readonly state: string;
  readonly expiresSeconds: number;
  readonly client: DestinationKey;
  readonly virtual: DestinationKey;
  readonly destination: DestinationKey;
  /** Of a persistence engine: its name, and what it tells clients apart by, such as a Call-ID. */
  readonly engine?: { readonly name: string; readonly data: string };
}

/** The same in the status. */
export interface ConnectionStatus {
  readonly protocol: string;
  readonly state: string;
  readonly expiresSeconds: number;
  /** `address:port`. */
  readonly client: string;
  readonly virtual: string;
  readonly destination: string;
}

export interface PortStatus {
  readonly name: string;
  readonly io: IoKind | 'memory' | 'pcap' | 'cap';
  /** Such as `native, copy` for xdp; empty when there is nothing to say. */
  readonly mode: string;
  readonly counters: Readonly<Record<string, number>>;
}

/** One thread of the data plane. */
export interface WorkerStatus {
  /** Null when it runs anywhere. */
  readonly cpu: number | null;
  readonly connections: number;
  /** Frames that the engine has decided about. */
  readonly frames: number;
  /** Garbage collections of the thread since its ports are open, and what its heap holds beside tables and frames. */
  readonly collections?: { readonly count: number; readonly longestMs: number };
  readonly heapBytes?: number;
}

export interface DataPlaneStatus {
  readonly ports: readonly PortStatus[];
  readonly services: readonly ServiceStatus[];
  readonly connections: {
    readonly count: number;
    readonly capacity: number;
    /** At most as many as the request asked for. */
    readonly list: readonly ConnectionStatus[];
  };
  readonly traffic: TrafficCounters;
  readonly rates: TrafficRates;
  /** Every counter of the engine that is not zero, by name; drops among them. */
  readonly counters: Readonly<Record<string, number>>;
  /** One entry for each worker; everything else is their sum. */
  readonly workers?: readonly WorkerStatus[];
}
