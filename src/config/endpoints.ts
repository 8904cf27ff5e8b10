/** Addresses as people write them in a configuration, and which of them can be meant. */
import { type Address, formatAddress, parseAddress, parseEndpoint } from '../base/address.ts';
import { Family, type ServiceProtocol } from '../base/terms.ts';

/** What one text says; a part that it leaves out is undefined. */
export interface EndpointText {
  readonly protocol: ServiceProtocol | undefined;
  readonly address: Address;
  readonly port: number | undefined;
}

/** The protocols that a service may have. */
export const SERVICE_PROTOCOLS = ['tcp', 'udp', 'sctp'] as const satisfies readonly ServiceProtocol[];

/** `tcp 10.0.0.1:80`, `10.0.0.1:80`, `[2001:db8::1]:80`, `10.0.0.1`, `2001:db8::1`. @returns undefined for anything else */
export function parseEndpointText(text: string): EndpointText | undefined {
  const match = /^(?:([a-z]+)\s+)?(\S+)$/.exec(text.trim());
  if (match === null) return undefined;
  const protocol = SERVICE_PROTOCOLS.find((name) => name === match[1]);
  if (protocol === undefined && match[1] !== undefined) return undefined;
  const rest = match[2]!;
  const endpoint = parseEndpoint(rest);
  if (endpoint !== undefined) return endpoint.port === 0 ? undefined : { protocol, ...endpoint };
  const alone = parseAddress(rest);
  return alone && { protocol, address: alone, port: undefined };
}

/** @returns why no server can have this address, or undefined when one can */
export function whyNotUnicast(address: Address): string | undefined {
  const text = formatAddress(address);
  const [first, second, third, last] = address.words;
  const isAnyAddress = first === 0 && second === 0 && third === 0 && last === 0;
  if (isAnyAddress) return `${text} is the unspecified address`;
  if (address.family === Family.v6) {
    if (first >>> 24 === 0xff) return `${text} is a multicast address`;
    return first >>> 22 === 0x3fa ? `${text} is a link-local address` : undefined;
  }
  const byte = last >>> 24;
  if (byte === 0) return `${text} belongs to "this network" (RFC 1122)`;
  if (byte >= 240) return `${text} is a broadcast or reserved address`;
  return byte >= 224 ? `${text} is a multicast address` : undefined;
}
