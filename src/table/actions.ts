/**
 * The changes of the data plane's tables, as plain data: they cross a thread as one message and are applied whole between two
 * bursts. There is no second way to change a table. Addresses are text, MAC addresses `02:00:00:00:00:01`.
 */
import type { SettingValue } from '../base/settings.ts';
import type { ForwardingMethodName, ServiceProtocol } from '../base/terms.ts';

/** What names a virtual service: protocol, address and port, or a firewall mark. */
export type ServiceKey =
  | { readonly protocol: ServiceProtocol; readonly address: string; readonly port: number }
  | { readonly firewallMark: number; readonly family: 'v4' | 'v6' };

/** Of a data plane that has just started. */
export const DEFAULT_FTP_PORTS: readonly number[] = [21];
/** As the kernel's module parameter `ports`. */
export const MAX_FTP_PORTS = 8;

/** What `persistenceEngine` can be: `sip` goes by the Call-ID (engine/persistenceName.ts). */
export const PERSISTENCE_ENGINES: readonly string[] = ['sip'];

export interface ServiceSettings {
  readonly scheduler: string;
  /** For schedulers that know any, such as `sh-port`. */
  readonly schedulerFlags: readonly string[];
  /** UDP: schedule each datagram by itself. */
  readonly onePacket: boolean;
  /** Persistence timeout in seconds, 0 = none. */
  readonly persistenceSeconds: number;
  /** Bits of the client address that name one persistent client: 0 to 32, or 1 to 128 for IPv6. */
  readonly persistencePrefix: number;
  /** IPv4: the same as a mask, for one that is no prefix, as ipvsadm takes it; it is stronger than the prefix. */
  readonly persistenceMask?: string;
  /** Tells clients apart by more than their address; without it, or '', by nothing more. */
  readonly persistenceEngine?: string;
}

/** What names a destination within its service. */
export interface DestinationKey {
  readonly address: string;
  /** 0 = the port the client asked for. */
  readonly port: number;
}

export interface DestinationSettings {
  readonly method: ForwardingMethodName;
  /** 0 = quiesced: keeps its connections, gets no new ones. */
  readonly weight: number;
  /** Connections at which it counts as overloaded, 0 = never. */
  readonly upperThreshold: number;
  /** Connections below which it is no longer overloaded, 0 = three quarters of the upper threshold. */
  readonly lowerThreshold: number;
  /** Of the method `tunnel`; without it, plain IP in IP. */
  readonly tunnel?: TunnelSettings;
}

/** What stands between the outer and the inner IP header (specs/ipvs.md section 2.8). */
export interface TunnelSettings {
  readonly type: 'ipip' | 'gue' | 'gre';
  /** GUE: destination UDP port, 1 to 65535. Else 0. */
  readonly port: number;
  /** GUE and GRE. `remote` is GUE's remote checksum, which complete packets carry as `full`. */
  readonly checksum: 'none' | 'full' | 'remote';
}

/** How frames reach one real server. `mac` null while its neighbour is not resolved. */
export interface NextHop {
  /** The real server's own address, whichever gateway leads to it. */
  readonly address: string;
  /** Index of the port (in the worker's list) that leads there. */
  readonly port: number;
  /** MAC address of the server or of the gateway; null = unknown, frames for it are counted drops. */
  readonly mac: string | null;
  /** The director's own address on that route: source of tunnel packets. */
  readonly source: string;
  /** MTU of the route, bytes of IP packet. */
  readonly mtu: number;
  /** The address is the director's own: its packets go to the host, unchanged (method `local`, specs/ipvs.md section 2.8). */
  readonly local?: boolean;
}

/**
 * Gives packets a firewall mark, as the host's firewall would. Rules are looked at in order and the last one that fits wins, as with a
 * chain of iptables MARK targets. What is left out fits everything.
 */
export interface ClassificationRule {
  readonly family: 'v4' | 'v6';
  /** 0 takes the mark away. */
  readonly mark: number;
  readonly protocol?: ServiceProtocol;
  /** Address or prefix, `10.0.0.0/8`. */
  readonly source?: string;
  readonly target?: string;
  /** Inclusive ranges, at least one. They need `protocol`. */
  readonly sourcePorts?: readonly PortRange[];
  readonly targetPorts?: readonly PortRange[];
  /** Index of the port (in the worker's list) that the packet came in by. */
  readonly port?: number;
}

export type PortRange = readonly [first: number, last: number];

/** The director's own addresses towards fullnat real servers, and what these learn of the clients behind them. */
export interface FullnatSettings {
  /** Of either family; they are addresses of the host, which answers ARP for them. New connections take them in turn. */
  readonly localAddresses: readonly string[];
  /** Local ports, the same of every address. */
  readonly ports: PortRange;
  /** Tell real servers the client's address by a TCP option (TOA). */
  readonly toa: boolean;
  /** Let clients and real servers use TCP timestamps; else they are taken out of the client's SYN. */
  readonly timestamps: boolean;
}

