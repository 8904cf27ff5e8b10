/**
 * The endpoints of services by firewall mark: no packet carries its mark yet when the selector sees it, so every packet that a
 * classification rule could mark comes up, and the engine gives back to the host what it does not take. A target of one address becomes
 * ordinary endpoints, by port where the ports are few; a prefix, or none, goes into a second map that finds the longest prefix:
 *
 *     0..3                        4       5         6..7   8..23
 *     bits that count, from 4     family  protocol  0      address, network order; IPv4 in the last four bytes
 */
import { type Address, parseAddress, parsePrefix } from '../base/address.ts';
import { Family, Protocol, type ServiceProtocol } from '../base/terms.ts';

/** A rule that may give its packets to a service, as far as the selector must know it. */
export interface ClassifiedFacts {
  readonly family: 'v4' | 'v6';
  /** Left out = each that a service may have. */
  readonly protocol?: ServiceProtocol;
  /** Address or prefix; left out = any. */
  readonly target?: string;
  /** Inclusive ranges; left out = any. */
  readonly targetPorts?: readonly (readonly [first: number, last: number])[];
}

/** One protocol on one address; null = on every port. */
export interface ClassifiedEndpoint {
  readonly address: Address;
  readonly protocol: number;
  readonly ports: readonly number[] | null;
}

/** One protocol on all addresses of a prefix. */
export interface ClassifiedPrefix {
  readonly address: Address;
  readonly bits: number;
  readonly protocol: number;
}

/** Ports of all rules together that get endpoints of their own; where there are more, every port of the address comes up. */
export const MAX_SINGLE_PORTS = 1024;
/** The same of one rule. */
const MAX_RULE_PORTS = 64;
const PROTOCOLS: readonly ServiceProtocol[] = ['tcp', 'udp', 'sctp'];
const ANY: Readonly<Record<'v4' | 'v6', Address>> = {
  v4: { family: Family.v4, words: [0, 0, 0, 0] },
  v6: { family: Family.v6, words: [0, 0, 0, 0] },
};

/** What a rule takes up. Addresses have been checked. @param portsLeft how many endpoints it may have for single ports */
export function classifiedEndpoints(
  { family, protocol, target, targetPorts }: ClassifiedFacts,
  portsLeft: number,
): {
  readonly endpoints: readonly ClassifiedEndpoint[];
  readonly prefixes: readonly ClassifiedPrefix[];
} {
  const protocols = (protocol === undefined ? PROTOCOLS : [protocol]).map((name) => Protocol[name]);
  const host = target === undefined ? undefined : hostOf(target);
  if (host !== undefined) {
    const ports = singlePorts(targetPorts, Math.min(MAX_RULE_PORTS, portsLeft / protocols.length));
    return { endpoints: protocols.map((each) => ({ address: host, protocol: each, ports })), prefixes: [] };
  }
  const { address, bits } = parsePrefix(target ?? '') ?? { address: ANY[family], bits: 0 };
  return { endpoints: [], prefixes: protocols.map((each) => ({ address, bits, protocol: each })) };
}

function hostOf(target: string): Address | undefined {
  const prefix = parsePrefix(target);
  if (prefix === undefined) return parseAddress(target);
  return prefix.bits === (prefix.address.family === Family.v4 ? 32 : 128) ? prefix.address : undefined;
}

function singlePorts(ranges: ClassifiedFacts['targetPorts'], most: number): readonly number[] | null {
  if (ranges === undefined) return null;
  const count = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (count > most) return null;
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}
