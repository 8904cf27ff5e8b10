/**
 * The order of a listing: services by mark, family, protocol, address and port, real servers by family, address and port (specs/ipvs.md
 * section 7.2). ipvsadm compares addresses and marks by their difference in 32 bits, so that 192.168.0.1 comes before 10.0.0.1; that
 * order is no order (it may go in circles), and what comes out depends on how glibc merges. We compare unsigned, unless asked.
 */
import { type Address, parseAddress } from '../base/address.ts';
import { Family, Protocol } from '../base/terms.ts';
import type { DestinationKey, ServiceKey } from '../table/actions.ts';

/** What is compared of a service or real server, the first that differs decides. */
interface Place {
  readonly family: Family;
  readonly numbers: readonly number[];
}

/** @param compat as ipvsadm has it */
export function sortServices<T extends { readonly key: ServiceKey }>(services: readonly T[], compat: boolean): T[] {
  return sorted(services, placeOfService, compat ? byDifference : byValue);
}

export function sortServers<T extends { readonly key: DestinationKey }>(servers: readonly T[], compat: boolean): T[] {
  return compat ? sorted(servers, memoryOfServer, byMemory) : sorted(servers, placeOfServer, byValue);
}

const NOWHERE: Address = { family: Family.v4, words: [0, 0, 0, 0] };

function placeOfService(key: ServiceKey): Place {
  if ('firewallMark' in key) {
    const family = key.family === 'v6' ? Family.v6 : Family.v4;
    return { family, numbers: [key.firewallMark, family, 0, 0, 0, 0, 0, 0] };
  }
  const { family, words } = parseAddress(key.address) ?? NOWHERE;
  return { family, numbers: [0, family, Protocol[key.protocol], ...words, key.port] };
}

function placeOfServer({ address, port }: DestinationKey): Place {
  const { family, words } = parseAddress(address) ?? NOWHERE;
  return { family, numbers: [family, ...words, port] };
}

/** The words as they lie in ipvsadm's memory: an IPv4 address is the first. */
function memoryOfServer({ address, port }: DestinationKey): Place {
  const { family, words } = parseAddress(address) ?? NOWHERE;
  return { family, numbers: [...(family === Family.v4 ? [words[3], 0, 0, 0] : words), port] };
}

function byValue(a: Place, b: Place): number {
  for (let i = 0; i < a.numbers.length; i++) {
    const difference = (a.numbers[i]! >>> 0) - (b.numbers[i]! >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function byDifference(a: Place, b: Place): number {
  for (let i = 0; i < a.numbers.length; i++) {
    const difference = (a.numbers[i]! - b.numbers[i]!) | 0;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The family of the first says how much of both addresses is compared; that of the second does not matter. */
function byMemory(a: Place, b: Place): number {
  if (a.family === Family.v6) return byDifference(a, b);
  const [word, , , , port] = a.numbers;
  return (word! - b.numbers[0]!) | 0 || port! - b.numbers[4]!;
}

function sorted<T extends { readonly key: K }, K>(
  items: readonly T[],
  placeOf: (key: K) => Place,
  compare: (a: Place, b: Place) => number,
): T[] {
  const placed = items.map((item) => ({ item, place: placeOf(item.key) }));
  return mergeSorted(placed, (a, b) => compare(a.place, b.place)).map(({ item }) => item);
}

/** Halves, the smaller one first, merged from the front: what glibc's qsort does, which shows when the order goes in circles. */
function mergeSorted<T>(items: readonly T[], compare: (a: T, b: T) => number): T[] {
  if (items.length < 2) return [...items];
  const half = items.length >> 1;
  const [left, right] = [mergeSorted(items.slice(0, half), compare), mergeSorted(items.slice(half), compare)];
  const merged: T[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    if (compare(left[i]!, right[j]!) <= 0) merged.push(left[i++]!);
    else merged.push(right[j++]!);
  }
  for (; i < left.length; i++) merged.push(left[i]!);
  for (; j < right.length; j++) merged.push(right[j]!);
  return merged;
}
