// hot path

/**
 * Addresses and ports as FTP writes them: `10,0,0,1,200,10` (RFC 959), and `|1|10.0.0.1|51210|` or `|||51210|` (RFC 2428), with any
 * character for the bar.
 */
import { Family, NONE } from '../base/terms.ts';

const COMMA = 0x2c;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
/** What stands between the parts of the extended form, usually. */
export const BAR = 0x7c;
/** Families in RFC 2428: `1` and `2`. */
export const NET = { v4: 0x31, v6: 0x32 } as const;
const MAX_PORT = 65_535;

/** What a command or reply names; one object, filled anew for each. */
export class FtpEndpoint {
  /** The address as in Flow; all zero when only the port was given. */
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;
  hasAddress = false;
  port = 0;
  /** Where it stands: [from, to). */
  from = 0;
  to = 0;
}

/** Writes `10,0,0,1,200,10` to `to`, at its beginning. @returns its length */
export function writePlain(to: Uint8Array, address: number, port: number): number {
  let at = 0;
  for (let shift = 24; shift >= 0; shift -= 8) {
    at = writeNumber(to, at, (address >>> shift) & 0xff);
    to[at++] = COMMA;
  }
  at = writeNumber(to, at, port >> 8);
  to[at++] = COMMA;
  return writeNumber(to, at, port & 0xff);
}

/** Writes `|||51210|` to `to`, at its beginning. @returns its length */
export function writeExtended(to: Uint8Array, port: number): number {
  to.fill(BAR, 0, 3);
  const at = writeNumber(to, 3, port);
  to[at] = BAR;
  return at + 1;
}

/** The longest text of the two. */
export const MAX_ENDPOINT_BYTES = 24;

/** Six numbers with commas between; something must follow the last, or it may go on in the next segment. */
export function readPlain(v: DataView, at: number, end: number, found: FtpEndpoint): boolean {
  let i = at;
  let high = 0;
  let low = 0;
  for (let k = 0; k < 6; k++) {
    const value = numberAt(v, i, end, 255);
    if (value === NONE) return false;
    if (k < 4) high = (high << 8) | value;
    else low = (low << 8) | value;
    i = digitsEnd(v, i, end);
    if (i >= end) return false;
    if (k < 5 && v.getUint8(i++) !== COMMA) return false;
  }
  return fill(found, high, low, at, i);
}

function fill(found: FtpEndpoint, address: number, port: number, from: number, to: number): boolean {
  found.word0 = found.word1 = found.word2 = 0;
  found.word3 = address;
  found.hasAddress = true;
  found.port = port;
  found.from = from;
  found.to = to;
  return port !== 0;
}

/** `|family|address|port|` with any delimiter; family and address may be left out together. */
export function readExtended(v: DataView, at: number, end: number, family: number, found: FtpEndpoint): boolean {
  if (end - at < 5) return false;
  const bar = v.getUint8(at);
  found.word0 = found.word1 = found.word2 = found.word3 = 0;
  let i = at + 1;
  found.hasAddress = v.getUint8(i) !== bar;
  if (found.hasAddress && v.getUint8(i++) !== (family === Family.v4 ? NET.v4 : NET.v6)) return false;
  if (v.getUint8(i++) !== bar) return false;
  if (found.hasAddress) i = family === Family.v4 ? readV4(v, i, end, found) : readV6(v, i, end, found);
  if (i === NONE || i >= end || v.getUint8(i++) !== bar) return false;
  const port = numberAt(v, i, end, MAX_PORT);
  if (port === NONE || port === 0) return false;
  i = digitsEnd(v, i, end);
  if (i >= end || v.getUint8(i) !== bar) return false;
  found.port = port;
  found.from = at;
  found.to = i + 1;
  return true;
}

