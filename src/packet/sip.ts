// hot path

/**
 * The Call-ID of a SIP message, RFC 3261 sections 7.3, 8.1.1.4 and 25.1: `Call-ID` or its short form `i`, at the beginning of any line but
 * the first; its value is a word, or two of them with `@` between. Read as leniently as the kernel's connection tracking does: a line ends
 * with CR, LF or both, what stands behind the value on its line does not matter, and nobody asks where the header ends and the body
 * begins.
 */
import { NONE } from '../base/terms.ts';

/** Longer ones are of no use as a name. */
export const MAX_CALL_ID_BYTES = 255;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const AT = 0x40;
const LOWER_CASE = 0x20;
/** `call-id`, lower case. */
const NAME = Uint8Array.from([0x63, 0x61, 0x6c, 0x6c, 0x2d, 0x69, 0x64]);
const SHORT_NAME = 0x69;
/** By character: 1 = may stand in a word of RFC 3261. */
const WORD = new Uint8Array(256);
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`\'~()<>:\\"/[]?{}')
  WORD[c.charCodeAt(0)] = 1;

/**
 * Where the value of the first Call-ID begins in the message [at, end).
 * @returns NONE when there is none that a name can be made of; else `callIdBytes` says how long it is
 */
export function callIdAt(v: DataView, at: number, end: number): number {
  // Each step goes on by one byte at least.
  for (let i = at; i < end; i++) {
    if (!isLineEnd(v.getUint8(i))) continue;
    const line = afterLineEnd(v, i, end);
    if (line >= end) return NONE;
    i = line - 1;
    // A line that begins with a blank continues the one before.
    if (isBlank(v.getUint8(line))) {
      i = line;
      continue;
    }
    const name = behindName(v, line, end);
    if (name === NONE) continue;
    const colon = skipBlanks(v, name, end);
    if (colon >= end || v.getUint8(colon) !== COLON) return NONE;
    const value = skipBlanks(v, colon + 1, end);
    if (value >= end) return NONE;
    const bytes = callIdBytes(v, value, end);
    if (bytes === 0) {
      i = value - 1;
      continue;
    }
    // Whoever sends a header ends its line.
    const isWhole = value + bytes < end && isLineEnd(v.getUint8(value + bytes));
    return isWhole && bytes <= MAX_CALL_ID_BYTES ? value : NONE;
  }
  return NONE;
}

/** Length of the value that begins at `at`; 0 when it is none. */
export function callIdBytes(v: DataView, at: number, end: number): number {
  const first = wordEnd(v, at, end);
  if (first === at || first === end || v.getUint8(first) !== AT) return first - at;
  const second = wordEnd(v, first + 1, end);
  return second === first + 1 ? 0 : second - at;
}

function wordEnd(v: DataView, at: number, end: number): number {
  let i = at;
  while (i < end && WORD[v.getUint8(i)] === 1) i++;
  return i;
}

/** Offset behind the header's name, or NONE when the line at `at` has another. The short one is followed by no letter. */
function behindName(v: DataView, at: number, end: number): number {
  if (isName(v, at, end)) return at + NAME.length;
  const isShort = end - at >= 2 && lower(v.getUint8(at)) === SHORT_NAME && !isLetter(v.getUint8(at + 1));
  return isShort ? at + 1 : NONE;
}

function isName(v: DataView, at: number, end: number): boolean {
  if (end - at < NAME.length) return false;
  for (let i = 0; i < NAME.length; i++) if (lower(v.getUint8(at + i)) !== NAME[i]) return false;
  return true;
}

/** Blanks, and the end of a line that the next one continues. */
function skipBlanks(v: DataView, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const c = v.getUint8(i);
    if (isBlank(c)) i++;
    else {
      const next = isLineEnd(c) ? afterLineEnd(v, i, end) : end;
      if (next >= end || !isBlank(v.getUint8(next))) return i;
      i = next + 1;
    }
  }
  return i;
}

/** Offset of the line behind the line end at `at`: CR, LF, or CR and LF. */
function afterLineEnd(v: DataView, at: number, end: number): number {
  const isPair = v.getUint8(at) === CR && at + 1 < end && v.getUint8(at + 1) === LF;
  return at + (isPair ? 2 : 1);
}

function isLineEnd(c: number): boolean {
  return c === CR || c === LF;
}

function isBlank(c: number): boolean {
  return c === SPACE || c === TAB;
}

/** Of a letter; other characters that come out as one are no name's. */
function lower(c: number): number {
  return c | LOWER_CASE;
}

function isLetter(c: number): boolean {
  const small = lower(c);
  return small >= 0x61 && small <= 0x7a;
}
