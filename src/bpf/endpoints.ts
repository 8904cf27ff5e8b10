/**
 * The content of the map that the selector asks: endpoint -> what it is to us. Pure; `io/selector.ts` brings it into the kernel.
 *
 *     0       1         2..3                 4..19
 *     family  protocol  port, network order  address, network order; IPv4 in the last four bytes
 */
import { type Address, address, maskAddress } from '../base/address.ts';
import { Family, type ForwardingMethodName, Protocol, type ServiceProtocol } from '../base/terms.ts';
import { type ClassifiedFacts, classifiedEndpoints, MAX_SINGLE_PORTS } from './classifiedEndpoints.ts';
import { type LocalRange, rangeEntry } from './localRange.ts';

export const ENDPOINT_KEY_BYTES = 20;
export const ENDPOINT_VALUE_BYTES = 4;
/** Where in a key the address begins. */
const ADDRESS_AT = 4;
/** Keys of the map of prefixes (classifiedEndpoints.ts): the length, then a key as above with port 0. */
export const PREFIX_KEY_BYTES = 4 + ENDPOINT_KEY_BYTES;
/** Bits of such a key that count when the whole address does. */
export const WHOLE_PREFIX_BITS = 8 * ENDPOINT_KEY_BYTES;

/** What an endpoint is to us; bits that add up. Those marked "whole address" stand under protocol 0, port 0. */
export const EndpointFlag = {
  /** A virtual service. */
  service: 1,
  /** A real server behind masquerading: what it sends to others than the host is a reply of ours. */
  masq: 2,
  /** Whole address: a real server that is reached by a tunnel. */
  tunnel: 4,
  /** Whole address: one of the host itself. */
  local: 8,
  /** Whole address: one that carries any virtual service; for later fragments, which have no port. */
  virtual: 16,
  /** Whole address: a real server behind masquerading; for later fragments. */
  masqAddress: 32,
  /** A virtual service on every port; stands under port 0. */
  catchAll: 64,
  /** A real server by fullnat: what it sends to a local address, within its ports, is a reply of ours. */
  fullnat: 128,
  /** Whole address: a real server by fullnat; for later fragments. */
  fullnatAddress: 256,
  /** Its connections belong together by the client's address, whatever the ports: one worker gets all of a client (fanout.ts). */
  byAddress: 512,
} as const;
export type EndpointFlag = (typeof EndpointFlag)[keyof typeof EndpointFlag];

/** What the tables hold, as far as the selector must know it. */
export interface SelectorFacts {
  /** Services by address; port 0 = every port. */
  readonly services: readonly {
    readonly protocol: ServiceProtocol;
    readonly address: string;
    readonly port: number;
    /** See EndpointFlag; default no. */
    readonly byAddress?: boolean;
  }[];
  /** Destinations with the protocol of their service; port 0 = the port the client asked for. */
  readonly destinations: readonly {
    readonly protocol: ServiceProtocol;
    readonly address: string;
    readonly port: number;
    readonly method: ForwardingMethodName;
    /** As that of its service. */
    readonly byAddress?: boolean;
  }[];
  /** Local addresses of fullnat (localRange.ts); default none. */
  readonly localRanges?: readonly LocalRange[];
  /** Classification rules that lead to services by firewall mark; default none. */
  readonly classified?: readonly ClassifiedFacts[];
  /** Every address that the host answers for, virtual ones included or not. */
  readonly localAddresses: readonly string[];
}

/** Hexadecimal endpoint key, or key of a prefix, which is longer -> sum of EndpointFlags, or a range of ports (localRange.ts). */
export type EndpointEntries = ReadonlyMap<string, number>;

/** @param protocol 0 with port 0 for a whole address @param words as in base/address.ts */
export function endpointKey(family: Family, protocol: number, port: number, words: Address['words']): Uint8Array {
  const key = new Uint8Array(ENDPOINT_KEY_BYTES);
  const view = new DataView(key.buffer);
  view.setUint8(0, family);
  view.setUint8(1, protocol);
  view.setUint16(2, port);
  words.forEach((word, i) => {
    view.setInt32(ADDRESS_AT + 4 * i, word);
  });
  return key;
}

