/**
 * What a lab is, as plain data: namespaces, the networks (bridges) that join them, addresses, routes and kernel settings.
 * Nothing here runs anything; `topologies` fills a plan, `labSteps` turns it into commands.
 */
import { UvsError } from '../base/errors.ts';

/** The forwarding methods that have a topology, by the names that configuration files use. */
export const LAB_METHODS = ['dr', 'nat', 'tun', 'fullnat'] as const;
export type LabMethod = (typeof LAB_METHODS)[number];

/** Real servers that one lab holds at most; their host numbers are 11 to 99. */
export const MAX_REAL_SERVERS = 32;

/** A bridge; `front` holds client and director, `back` (nat, tun, fullnat) the real servers. */
export type NetworkName = 'front' | 'back';

/** An IPv4 and an IPv6 address of one host, without prefix. */
export interface AddressPair {
  readonly v4: string;
  readonly v6: string;
}

/** The same kind of line for both families. */
export interface FamilyLines {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
}

export interface LabInterface {
  readonly name: string;
  readonly network: NetworkName;
  readonly mac: string;
  /** With prefix length, as `ip addr add` takes them. */
  readonly addresses: readonly string[];
}

/** One namespace that is a host. */
export interface LabNode {
  /** `client`, `director`, `router`, `rs1` ... */
  readonly name: string;
  readonly namespace: string;
  readonly interfaces: readonly LabInterface[];
  readonly loopbackAddresses: readonly string[];
  /** Arguments of `ip route add` and `ip -6 route add`. */
  readonly routes: FamilyLines;
  /** Arguments of `ip rule add` and `ip -6 rule add`. When there are any, the rule of the local table moves behind them. */
  readonly rules: FamilyLines;
  /** Kernel settings below /proc/sys/net, in order: `ipv4/ip_forward` to `0`. */
  readonly settings: readonly (readonly [path: string, value: string])[];
}

export interface LabRealServer {
  readonly name: string;
  readonly namespace: string;
  /** Its own addresses. */
  readonly address: AddressPair;
  /** Where its HTTP and UDP echo servers listen: RIP (nat, fullnat) or VIP and RIP (dr, tun). */
  readonly listenAddresses: readonly string[];
}

/** Ports of the services that every lab carries. */
export interface LabPorts {
  readonly virtualHttp: number;
  readonly virtualEcho: number;
  readonly realHttp: number;
  readonly realEcho: number;
}

export interface LabPlan {
  readonly name: string;
  readonly method: LabMethod;
  readonly networks: readonly NetworkName[];
  readonly nodes: readonly LabNode[];
  /** The namespace of the bridges. */
  readonly switchNamespace: string;
  readonly client: LabNode;
  readonly director: LabNode;
  readonly realServers: readonly LabRealServer[];
  /** The virtual addresses. */
  readonly virtual: AddressPair;
  readonly clientAddress: AddressPair;
  /** The director's own addresses on the front network. */
  readonly directorAddress: AddressPair;
  /** The director's addresses towards real servers by fullnat; none for other methods. */
  readonly localAddresses: readonly AddressPair[];
  readonly ports: LabPorts;
}

/** Throws USAGE unless `name` can be part of a namespace name: no hyphen, so that no lab's names begin with another's. */
export function checkLabName(name: string): void {
  if (/^[a-z][a-z0-9]{0,15}$/.test(name)) return;
  throw new UvsError('USAGE', `"${name}" is no lab name`, { hint: 'Use 1 to 16 lower-case letters and digits, a letter first.' });
}

/** UDP port that tunnel endpoints take GUE on (IANA: gue). */
export const GUE_PORT = 6080;

/** Routing table of a real server into which packets for its tunnel endpoint go; the endpoint fills it. */
export const TUNNEL_TABLE = 100;

/** Name of the endpoint's device. */
export const TUNNEL_DEVICE = 'uvstun0';

/** `uvs-demo-rs1`. */
export function namespaceName(lab: string, node: string): string {
  return `uvs-${lab}-${node}`;
}

/** Folder of a lab's files: configuration, control socket, log. Only root writes there. */
export function labFolder(lab: string): string {
  return `/run/uvs-lab/${lab}`;
}

/** The lab and the node that a namespace belongs to. @returns undefined when it is not one of ours */
export function parseNamespaceName(namespace: string): { lab: string; node: string } | undefined {
  const match = /^uvs-([a-z][a-z0-9]{0,15})-(client|director|router|switch|rs\d{1,2})$/.exec(namespace);
  return match === null ? undefined : { lab: match[1]!, node: match[2]! };
}
