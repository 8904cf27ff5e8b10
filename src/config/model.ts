/** The frozen outcome of reading a configuration, whatever its syntax was. Addresses are text that has been checked. */
import type { SettingValue } from '../base/settings.ts';
import type { ForwardingMethodName, ServiceProtocol } from '../base/terms.ts';

export interface Config {
  /** Names of interfaces to attach to; empty = those that routes to the real servers and the virtual addresses lead through. */
  readonly interfaces: readonly string[];
  readonly services: readonly VirtualServiceConfig[];
  /** In the order in which they are looked at; the last one that fits wins. */
  readonly classification: readonly ClassificationConfig[];
  readonly fullnat: FullnatConfig;
  /** Virtual ports that the FTP helper listens to; left out = 21. */
  readonly ftpPorts?: readonly number[];
  readonly timeouts: TimeoutsConfig;
  /** Run-time settings under the kernel's names, checked; those that were not given are not here. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly limits: LimitsConfig;
}

/** What names a service. */
export type ServiceIdentity =
  /** Port 0 = every port that no other service has. */
  | { readonly protocol: ServiceProtocol; readonly address: string; readonly port: number }
  | { readonly firewallMark: number; readonly family: 'v4' | 'v6' };

export type VirtualServiceConfig = ServiceIdentity & {
  readonly scheduler: string;
  readonly schedulerFlags: readonly string[];
  readonly onePacket: boolean;
  /** Null = each connection is scheduled by itself. */
  readonly persistence: PersistenceConfig | null;
  /** What tells clients apart beside their address; left out = nothing. */
  readonly persistenceEngine?: 'sip';
  readonly realServers: readonly RealServerConfig[];
};

export interface PersistenceConfig {
  readonly timeoutSeconds: number;
  /** Bits of a client's address that name one client. */
  readonly prefix: number;
  /** IPv4: instead of `prefix`, bits that need not be the first ones; null = by `prefix`. */
  readonly mask: string | null;
}

export interface RealServerConfig {
  readonly address: string;
  /** 0 = the port that the client asked for. */
  readonly port: number;
  readonly method: ForwardingMethodName;
  readonly weight: number;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  /** Null for other methods than `tunnel`. */
  readonly tunnel: TunnelConfig | null;
}

export interface TunnelConfig {
  readonly type: 'ipip' | 'gue' | 'gre';
  /** GUE: destination UDP port. Else 0. */
  readonly port: number;
  readonly checksum: 'none' | 'full' | 'remote';
}

/** Gives packets a firewall mark; what is left out fits everything. */
export interface ClassificationConfig {
  readonly family: 'v4' | 'v6';
  readonly mark: number;
  readonly protocol?: ServiceProtocol;
  /** Address or prefix. */
  readonly source?: string;
  readonly target?: string;
  readonly sourcePorts?: readonly PortRangeConfig[];
  readonly targetPorts?: readonly PortRangeConfig[];
  /** Name of the interface that the packet came in by. */
  readonly interface?: string;
}

/** Both ends included. */
export type PortRangeConfig = readonly [first: number, last: number];

/** Of the real servers by method `fullnat`. */
export interface FullnatConfig {
  /** The director's own addresses that stand for its clients. */
  readonly localAddresses: readonly string[];
  readonly ports: PortRangeConfig;
  /** Tell real servers the client's address by a TCP option. */
  readonly toa: boolean;
  /** Leave TCP timestamps to client and real server. */
  readonly timestamps: boolean;
}

/** Seconds. Defaults 900, 120, 300 (specs/ipvs.md section 3). */
export interface TimeoutsConfig {
  readonly tcp: number;
  readonly tcpFin: number;
  readonly udp: number;
}

/** Capacities fixed at start. */
export interface LimitsConfig {
  /** Connections, a power of two or rounded up to one. Default 65536. */
  readonly connections: number;
  /** Default 4096. */
  readonly services: number;
  /** Default 32768. */
  readonly destinations: number;
}