/** @param bits of the address that count */
export function prefixKey({ family, words }: Address, bits: number, protocol: number): Uint8Array {
  const key = new Uint8Array(PREFIX_KEY_BYTES);
  const before = WHOLE_PREFIX_BITS - (family === Family.v4 ? 32 : 128);
  // The kernel reads the length in its own byte order.
  key.set(new Uint8Array(Uint32Array.of(before + bits).buffer));
  key.set(endpointKey(family, protocol, 0, maskAddress({ family, words }, bits).words), 4);
  return key;
}

/** The wanted content of both maps. Addresses have been checked: a wrong one throws. */
export function filterEntries(facts: SelectorFacts): EndpointEntries {
  const entries = new Map<string, number>();
  const addKey = (bytes: Uint8Array, flag: EndpointFlag) => {
    const key = toHex(bytes);
    entries.set(key, (entries.get(key) ?? 0) | flag);
  };
  // Most addresses stand there many times: their part of the key is written once.
  const starts = new Map<string, { readonly family: Family; readonly hex: string }>();
  const startOf = (text: string) => {
    const { family, words } = address(text);
    const start = { family, hex: toHex(endpointKey(family, 0, 0, words).subarray(ADDRESS_AT)) };
    starts.set(text, start);
    return start;
  };
  const add = (text: string, protocol: number, port: number, flag: EndpointFlag) => {
    const { family, hex } = starts.get(text) ?? startOf(text);
    const key = `${HEX[family]}${HEX[protocol]}${HEX[port >>> 8]}${HEX[port & 0xff]}${hex}`;
    entries.set(key, (entries.get(key) ?? 0) | flag);
  };
  for (const service of facts.services) {
    const flag = service.port === 0 ? EndpointFlag.catchAll : EndpointFlag.service;
    add(service.address, Protocol[service.protocol], service.port, flag);
    if (service.byAddress) add(service.address, Protocol[service.protocol], service.port, EndpointFlag.byAddress);
    add(service.address, 0, 0, EndpointFlag.virtual);
  }
  let portsLeft = MAX_SINGLE_PORTS;
  for (const rule of facts.classified ?? []) portsLeft -= addClassified(rule, portsLeft, addKey);
  for (const destination of facts.destinations) {
    if (destination.method === 'masq') {
      add(destination.address, Protocol[destination.protocol], destination.port, EndpointFlag.masq);
      if (destination.byAddress)
        add(destination.address, Protocol[destination.protocol], destination.port, EndpointFlag.byAddress);
      add(destination.address, 0, 0, EndpointFlag.masqAddress);
    } else if (destination.method === 'fullnat') {
      add(destination.address, Protocol[destination.protocol], destination.port, EndpointFlag.fullnat);
      add(destination.address, 0, 0, EndpointFlag.fullnatAddress);
    } else if (destination.method === 'tunnel') {
      add(destination.address, 0, 0, EndpointFlag.tunnel);
    }
  }
  for (const range of facts.localRanges ?? []) {
    const [key, value] = rangeEntry(range, endpointKey);
    entries.set(toHex(key), value);
  }
  for (const text of facts.localAddresses) add(text, 0, 0, EndpointFlag.local);
  return entries;
}

/** @returns how many single ports it took */
function addClassified(rule: ClassifiedFacts, portsLeft: number, add: (key: Uint8Array, flag: EndpointFlag) => void): number {
  const { endpoints, prefixes } = classifiedEndpoints(rule, portsLeft);
  for (const { address: of, protocol, ports } of endpoints) {
    add(endpointKey(of.family, 0, 0, of.words), EndpointFlag.virtual);
    if (ports === null) add(endpointKey(of.family, protocol, 0, of.words), EndpointFlag.catchAll);
    else for (const port of ports) add(endpointKey(of.family, protocol, port, of.words), EndpointFlag.service);
  }
  for (const { address: of, bits, protocol } of prefixes) add(prefixKey(of, bits, protocol), EndpointFlag.catchAll);
  return endpoints.reduce((sum, { ports }) => sum + (ports?.length ?? 0), 0);
}

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]!]!;
  return text;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The opposite of `toHex`. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
