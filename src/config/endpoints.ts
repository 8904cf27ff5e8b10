/** Addresses as people write them in a configuration, and which of them can be meant. */
import { type Address, formatAddress, parseAddress, parseEndpoint } from '../base/address.ts';
import type { Place } from '../base/errors.ts';
import { Family, type ServiceProtocol } from '../base/terms.ts';
import type { FaultList } from './faultList.ts';

/** What one text says; a part that it leaves out is undefined. */
export interface EndpointText {
  readonly protocol: ServiceProtocol | undefined;
  readonly address: Address;
  readonly port: number | undefined;
}

/** In words, for people. */
export const ENDPOINT_FORM = 'an address with a port such as 10.0.0.1:80 or "[2001:db8::1]:80"';

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
  if (endpoint !== undefined) return { protocol, ...endpoint };
  const alone = parseAddress(rest);
  return alone && { protocol, address: alone, port: undefined };
}

/** Says that `written` is no address with a port. */
export function reportEndpoint(written: string, place: Place, faults: FaultList): void {
  const isName = /[g-z]/i.test(written.replace(/^(tcp|udp|sctp) /, ''));
  const message = `address must be ${ENDPOINT_FORM}, not ${JSON.stringify(written)}`;
  faults.add('CONFIG_INVALID', message, place, isName ? 'Names are not looked up: write the IP address.' : undefined);
}

/** @param what has the address: "service" */
export function checkUnicast(address: Address, what: string, place: Place, faults: FaultList): void {
  const fault = whyNotUnicast(address);
  if (fault !== undefined) faults.add('CONFIG_INVALID', fault, place, `The address of a ${what} must be unicast.`);
}

/** @returns why no server can have this address, or undefined when one can */
function whyNotUnicast(address: Address): string | undefined {
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
