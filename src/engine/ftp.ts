// hot path

/**
 * The FTP helper (specs/ipvs.md section 5.4): reads what the two ends of a masq control connection say about data connections, enters
 * those ahead of their first packet (ftpData.ts), and puts the virtual address in the place of the real server's. Where a text changes its
 * length, the numbers of the bytes behind it, and acknowledgements of them, are shifted (table/sequenceShifts.ts).
 *
 *     client  -- PASV ---------------------------->                        remembered
 *             <- 227 (192,168,100,1,200,10) ------  227 (10,0,1,1,200,10)  client:? -> virtual:51210 -> real server:51210
 *             -- PORT 10,1,0,1,160,1 ------------->                        client:40961 <- virtual:20 <- real server:?
 *
 * A packet whose checksum is wrong is not read: its receiver will not read it either.
 */
import { ChecksumState, Family, NONE } from '../base/terms.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import * as checksum from '../packet/checksum.ts';
import { BAR, FtpEndpoint, MAX_ENDPOINT_BYTES, writeExtended, writePlain } from '../packet/ftpEndpoint.ts';
import { FtpCommand, isEndOfLine, mayBegin, nextLine, readCommand, readReply } from '../packet/ftpText.ts';
import * as tcp from '../packet/tcp.ts';
import { blockCount, blocksAt, replacePayload, setAcknowledgement, setSequence, setWord } from '../packet/tcpSequence.ts';
import { TcpState } from '../protocol/tcpStates.ts';
import { expectFromClient, expectFromServer, isClient, isServer } from './ftpData.ts';
import { counter } from './outcome.ts';
import type { EngineState } from './state.ts';

const FTP_REPLIES_REWRITTEN = counter('ftpRepliesRewritten');
const FTP_ADDRESS_REFUSED = counter('ftpAddressRefused');
const FTP_DIALOGUES_FULL = counter('ftpDialoguesFull');

/** Lines of a segment that are looked at; dialogues have one, or a few where a client does not wait for replies. */
const MAX_LINES = 16;

/** What was read last, and the text that takes its place. */
export class FtpScratch {
  readonly endpoint = new FtpEndpoint();
  readonly text = new Uint8Array(MAX_ENDPOINT_BYTES);
  textBytes = 0;
}

/** A packet from the client of control connection `conn`: before its target is rewritten. */
export function ftpRequest(s: EngineState, burst: Burst, i: number, conn: number): void {
  const { ftpDialogues, connections } = s.tables;
  const row = ftpDialogues.of(conn);
  // A SYN may be anybody's; whether there is a new connection, the real server's answer to it tells.
  if (row !== NONE) shiftAcknowledgements(s, burst, i, row);
  if (connections.state(conn) !== TcpState.established || !hasSoundPayload(s, burst, i)) return;
  const { flow, v } = s;
  let line = goOn(s, conn, flow.l4 + tcp.headerBytes(v, flow.l4));
  for (let k = 0; k < MAX_LINES && line < flow.end; k++) {
    const command = readCommand(v, line, flow.end, flow.family, s.ftp.endpoint);
    const next = nextLine(v, line, flow.end);
    heed(s, conn, command);
    if (command === FtpCommand.none && next === flow.end && !isEndOfLine(v, next)) keepLine(s, conn, line);
    line = next;
  }
}

/** Puts what the segment begins with to the line that has not come whole. @returns offset of the line behind it */
function goOn(s: EngineState, conn: number, payloadAt: number): number {
  const { flow, v, bytes } = s;
  const { ftpDialogues } = s.tables;
  const row = ftpDialogues.of(conn);
  if (row === NONE || ftpDialogues.lineBytes(row) === 0) return payloadAt;
  if (ftpDialogues.lineEnd(row) !== tcp.sequence(v, flow.l4)) {
    // What has come before comes again.
    if (((tcp.sequence(v, flow.l4) + flow.end - payloadAt - ftpDialogues.lineEnd(row)) | 0) > 0) ftpDialogues.forgetLine(row);
    return payloadAt;
  }
  const next = nextLine(v, payloadAt, flow.end);
  ftpDialogues.addToLine(row, bytes, payloadAt, next - payloadAt, (ftpDialogues.lineEnd(row) + next - payloadAt) | 0);
  if (!isEndOfLine(v, next)) return next;
  const at = ftpDialogues.lineAt(row);
  heed(s, conn, readCommand(ftpDialogues.lines, at, at + ftpDialogues.lineBytes(row), flow.family, s.ftp.endpoint));
  ftpDialogues.forgetLine(row);
  return next;
}

