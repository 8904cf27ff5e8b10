// hot path

/**
 * What FTP says about its data connections, RFC 959 and RFC 2428, read where it stands in a segment:
 *
 *     PASV                    227 Entering Passive Mode (10,0,0,1,200,10)       an IPv4 address and a port, byte by byte
 *     EPSV  EPSV 1  EPSV 2    229 Entering Extended Passive Mode (|||51210|)    a port; the address may stand between, with its family
 *     PORT 10,0,0,1,200,10
 *     EPRT |1|10.0.0.1|51210|   EPRT |2|2001:db8::1|51210|
 *
 * Case does not matter. A line is read when all of what counts is there, whether it has ended or not; anything else in it is ignored.
 */
import { Family } from '../base/terms.ts';
import { type FtpEndpoint, isDigit, NET, readExtended, readPlain } from './ftpEndpoint.ts';

export const FtpCommand = { none: 0, pasv: 1, epsv: 2, port: 3, eprt: 4 } as const;
export type FtpCommand = (typeof FtpCommand)[keyof typeof FtpCommand];

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const OPEN = 0x28;
/** How far into a reply the address may begin: behind the server's prose. */
const MAX_PROSE_BYTES = 200;

/** Offset of the line behind the one at `at`; `end` when there is none. */
export function nextLine(v: DataView, at: number, end: number): number {
  let i = at;
  while (i < end && v.getUint8(i) !== LF) i++;
  return i < end ? i + 1 : end;
}

/** Whether the byte in front of `at` ends a line. */
export function isEndOfLine(v: DataView, at: number): boolean {
  return v.getUint8(at - 1) === LF;
}

/** Whether the line at `at` begins as the commands do that concern data connections: with E or P. */
export function mayBegin(v: DataView, at: number): boolean {
  const c = v.getUint8(at) | 0x20;
  return c === 0x65 || c === 0x70;
}

/**
 * The command of the client in the line at `at`, of those that concern data connections.
 * @param family of the connection: what names another is no command
 * @param found gets the address and port of PORT and EPRT
 */
export function readCommand(v: DataView, at: number, end: number, family: number, found: FtpEndpoint): FtpCommand {
  if (end - at < 6) return FtpCommand.none;
  switch (word4(v, at)) {
    case PASV:
      return family === Family.v4 && v.getUint8(at + 4) === CR && v.getUint8(at + 5) === LF ? FtpCommand.pasv : FtpCommand.none;
    case EPSV:
      return isEpsv(v, at + 4, end, family) ? FtpCommand.epsv : FtpCommand.none;
    case PORT:
      return family === Family.v4 && readPlain(v, skipSpaces(v, at + 4, end), end, found) ? FtpCommand.port : FtpCommand.none;
    case EPRT:
      return readExtended(v, skipSpaces(v, at + 4, end), end, family, found) && found.hasAddress
        ? FtpCommand.eprt
        : FtpCommand.none;
    default:
      return FtpCommand.none;
  }
}

/**
 * Whether the line at `at` is the reply to PASV (227) or EPSV (229), and names where the server listens.
 * @param command which of the two
 */
export function readReply(v: DataView, at: number, end: number, command: number, family: number, found: FtpEndpoint): boolean {
  if (end - at < 5 || word4(v, at) !== (command === FtpCommand.pasv ? REPLY_227 : REPLY_229)) return false;
  const last = Math.min(end, at + MAX_PROSE_BYTES);
  for (let i = at + 4; i < last; i++) {
    const c = v.getUint8(i);
    if (c === LF) return false;
    // The parenthesis is usual, but RFC 959 does not ask for it; RFC 2428 does.
    if (command === FtpCommand.pasv && isDigit(c)) return readPlain(v, i, end, found);
    if (c === OPEN) {
      return command === FtpCommand.pasv ? readPlain(v, i + 1, end, found) : readExtended(v, i + 1, end, family, found);
    }
  }
  return false;
}

/** Four letters as one word, lower case; digits and blanks stay what they are. */
function codeOf(text: string): number {
  let word = 0;
  for (const c of text) word = (word << 8) | (c.charCodeAt(0) | 0x20);
  return word;
}

const PASV = codeOf('pasv');
const EPSV = codeOf('epsv');
const PORT = codeOf('port');
const EPRT = codeOf('eprt');
const REPLY_227 = codeOf('227 ');
const REPLY_229 = codeOf('229 ');

function word4(v: DataView, at: number): number {
  return v.getInt32(at) | 0x2020_2020;
}

/** Behind the four letters: nothing, or the number of the connection's own family. `EPSV ALL` asks for no connection. */
function isEpsv(v: DataView, at: number, end: number, family: number): boolean {
  const c = v.getUint8(at);
  if (c === CR) return true;
  const net = skipSpaces(v, at, end);
  return c === SPACE && net < end && v.getUint8(net) === (family === Family.v4 ? NET.v4 : NET.v6);
}

function skipSpaces(v: DataView, at: number, end: number): number {
  let i = at;
  while (i < end && (v.getUint8(i) === SPACE || v.getUint8(i) === TAB)) i++;
  return i;
}
