// hot path

/** How SCTP packets move an association through its states, judged by their first chunk (specs/ipvs.md 3.4). */
import { cell, parseStateTable } from './stateTable.ts';

/** The states that decisions are made on; the others are known by number and name only. */
export const SctpState = { none: 0, init1: 1, init: 2, established: 8, closed: 13 } as const;

/** As listings print them, by number. */
export const SCTP_STATE_NAMES: readonly string[] = [
  'NONE',
  'INIT1',
  'INIT',
  'C-SENT',
  'C-REPLIED',
  'C-WAIT',
  'COOKIE',
  'C-ECHOED',
  'ESTABLISHED',
  'S-SENT',
  'S-RECEIVED',
  'S-ACK-SENT',
  'REJECTED',
  'CLOSED',
];

/** Seconds, by number. */
export const SCTP_TIMEOUT_SECONDS: readonly number[] = [2, 4, 61, 61, 61, 61, 61, 61, 900, 61, 61, 61, 4, 61];

/** What a chunk means; `data` stands for every type that changes nothing. */
export const SctpEvent = {
  data: 0,
  init: 1,
  initAck: 2,
  cookieEcho: 3,
  cookieAck: 4,
  shutdown: 5,
  shutdownAck: 6,
  shutdownComplete: 7,
  error: 8,
  abort: 9,
} as const;
export type SctpEvent = (typeof SctpEvent)[keyof typeof SctpEvent];

const ABORT_CHUNK = 6;

const EVENTS = ['d', 'i', 'ia', 'ce', 'ca', 's', 'sa', 'sc', 'e', 'ab'];

const TABLE = parseStateTable(
  `
  INPUT   NO I1 IN CS CR CW CO CE ES SS SR SA RJ CL
    d     ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL
    i     I1 IN IN CS CR CW CO CE ES SS SR SA IN IN
    ia    CW CW CW CS CR CO CO CE ES SS SR SA RJ CL
    ce    CR IN IN CR CR CW CO CE ES SS SR SA RJ CL
    ca    ES I1 IN CS CR CW CO ES ES SS SR SA RJ CL
    s     SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL
    sa    CL IN IN CS CR CW CO CE ES CL SR CL RJ CL
    sc    CL CL CL CS CR CW CO CE ES SS SR CL RJ CL
    e     CL I1 IN CS CR CW CO CL ES SS SR SA RJ CL
    ab    CL CL CL CL CL RJ CL CL CL CL CL CL CL CL
  OUTPUT  NO I1 IN CS CR CW CO CE ES SS SR SA RJ CL
    d     ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL
    i     CW CW CW CW CW CW CW CW ES CW CW CW CW CW
    ia    CS CS CS CS CR CW CO CE ES SS SR SA RJ CL
    ce    CE CE CE CE CE CE CE CE ES SS SR SA RJ CL
    ca    ES ES ES ES ES ES ES ES ES SS SR SA RJ CL
    s     SS SS SS SS SS SS SS SS SS SS SR SA RJ CL
    sa    SA SA SA SA SA CW CO CE ES SA SA SA RJ CL
    sc    CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL
    e     CL CL CL CL CL CW CO CE ES SS SR SA RJ CL
    ab    CL RJ CL CL CL CL CL CL CL CL CL CL CL CL
  IN-ONLY NO I1 IN CS CR CW CO CE ES SS SR SA RJ CL
    d     ES I1 IN CS CR ES CO CE ES SS SR SA RJ CL
    i     I1 IN IN IN IN IN CO CE ES SS SR SA IN IN
    ia    CE CE CE CE CE CE CO CE ES SS SR SA RJ CL
    ce    ES ES ES ES ES ES CO CE ES SS SR SA RJ CL
    ca    ES I1 IN ES ES CW ES ES ES SS SR SA RJ CL
    s     SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL
    sa    CL IN IN CS CR CW CO CE CL CL SR CL RJ CL
    sc    CL CL CL CL CL CW CO CE ES SS CL CL RJ CL
    e     CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL
    ab    CL CL CL CL CL RJ CL CL CL CL CL CL CL CL
`,
  EVENTS,
);

/** Chunk type -> event, RFC 9260 section 3.2. */
const EVENT_OF_CHUNK = new Uint8Array(256);
EVENT_OF_CHUNK[1] = SctpEvent.init;
EVENT_OF_CHUNK[2] = SctpEvent.initAck;
EVENT_OF_CHUNK[ABORT_CHUNK] = SctpEvent.abort;
EVENT_OF_CHUNK[7] = SctpEvent.shutdown;
EVENT_OF_CHUNK[8] = SctpEvent.shutdownAck;
EVENT_OF_CHUNK[9] = SctpEvent.error;
EVENT_OF_CHUNK[10] = SctpEvent.cookieEcho;
EVENT_OF_CHUNK[11] = SctpEvent.cookieAck;
EVENT_OF_CHUNK[14] = SctpEvent.shutdownComplete;

/**
 * @param chunkType of the first chunk
 * @param nextChunkType of the second, or NONE: an ABORT bundled with a cookie counts as one
 */
export function sctpEvent(chunkType: number, nextChunkType: number): SctpEvent {
  const event = EVENT_OF_CHUNK[chunkType & 255] as SctpEvent;
  const isCookie = event === SctpEvent.cookieEcho || event === SctpEvent.cookieAck;
  return isCookie && nextChunkType === ABORT_CHUNK ? SctpEvent.abort : event;
}

export function nextSctpState(direction: number, event: number, state: number): number {
  return TABLE[cell(direction, event, state)]!;
}