/** Remembers the last line of the segment, from `line` on, if it may become a command. */
function keepLine(s: EngineState, conn: number, line: number): void {
  const { flow, v, bytes } = s;
  const { ftpDialogues } = s.tables;
  if (!mayBegin(v, line)) return;
  const row = ftpDialogues.open(conn);
  if (row === NONE) return;
  const end = (tcp.sequence(v, flow.l4) + flow.end - flow.l4 - tcp.headerBytes(v, flow.l4)) | 0;
  ftpDialogues.forgetLine(row);
  ftpDialogues.addToLine(row, bytes, line, flow.end - line, end);
}

/** What the client wants is remembered, or made possible. */
function heed(s: EngineState, conn: number, command: FtpCommand): void {
  if (command === FtpCommand.none) return;
  const { ftpDialogues } = s.tables;
  const { endpoint } = s.ftp;
  if (command === FtpCommand.pasv || command === FtpCommand.epsv) {
    const row = ftpDialogues.open(conn);
    if (row === NONE) s.counters.add(FTP_DIALOGUES_FULL);
    else ftpDialogues.setAwaits(row, command);
    return;
  }
  const row = ftpDialogues.of(conn);
  if (row !== NONE) ftpDialogues.setAwaits(row, FtpCommand.none);
  // To somebody else the real server may call as it likes, but not by us.
  if (isClient(s, conn, endpoint)) expectFromServer(s, conn, endpoint.port);
  else s.counters.add(FTP_ADDRESS_REFUSED);
}

/**
 * A packet from the real server `d` of control connection `conn`: before its source is rewritten.
 * @param mtu of the way to the client
 * @returns false when the packet cannot be numbered and must be dropped
 */
export function ftpReply(s: EngineState, burst: Burst, i: number, conn: number, d: number, mtu: number): boolean {
  const { ftpDialogues, connections } = s.tables;
  const { flow, v } = s;
  const row = ftpDialogues.of(conn);
  if (row === NONE) return true;
  if ((flow.tcpFlags & tcp.TcpFlag.syn) !== 0) {
    ftpDialogues.restart(row);
    return true;
  }
  const { shifts } = ftpDialogues;
  const sequence = tcp.sequence(v, flow.l4);
  const payloadBytes = flow.end - flow.l4 - tcp.headerBytes(v, flow.l4);
  if (shifts.isCut(row, sequence, (sequence + payloadBytes) | 0)) return false;
  const shifted = shifts.toClient(row, sequence);
  const mayAnswer = ftpDialogues.awaits(row) !== FtpCommand.none || shifts.count(row) > 0;
  if (mayAnswer && connections.state(conn) === TcpState.established && hasSoundPayload(s, burst, i)) {
    readReplies(s, burst, i, conn, d, row, sequence);
    fitMtu(s, burst, i, mtu);
  }
  setSequence(v, flow, shifted, burst.checksum[i]!);
  return true;
}

/** Replaces what the real server says about where it listens, in each line that says it. */
function readReplies(s: EngineState, burst: Burst, i: number, conn: number, d: number, row: number, sequence: number): void {
  const { flow, v } = s;
  const payloadAt = flow.l4 + tcp.headerBytes(v, flow.l4);
  let isChanged = false;
  let line = payloadAt;
  for (let k = 0; k < MAX_LINES && line < flow.end; k++) {
    const next = nextLine(v, line, flow.end);
    const command = repliedTo(s, line);
    // What stands behind a change has not moved, so that offsets go on telling the numbers of bytes.
    if (command !== FtpCommand.none && changeReply(s, burst, i, conn, d, row, (sequence - payloadAt) | 0, command))
      isChanged = true;
    line = next;
  }
  if (!isChanged) return;
  s.counters.add(FTP_REPLIES_REWRITTEN);
  if (burst.checksum[i] !== ChecksumState.partial) checksum.completeTransport(v, flow);
}

/**
 * Changes what was read last, if it was asked for, or was changed when it came before.
 * @param base number of the byte at offset 0
 * @returns false when it goes as it came
 */
