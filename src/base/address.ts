/**
 * IP and MAC addresses between text and words. Tables and packets hold four int32 words per IP address, in host order, most
 * significant first; an IPv4 address is (0, 0, 0, address) and its family stands beside it. Slow path only.
 */
import { Family } from './terms.ts';

export interface Address {
  readonly family: Family;
  /** Four int32 words, most significant first. */
  readonly words: readonly [number, number, number, number];
}

/** @returns undefined when `text` is neither a dotted quad nor an IPv6 address (RFC 4291 section 2.2; no zone, no prefix) */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** `parseAddress` for text that is known to be right; throws a plain Error when it is not. */
export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`not an IP address: "${text}"`);
  return parsed;
}

/** The text of an address: dotted quad, or IPv6 in the canonical form of RFC 5952. */
export function formatAddress({ family, words }: Address): string {
  return family === Family.v4 ? formatV4(words[3]) : formatV6(words);
}

/** As `formatAddress`, with the brackets that IPv6 needs in front of a port. */
export function formatEndpoint(of: Address, port: number): string {
  const text = formatAddress(of);
  return of.family === Family.v6 ? `[${text}]:${port}` : `${text}:${port}`;
}

/** `10.0.0.1:80` or `[2001:db8::1]:80`. @returns undefined when either half is wrong or the port is not 0 to 65535 */
export function parseEndpoint(text: string): { address: Address; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const parsed = parseAddress(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  const bracketed = match[1] !== undefined;
  if (parsed === undefined || port > 65535 || bracketed !== (parsed.family === Family.v6)) return undefined;
  return { address: parsed, port };
}

/** `10.0.0.0/8` or `2001:db8::/32`. @returns undefined when either half is wrong; bits behind the prefix may be set */
export function parsePrefix(text: string): { address: Address; bits: number } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const parsed = parseAddress(match?.[1] ?? '');
  const bits = Number(match?.[2]);
  if (parsed === undefined || bits > (parsed.family === Family.v4 ? 32 : 128)) return undefined;
  return { address: parsed, bits };
}

/** The address with all bits behind the first `bits` at 0. */
export function maskAddress({ family, words }: Address, bits: number): Address {
  // IPv4 has only the last word.
  const before = family === Family.v4 ? 96 : 0;
  const word = (i: number) => {
    const kept = Math.min(Math.max(before + bits - 32 * i, 0), 32);
    return kept === 0 ? 0 : words[i]! & (-1 << (32 - kept));
  };
  return { family, words: [word(0), word(1), word(2), word(3)] };
}

/** Two addresses of one family with equal words. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.words.every((word, i) => word === b.words[i]);
}

/** `02:00:00:00:00:01` to its high 16 and low 32 bits. @returns undefined when it is no MAC address */
export function parseMac(text: string): { high: number; low: number } | undefined {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  const hex = text.replaceAll(':', '');
  return { high: Number.parseInt(hex.slice(0, 4), 16), low: Number.parseInt(hex.slice(4), 16) | 0 };
}

/** The text of a MAC address given as its high 16 and low 32 bits. */
export function formatMac(high: number, low: number): string {
  const hex = (high & 0xffff).toString(16).padStart(4, '0') + (low >>> 0).toString(16).padStart(8, '0');
  return hex.replace(/(..)(?!$)/g, '$1:');
}

function parseV4(text: string): Address | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let word = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    word = (word << 8) | Number(part);
  }
  return { family: Family.v4, words: [0, 0, 0, word] };
}

function parseV6(text: string): Address | undefined {
  const [head, tail, ...more] = text.split('::');
  if (head === undefined || more.length > 0) return undefined;
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...new Array<number>(missing).fill(0), ...after];
  const word = (i: number) => (groups[2 * i]! << 16) | groups[2 * i + 1]!;
  return { family: Family.v6, words: [word(0), word(1), word(2), word(3)] };
}

/** The 16-bit groups of one side of "::"; a dotted quad at the end counts as two. */
function groupsOf(side: string): number[] | undefined {
  if (side === '') return [];
  const groups: number[] = [];
  const parts = side.split(':');
  for (const [i, part] of parts.entries()) {
    const quad = i === parts.length - 1 ? parseV4(part) : undefined;
    if (quad !== undefined) groups.push(quad.words[3] >>> 16, quad.words[3] & 0xffff);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function formatV4(word: number): string {
  return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
}

function formatV6(words: readonly number[]): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return `::ffff:${formatV4(words[3]!)}`;
  let [bestStart, bestLength] = [0, 1];
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) [bestStart, bestLength] = [start, length];
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return bestLength < 2 ? hex(0, 8) : `${hex(0, bestStart)}::${hex(bestStart + bestLength, 8)}`;
}