/** @returns offset behind the address, or NONE */
function readV4(v: DataView, at: number, end: number, found: FtpEndpoint): number {
  let i = at;
  for (let k = 0; k < 4; k++) {
    const value = numberAt(v, i, end, 255);
    if (value === NONE) return NONE;
    found.word3 = (found.word3 << 8) | value;
    i = digitsEnd(v, i, end);
    if (k < 3 && (i >= end || v.getUint8(i++) !== DOT)) return NONE;
  }
  return i;
}

/** Groups of 16 bits; `::` stands for as many zeros as are missing. The last two may not be written as IPv4. @returns as `readV4` */
function readV6(v: DataView, at: number, end: number, found: FtpEndpoint): number {
  let i = at;
  let groups = 0;
  let gap = NONE;
  if (isGap(v, i, end)) {
    gap = 0;
    i += 2;
  }
  for (let digits = hexEnd(v, i, end) - i; digits > 0; digits = hexEnd(v, i, end) - i) {
    if (digits > 4 || groups === 8) return NONE;
    putGroup(found, groups++, hexAt(v, i, digits));
    i += digits;
    if (isGap(v, i, end)) {
      if (gap !== NONE) return NONE;
      gap = groups;
      i += 2;
    } else {
      if (i >= end || v.getUint8(i) !== COLON) break;
      if (hexEnd(v, ++i, end) === i) return NONE;
    }
  }
  if (gap === NONE ? groups < 8 : groups > 7) return NONE;
  if (gap !== NONE) for (let k = groups - 1; k >= gap; k--) moveGroup(found, k, k + 8 - groups);
  return i;
}

function isGap(v: DataView, at: number, end: number): boolean {
  return at + 1 < end && v.getUint8(at) === COLON && v.getUint8(at + 1) === COLON;
}

function putGroup(found: FtpEndpoint, group: number, value: number): void {
  const shift = (group & 1) === 0 ? 16 : 0;
  const mask = ~(0xffff << shift);
  if (group < 2) found.word0 = (found.word0 & mask) | (value << shift);
  else if (group < 4) found.word1 = (found.word1 & mask) | (value << shift);
  else if (group < 6) found.word2 = (found.word2 & mask) | (value << shift);
  else found.word3 = (found.word3 & mask) | (value << shift);
}

function moveGroup(found: FtpEndpoint, from: number, to: number): void {
  const word = from < 2 ? found.word0 : from < 4 ? found.word1 : from < 6 ? found.word2 : found.word3;
  const value = (word >>> ((from & 1) === 0 ? 16 : 0)) & 0xffff;
  putGroup(found, from, 0);
  putGroup(found, to, value);
}

/** The number of the digits at `at`, or NONE when there is none or it is above `most`. */
function numberAt(v: DataView, at: number, end: number, most: number): number {
  let value = NONE;
  for (let i = at; i < end && isDigit(v.getUint8(i)); i++) {
    value = (value === NONE ? 0 : value * 10) + v.getUint8(i) - ZERO;
    if (value > most) return NONE;
  }
  return value;
}

function digitsEnd(v: DataView, at: number, end: number): number {
  let i = at;
  while (i < end && isDigit(v.getUint8(i))) i++;
  return i;
}

function hexEnd(v: DataView, at: number, end: number): number {
  let i = at;
  while (i < end && i < at + 5 && hexValue(v.getUint8(i)) !== NONE) i++;
  return i;
}

function hexAt(v: DataView, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = (value << 4) | hexValue(v.getUint8(i));
  return value;
}

function hexValue(c: number): number {
  if (isDigit(c)) return c - ZERO;
  const small = c | 0x20;
  return small >= 0x61 && small <= 0x66 ? small - 0x61 + 10 : NONE;
}

/** Of `0` to `9`. */
export function isDigit(c: number): boolean {
  return c >= ZERO && c <= NINE;
}

function writeNumber(to: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits++;
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    to[i] = ZERO + (rest % 10);
    rest = (rest / 10) | 0;
  }
  return at + digits;
}