function changeReply(
  s: EngineState,
  burst: Burst,
  i: number,
  conn: number,
  d: number,
  row: number,
  base: number,
  command: FtpCommand,
): boolean {
  const { ftpDialogues } = s.tables;
  const { from, to } = s.ftp.endpoint;
  const start = (base + from) | 0;
  const end = (base + to) | 0;
  const isAgain = ftpDialogues.shifts.isKnown(row, start, end);
  if (!isAgain) {
    if (ftpDialogues.awaits(row) !== command) return false;
    ftpDialogues.setAwaits(row, FtpCommand.none);
  }
  if (!isWelcome(s, conn, d, command, isAgain)) return false;
  if (!isAgain) ftpDialogues.shifts.add(row, start, end, s.ftp.textBytes - (to - from));
  replaceIn(s, burst, i, from, to);
  return true;
}

/** Which command the line at `line` answers. */
function repliedTo(s: EngineState, line: number): FtpCommand {
  const { v, flow } = s;
  const { endpoint } = s.ftp;
  // 227 has no form for IPv6.
  if (flow.family === Family.v4 && readReply(v, line, flow.end, FtpCommand.pasv, flow.family, endpoint)) return FtpCommand.pasv;
  return readReply(v, line, flow.end, FtpCommand.epsv, flow.family, endpoint) ? FtpCommand.epsv : FtpCommand.none;
}

/** Enters the connection that the client will open. @returns whether `s.ftp.text` is to take the place of what was read */
function isWelcome(s: EngineState, conn: number, d: number, command: FtpCommand, isAgain: boolean): boolean {
  const { endpoint, text } = s.ftp;
  if (endpoint.hasAddress && !isServer(s, conn, d, endpoint)) {
    s.counters.add(FTP_ADDRESS_REFUSED);
    return false;
  }
  if (!isAgain && !expectFromClient(s, conn, d, endpoint.port)) return false;
  // Without an address only unusual bars are changed, as the kernel does.
  if (!endpoint.hasAddress && s.bytes[endpoint.from] === BAR) return false;
  s.ftp.textBytes =
    command === FtpCommand.pasv
      ? writePlain(text, s.tables.connections.virtualWord(conn, 3), endpoint.port)
      : writeExtended(text, endpoint.port);
  return true;
}

function replaceIn(s: EngineState, burst: Burst, i: number, from: number, to: number): void {
  const { text, textBytes } = s.ftp;
  const at = burst.at[i]!;
  const moved = replacePayload(s.v, s.bytes, s.flow, at, from, to, text, textBytes, burst.checksum[i]!);
  burst.at[i] = moved;
  burst.bytes[i] = burst.bytes[i]! + at - moved;
}

/** A segment that has become too long for the way becomes a super-frame of two. */
function fitMtu(s: EngineState, burst: Burst, i: number, mtu: number): void {
  const { flow, v } = s;
  if (flow.end - flow.l3 <= mtu || burst.segmentKind[i] !== SegmentKind.none || s.pieces.count > 0) return;
  const headerBytes = flow.l4 - flow.l3 + tcp.headerBytes(v, flow.l4);
  burst.segmentKind[i] = flow.family === Family.v4 ? SegmentKind.tcpv4 : SegmentKind.tcpv6;
  burst.segmentBytes[i] = mtu - headerBytes;
  if (burst.checksum[i] === ChecksumState.partial) return;
  burst.checksum[i] = ChecksumState.partial;
  burst.checksumStart[i] = flow.l4 - burst.at[i]!;
  burst.checksumOffset[i] = tcp.CHECKSUM_AT;
  tcp.setChecksumField(v, flow.l4, checksum.pseudoHeaderSum(flow, flow.end - flow.l4));
}

/** There is something to read, and it came as it was sent. */
function hasSoundPayload(s: EngineState, burst: Burst, i: number): boolean {
  const { flow, v } = s;
  if (flow.end <= flow.l4 + tcp.headerBytes(v, flow.l4)) return false;
  return burst.checksum[i] === ChecksumState.partial || checksum.verifyTransport(v, flow);
}

/** The client acknowledges bytes as they are numbered for it; the real server is to see its own numbers. */
function shiftAcknowledgements(s: EngineState, burst: Burst, i: number, row: number): void {
  const { flow, v } = s;
  const { shifts } = s.tables.ftpDialogues;
  if (shifts.count(row) === 0 || (flow.tcpFlags & tcp.TcpFlag.ack) === 0) return;
  const state = burst.checksum[i]!;
  setAcknowledgement(v, flow, shifts.toServer(row, tcp.acknowledgement(v, flow.l4)), state);
  const at = blocksAt(v, flow);
  const words = at === NONE ? 0 : 2 * blockCount(v, at);
  for (let k = 0; k < words; k++) setWord(v, flow, at + 4 * k, shifts.toServer(row, v.getInt32(at + 4 * k)), state);
}
