/**
 * A listing of connections in slices: the worker copies the facts of some rows into a buffer that the control side lends it, and the
 * control side makes text of them. So a listing of a million neither fills a heap nor holds up frames.
 *
 *     control --(buffer, from row)--> worker: copies for SLICE_MS at most --(buffer: count, next row, rows)--> control: asks on
 *
 * Between two slices connections come and go: a listing has each that lasts as long as it does once, any other once or not at all.
 */
import { type Address, formatAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { Family, NONE, Protocol } from '../base/terms.ts';
import type { EngineState } from '../engine/state.ts';
import { layout } from '../memory/layout.ts';
import { stateName, templateStateName } from '../protocol/advance.ts';
import type { ConnectionEntry } from './messages.ts';

const HEAD = layout('count', 'next');

/** One connection of a slice; addresses in host order. */
const ROW = layout(
  'protocol',
  'state',
  'isTemplate',
  'expiresSeconds',
  'family',
  'client0',
  'client1',
  'client2',
  'client3',
  'clientPort',
  'virtual0',
  'virtual1',
  'virtual2',
  'virtual3',
  'virtualPort',
  // A tunnel may lead from one family to the other.
  'destinationFamily',
  'destination0',
  'destination1',
  'destination2',
  'destination3',
  'destinationPort',
  // Of a persistence engine, behind the rows; 0 bytes = none.
  'nameAt',
  'nameBytes',
);

const SLICE_ROWS = 512;
const ROWS_BYTES = (HEAD.words + SLICE_ROWS * ROW.words) * 4;
const LONGEST_NAME_BYTES = 255;
/** Names behind the rows: a slice of them has fewer rows. */
const NAMES_BYTES = 64 * (LONGEST_NAME_BYTES + 1);
/** Of the buffer that is sent to and fro. */
export const SLICE_BYTES = ROWS_BYTES + NAMES_BYTES;
/** The only engine that there is. */
const ENGINE = 'sip';

/** How long frames wait for a slice. */
const SLICE_MS = 0.05;
/** Between two looks at the clock: rows that are free cost 1, others as much as it takes to copy them. */
const WORK_PER_LOOK = 256;
const WORK_PER_ROW = 16;

const TICKS_PER_SECOND = 10;
const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [Protocol.tcp]: 'TCP',
  [Protocol.udp]: 'UDP',
  [Protocol.sctp]: 'SCTP',
};

/**
 * Fills the buffer with the connections from row `from` on, until it is full, the time is over, or there are no more.
 * @param buffer of SLICE_BYTES
 * @param clock that tells microseconds apart
 */
export function writeSlice(s: EngineState, from: number, buffer: ArrayBuffer, clock: Clock, budgetMs = SLICE_MS): void {
  const { connections: table, callIds } = s.tables;
  const endsAt = clock.now() + budgetMs;
  const words = new Int32Array(buffer, 0, ROWS_BYTES / 4);
  const bytes = new Uint8Array(buffer);
  let nameAt = ROWS_BYTES;
  let count = 0;
  let work = 0;
  let conn = from;
  for (; conn < table.capacity && count < SLICE_ROWS && nameAt + LONGEST_NAME_BYTES <= SLICE_BYTES; conn++) {
    if (work >= WORK_PER_LOOK) {
      work = 0;
      if (clock.now() >= endsAt) break;
    }
    work++;
    if (!table.inUse(conn)) continue;
    work += WORK_PER_ROW;
    const at = HEAD.words + count * ROW.words;
    writeRow(s, conn, words, at);
    const nameBytes = callIds.copy(conn, bytes, nameAt);
    words[at + ROW.nameAt] = nameAt;
    words[at + ROW.nameBytes] = nameBytes;
    nameAt += nameBytes;
    count++;
  }
  words[HEAD.count] = count;
  words[HEAD.next] = conn < table.capacity ? conn : NONE;
}

/** Where the next slice begins, or NONE. */
export function nextRow(buffer: ArrayBuffer): number {
  return new Int32Array(buffer)[HEAD.next]!;
}

/** The connections of a slice as plain data. */
export function readSlice(buffer: ArrayBuffer): ConnectionEntry[] {
  const words = new Int32Array(buffer);
  const entries: ConnectionEntry[] = [];
  for (let i = 0; i < words[HEAD.count]!; i++) {
    const at = HEAD.words + i * ROW.words;
    const entry = readRow(words, at);
    const nameBytes = words[at + ROW.nameBytes]!;
    if (nameBytes === 0) entries.push(entry);
    else {
      const name = new Uint8Array(buffer, words[at + ROW.nameAt]!, nameBytes);
      entries.push({ ...entry, engine: { name: ENGINE, data: String.fromCharCode(...name) } });
    }
  }
  return entries;
}

function writeRow(s: EngineState, conn: number, words: Int32Array, at: number): void {
  const { connections: table, destinations } = s.tables;
  const d = table.destination(conn);
  words[at + ROW.protocol] = table.protocol(conn);
  words[at + ROW.state] = table.state(conn);
  words[at + ROW.isTemplate] = table.isTemplate(conn) ? 1 : 0;
  words[at + ROW.expiresSeconds] = Math.max(0, Math.floor(((table.expiresAtTick(conn) - s.nowTick) | 0) / TICKS_PER_SECOND));
  words[at + ROW.family] = table.family(conn);
  words[at + ROW.clientPort] = table.clientPort(conn);
  words[at + ROW.virtualPort] = table.virtualPort(conn);
  words[at + ROW.destinationFamily] = d === NONE ? Family.v4 : destinations.family(d);
  words[at + ROW.destinationPort] = table.destinationPort(conn);
  for (let i = 0; i < 4; i++) {
    words[at + ROW.client0 + i] = table.clientWord(conn, i);
    words[at + ROW.virtual0 + i] = table.virtualWord(conn, i);
    // Without a real server it goes nowhere: 0.0.0.0.
    words[at + ROW.destination0 + i] = d === NONE ? 0 : destinations.addressWord(d, i);
  }
}

function readRow(words: Int32Array, at: number): ConnectionEntry {
  const protocol = words[at + ROW.protocol]!;
  const state = words[at + ROW.state]!;
  const family = words[at + ROW.family]!;
  const endpoint = (of: number, first: number, port: number) => ({
    address: addressAt(words, of, at + first),
    port: words[at + port]!,
  });
  return {
    protocol: PROTOCOL_NAMES[protocol] ?? 'IP',
    state: words[at + ROW.isTemplate] === 1 ? templateStateName(state) : stateName(protocol, state),
    expiresSeconds: words[at + ROW.expiresSeconds]!,
    client: endpoint(family, ROW.client0, ROW.clientPort),
    virtual: endpoint(family, ROW.virtual0, ROW.virtualPort),
    destination: endpoint(words[at + ROW.destinationFamily]!, ROW.destination0, ROW.destinationPort),
  };
}

function addressAt(words: Int32Array, family: number, at: number): string {
  return formatAddress({
    family: family as Address['family'],
    words: [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!],
  });
}
