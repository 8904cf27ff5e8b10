/** The frozen outcome of reading a configuration, whatever its syntax was. Addresses are text that has been checked. */
import type { ForwardingMethodName, ServiceProtocol } from '../base/terms.ts';

export interface Config {
  /** Names of interfaces to attach to; empty = those that routes to the real servers and the virtual addresses lead through. */
  readonly interfaces: readonly string[];
  readonly services: readonly VirtualServiceConfig[];
  readonly timeouts: TimeoutsConfig;
  readonly limits: LimitsConfig;
}

export interface VirtualServiceConfig {
  readonly protocol: ServiceProtocol;
  readonly address: string;
  readonly port: number;
  readonly scheduler: string;
  readonly schedulerFlags: readonly string[];
  readonly onePacket: boolean;
  readonly realServers: readonly RealServerConfig[];
}

export interface RealServerConfig {
  readonly address: string;
  readonly port: number;
  readonly method: ForwardingMethodName;
  readonly weight: number;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
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
  /** Default 1024. */
  readonly services: number;
  /** Default 8192. */
  readonly destinations: number;
}