/** Of a data plane that has just started: fullnat real servers get no connections. */
export const NO_FULLNAT: FullnatSettings = { localAddresses: [], ports: [5000, 65_535], toa: true, timestamps: true };

/** Connection timeouts that `--set` changes, seconds; 0 leaves one as it is. */
export interface Timeouts {
  readonly tcp: number;
  readonly tcpFin: number;
  readonly udp: number;
}

export type TableAction =
  | { readonly kind: 'addService'; readonly service: ServiceKey; readonly settings: ServiceSettings }
  | { readonly kind: 'editService'; readonly service: ServiceKey; readonly settings: ServiceSettings }
  | { readonly kind: 'removeService'; readonly service: ServiceKey }
  | {
      readonly kind: 'addDestination';
      readonly service: ServiceKey;
      readonly destination: DestinationKey;
      readonly settings: DestinationSettings;
      /** Row of the counts that several workers share; the same in all of them. Without it, the worker's own counts decide. */
      readonly loadSlot?: number;
    }
  | {
      readonly kind: 'editDestination';
      readonly service: ServiceKey;
      readonly destination: DestinationKey;
      readonly settings: DestinationSettings;
    }
  | { readonly kind: 'removeDestination'; readonly service: ServiceKey; readonly destination: DestinationKey }
  | { readonly kind: 'setNextHop'; readonly nextHop: NextHop }
  | { readonly kind: 'setTimeouts'; readonly timeouts: Timeouts }
  /** Run-time settings under the kernel's names (base/settings.ts); those left out stay. */
  | { readonly kind: 'setSettings'; readonly settings: Readonly<Record<string, SettingValue>> }
  /** Replaces all of them. Connections keep their local addresses. */
  | { readonly kind: 'setFullnat'; readonly fullnat: FullnatSettings }
  /** Replaces the virtual ports that the FTP helper listens to, 1 to MAX_FTP_PORTS. Connections keep what they have. */
  | { readonly kind: 'setFtpPorts'; readonly ports: readonly number[] }
  /** Replaces all classification rules. */
  | { readonly kind: 'setClassification'; readonly rules: readonly ClassificationRule[] }
  /** Counters show from now on what comes from now on: of one service and its destinations, or of all and the total. */
  | { readonly kind: 'zeroStatistics'; readonly service?: ServiceKey };

/** `tcp 10.0.0.1:80`, `tcp [2001:db8::1]:80`, `fwmark 7`, `fwmark 7 v6`. */
export function formatServiceKey(key: ServiceKey): string {
  if ('firewallMark' in key) return `fwmark ${key.firewallMark}${key.family === 'v6' ? ' v6' : ''}`;
  return `${key.protocol} ${formatDestinationKey(key)}`;
}

/** `10.0.0.1:80`, `[2001:db8::1]:80`. */
export function formatDestinationKey(key: DestinationKey): string {
  return key.address.includes(':') ? `[${key.address}]:${key.port}` : `${key.address}:${key.port}`;
}

/** One line for a person, as in logs and --dry-run. */
export function formatAction(action: TableAction): string {
  switch (action.kind) {
    case 'addService':
    case 'editService':
      return `${action.kind} ${formatServiceKey(action.service)} ${action.settings.scheduler}`;
    case 'removeService':
      return `${action.kind} ${formatServiceKey(action.service)}`;
    case 'addDestination':
    case 'editDestination': {
      const { method, weight } = action.settings;
      return `${action.kind} ${formatServiceKey(action.service)} -> ${formatDestinationKey(action.destination)} ${method} ${weight}`;
    }
    case 'removeDestination':
      return `${action.kind} ${formatServiceKey(action.service)} -> ${formatDestinationKey(action.destination)}`;
    case 'setNextHop': {
      const { address, port, mac, local } = action.nextHop;
      return `${action.kind} ${address} port ${port} ${local ? 'local' : (mac ?? 'unresolved')}`;
    }
    case 'setTimeouts':
      return `${action.kind} ${action.timeouts.tcp} ${action.timeouts.tcpFin} ${action.timeouts.udp}`;
    case 'setSettings':
      return `${action.kind} ${Object.entries(action.settings)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(' ')}`;
    case 'setFullnat':
      return `${action.kind} ${formatFullnat(action.fullnat)}`;
    case 'setFtpPorts':
      return `${action.kind} ${action.ports.join(' ')}`;
    case 'setClassification':
      return `${action.kind} ${action.rules.length} rules`;
    case 'zeroStatistics':
      return action.service === undefined ? action.kind : `${action.kind} ${formatServiceKey(action.service)}`;
  }
}

function formatFullnat({ localAddresses, ports, toa, timestamps }: FullnatSettings): string {
  const from = localAddresses.length === 0 ? 'no local addresses' : localAddresses.join(', ');
  return `${from} ports ${ports.join('-')}${toa ? '' : ', no TOA'}${timestamps ? '' : ', no timestamps'}`;
}
