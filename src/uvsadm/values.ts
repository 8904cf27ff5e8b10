/** The values of options: numbers as strtol reads them, addresses as inet_aton does, endpoints, masks, flags of schedulers. */
import { type Address, parseAddress } from '../base/address.ts';
import { Family, type ServiceProtocol } from '../base/terms.ts';

/** The names that an address or a port may be given by; what the machine knows, or in tests a table. */
export interface Names {
  /** The IPv4 address of a host, as an int32 word; undefined when it has none. */
  host(name: string): number | undefined;
  /** `http` -> 80. */
  servicePort(name: string, protocol: ServiceProtocol): number | undefined;
}

/** Nothing has a name. */
export const NO_NAMES: Names = { host: () => undefined, servicePort: () => undefined };

/** Decimal; leading blanks, zeros and a sign pass. @returns undefined when it is none or out of range */
export function parseNumber(text: string, from: number, to: number): number | undefined {
  if (!/^[ \t\n\v\f\r]*[+-]?\d+$/.test(text)) return undefined;
  // "-0" is 0.
  const value = Number(text) + 0;
  return value >= from && value <= to ? value : undefined;
}

/**
 * inet_aton: one to four parts, decimal, octal or hexadecimal; the last fills what is left, and what follows a blank is not looked at.
 * @returns an int32 word
 */
export function parseInetAton(text: string): number | undefined {
  const parts = text.replace(/\s.*$/s, '').split('.');
  if (parts.length > 4) return undefined;
  const numbers = parts.map(partOf);
  const last = numbers.pop();
  if (last === undefined || numbers.some((part) => part === undefined || part > 255)) return undefined;
  if (last >= 2 ** (8 * (4 - numbers.length))) return undefined;
  const high = numbers.reduce<number>((word, part, i) => word + part! * 2 ** (24 - 8 * i), 0);
  return (high + last) | 0;
}

/** `192.0.2.1`, `192.0.2`, a host name. */
function parseIpv4(text: string, names: Names): number | undefined {
  return text === '' ? undefined : (parseInetAton(text) ?? names.host(text));
}

/** An address with a port, or without: port undefined. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number | undefined;
}

/**
 * `host`, `host:port`, `2001:db8::1`, `[2001:db8::1]:port`. A port may have a name, if the protocol is known. Digits alone are no
 * address; an IPv4 address in brackets loses its port, as in ipvsadm.
 */
export function parseEndpointText(text: string, protocol: ServiceProtocol | undefined, names: Names): Endpoint | undefined {
  if (text.startsWith('[')) return parseBracketed(text, protocol, names);
  const whole = text.includes(':') ? parseAddress(text) : undefined;
  if (whole !== undefined) return { address: whole, port: undefined };
  if (/^\d*$/.test(text)) return undefined;
  const colon = text.indexOf(':');
  const word = parseIpv4(colon === -1 ? text : text.slice(0, colon), names);
  if (word === undefined) return undefined;
  return colon === -1 ? { address: ipv4(word), port: undefined } : withPort(ipv4(word), text.slice(colon + 1), protocol, names);
}

function parseBracketed(text: string, protocol: ServiceProtocol | undefined, names: Names): Endpoint | undefined {
  const [, inner = '', port = ''] = /^\[([^\]]*)\]:(.*)$/.exec(text) ?? [];
  const address = parseAddress(inner);
  if (address?.family === Family.v6) return withPort(address, port, protocol, names);
  const word = parseIpv4(inner, names);
  return word === undefined ? undefined : { address: ipv4(word), port: undefined };
}

function ipv4(word: number): Address {
  return { family: Family.v4, words: [0, 0, 0, word] };
}

/** `sh-port,flag-3` to bits. */
export type SchedulerFlagFault = 'invalid' | 'incompatible';

const NAMED_FLAGS: Readonly<Record<string, { readonly scheduler: string; readonly bit: number }>> = {
  'sh-fallback': { scheduler: 'sh', bit: 1 },
  'sh-port': { scheduler: 'sh', bit: 2 },
  'mh-fallback': { scheduler: 'mh', bit: 1 },
  'mh-port': { scheduler: 'mh', bit: 2 },
};
const NUMBERED_FLAGS: Readonly<Record<string, number>> = { 'flag-1': 1, 'flag-2': 2, 'flag-3': 4 };

/** @returns the bits, or which name is wrong and how */
export function parseSchedulerFlags(
  text: string,
  scheduler: string,
): number | { readonly fault: SchedulerFlagFault; readonly name: string } {
  let bits = 0;
  for (const name of text.split(',').filter((part) => part !== '')) {
    const named = Object.hasOwn(NAMED_FLAGS, name) ? NAMED_FLAGS[name] : undefined;
    const bit = named?.bit ?? (Object.hasOwn(NUMBERED_FLAGS, name) ? NUMBERED_FLAGS[name] : undefined);
    if (bit === undefined) return { fault: 'invalid', name };
    if (named !== undefined && named.scheduler !== scheduler) return { fault: 'incompatible', name };
    bits |= bit;
  }
  return bits;
}

/** Names of the bits: the scheduler's own where it has some, else `flag-1` to `flag-3`. */
export function schedulerFlagNames(bits: number, scheduler: string): string[] {
  const own = Object.entries(NAMED_FLAGS).filter(([, flag]) => flag.scheduler === scheduler);
  return Object.entries(NUMBERED_FLAGS)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name, bit]) => own.find(([, flag]) => flag.bit === bit)?.[0] ?? name);
}

function partOf(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

function withPort(address: Address, text: string, protocol: ServiceProtocol | undefined, names: Names): Endpoint | undefined {
  const port = parseNumber(text, 0, 65535) ?? (protocol === undefined ? undefined : names.servicePort(text, protocol));
  return port === undefined ? undefined : { address, port };
}
