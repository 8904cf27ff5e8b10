/** The selector's rules once more, slow and obvious: over what a test says of a frame, and over the plain facts instead of the map. */
import { address, maskAddress, parsePrefix, sameAddress } from '../../src/base/address.ts';
import { Protocol } from '../../src/base/terms.ts';
import type { SelectorFacts } from '../../src/bpf/endpoints.ts';
import { MAX_EXTENSION_HEADERS } from '../../src/bpf/headers.ts';
import { type FrameSpec, isTransport, isV6, OWN_MAC, type PacketSpec } from './frames.ts';

const TUNNEL_PROTOCOLS: readonly number[] = [Protocol.ipip, Protocol.ipv6, Protocol.gre, Protocol.udp];

export function isOurs(frame: FrameSpec, facts: SelectorFacts): boolean {
  const { packet, destinationMac = OWN_MAC, etherType } = frame;
  if (!destinationMac.every((byte, i) => byte === OWN_MAC[i])) return false;
  if (etherType !== undefined && etherType !== (isV6(packet) ? 0x86dd : 0x0800)) return false;
  if (extensionCount(packet) > MAX_EXTENSION_HEADERS) return false;
  const isForHost = facts.localAddresses.includes(packet.destination);

  if (isTransport(packet.protocol)) {
    if (isPiece(packet)) {
      if (facts.services.some((service) => service.address === packet.destination)) return true;
      if (facts.classified?.some((rule) => rule.target === packet.destination)) return true;
      if (!isForHost && facts.destinations.some((of) => of.method === 'masq' && of.address === packet.source)) return true;
      const isFullnat = facts.destinations.some((of) => of.method === 'fullnat' && of.address === packet.source);
      if (isFullnat && isLocal(facts, packet.destination)) return true;
      return isWithinPrefix(facts, packet.protocol, packet.destination);
    }
    if (isService(facts, packet.protocol, packet.destination, packet.destinationPort ?? 0)) return true;
    if (!isForHost && isServer('masq', facts, packet.protocol, packet.source, packet.sourcePort ?? 0)) return true;
    if (isServer('fullnat', facts, packet.protocol, packet.source, packet.sourcePort ?? 0)) {
      if (isLocal(facts, packet.destination, packet.destinationPort ?? 0)) return true;
    }
    return isWithinPrefix(facts, packet.protocol, packet.destination);
  }

  if (isPiece(packet) || !isError(packet) || packet.quote === undefined) return false;
  const { quote } = packet;
  if (isV6(quote) !== isV6(packet) || extensionCount(quote) > MAX_EXTENSION_HEADERS || isLaterFragment(quote)) return false;
  if (TUNNEL_PROTOCOLS.includes(quote.protocol) && isForHost) {
    if (facts.destinations.some((of) => of.method === 'tunnel' && of.address === quote.destination)) return true;
  }
  if (!isTransport(quote.protocol)) return false;
  if (isService(facts, quote.protocol, quote.source, quote.sourcePort ?? 0)) return true;
  if (isServer('fullnat', facts, quote.protocol, quote.destination, quote.destinationPort ?? 0)) {
    if (isLocal(facts, quote.source, quote.sourcePort ?? 0)) return true;
  }
  if (!isServer('masq', facts, quote.protocol, quote.destination, quote.destinationPort ?? 0)) {
    return isWithinPrefix(facts, quote.protocol, quote.source);
  }
  return !isForHost || isWithinPrefix(facts, quote.protocol, packet.destination);
}

type Rule = NonNullable<SelectorFacts['classified']>[number];

/** A rule whose target is one address, or every port of it where there are more than a few. */
function isClassified({ target, targetPorts, ...rule }: Rule, protocol: number, address: string, port: number): boolean {
  if (target !== address || (rule.protocol !== undefined && Protocol[rule.protocol] !== protocol)) return false;
  const ports = targetPorts?.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  return ports === undefined || ports.length > 64 || ports.includes(port);
}

/** A rule whose target is a prefix, or anything: ports are not looked at. */
function isWithinPrefix({ classified = [] }: SelectorFacts, protocol: number, text: string): boolean {
  return classified.some((rule) => {
    if (rule.protocol !== undefined && Protocol[rule.protocol] !== protocol) return false;
    if ((rule.family === 'v6') !== text.includes(':')) return false;
    if (rule.target === undefined) return true;
    const prefix = parsePrefix(rule.target);
    if (prefix === undefined) return false;
    return sameAddress(maskAddress(address(text), prefix.bits), maskAddress(prefix.address, prefix.bits));
  });
}

function isService(facts: SelectorFacts, protocol: number, address: string, port: number): boolean {
  if (facts.classified?.some((rule) => isClassified(rule, protocol, address, port))) return true;
  return facts.services.some(
    (of) => Protocol[of.protocol] === protocol && of.address === address && (of.port === port || of.port === 0),
  );
}

/** A local address of fullnat, and the port one of its own. */
function isLocal({ localRanges = [] }: SelectorFacts, text: string, port?: number): boolean {
  return localRanges.some(({ address: own, ports: [first, last] }) => {
    return own === text && (port === undefined || (port >= first && port <= last));
  });
}

function isServer(method: 'masq' | 'fullnat', facts: SelectorFacts, protocol: number, address: string, port: number): boolean {
  return facts.destinations.some((of) => {
    const isThere = Protocol[of.protocol] === protocol && of.address === address;
    return of.method === method && isThere && (of.port === port || of.port === 0);
  });
}

function isError(packet: PacketSpec): boolean {
  const type = packet.icmpType ?? 0;
  if (isV6(packet)) return packet.protocol === Protocol.icmpv6 && type >= 1 && type < 128;
  return packet.protocol === Protocol.icmp && [3, 4, 11].includes(type);
}

function isPiece(packet: PacketSpec): boolean {
  return packet.fragment !== undefined && (packet.fragment.more || packet.fragment.offset > 0);
}

function isLaterFragment(packet: PacketSpec): boolean {
  return packet.fragment !== undefined && packet.fragment.offset > 0;
}

function extensionCount(packet: PacketSpec): number {
  return isV6(packet) ? (packet.extensions?.length ?? 0) + (packet.fragment === undefined ? 0 : 1) : 0;
}
