// hot path

/**
 * What is remembered of a control connection of FTP beside its row: the command that the client waits for, the beginning of one that has not
 * come whole yet, and how the real server's stream was changed (sequenceShifts.ts). Of the first such command on; `prepare` makes the room
 * when there is a service that may need it.
 */
import { NONE } from '../base/terms.ts';
import { SequenceShifts } from './sequenceShifts.ts';
import { SideRows } from './sideRows.ts';

/** Dialogues at once, at most: 2 MB. */
const MAX_DIALOGUES = 1 << 14;
/** Room for the beginning of a line; the longest command, EPRT with an IPv6 address, has 56 bytes. */
export const LINE_BYTES = 64;

export class FtpDialogues {
  readonly shifts = new SequenceShifts();
  readonly #side: SideRows;
  /** By row: the command, 0 = none. */
  #awaits = new Uint8Array(0);
  /** By row: LINE_BYTES, how many of them there are, and the number of the byte that goes on. */
  #lines = new Uint8Array(0);
  #lineBytes = new Uint8Array(0);
  #lineEnds = new Int32Array(0);
  #view = new DataView(this.#lines.buffer);

  /** @param connections capacity of the table of connections */
  constructor(connections: number) {
    this.#side = new SideRows(connections, MAX_DIALOGUES);
  }

  /** Makes room, once; not on the hot path. */
  prepare(): void {
    if (!this.#side.prepare()) return;
    this.#awaits = new Uint8Array(this.#side.capacity);
    this.#lines = new Uint8Array(this.#side.capacity * LINE_BYTES);
    this.#lineBytes = new Uint8Array(this.#side.capacity);
    this.#lineEnds = new Int32Array(this.#side.capacity);
    this.#view = new DataView(this.#lines.buffer);
    this.shifts.prepare(this.#side.capacity);
  }

  get count(): number {
    return this.#side.count;
  }

  /** The dialogue of a connection, or NONE. */
  of(conn: number): number {
    return this.#side.rowOf(conn);
  }

  /** The dialogue of a connection, a new one if it had none; NONE when all are taken. */
  open(conn: number): number {
    const known = this.of(conn);
    if (known !== NONE) return known;
    const row = this.#side.isPrepared ? this.#side.add(conn) : NONE;
    if (row !== NONE) this.restart(row);
    return row;
  }

  /** Forgets what was said: the connection's two ends begin anew. */
  restart(row: number): void {
    this.#awaits[row] = 0;
    this.#lineBytes[row] = 0;
    this.shifts.clear(row);
  }

  /** The connection is about to be removed; it may have none. */
  remove(conn: number): void {
    if (this.of(conn) !== NONE) this.#side.remove(conn);
  }

  /** The command whose reply is to come, 0 = none. */
  awaits(row: number): number {
    return this.#awaits[row]!;
  }

  setAwaits(row: number, command: number): void {
    this.#awaits[row] = command;
  }

  /** How much there is of the client's line that has not come whole, 0 = none. It stands in `lines` from `lineAt` on. */
  lineBytes(row: number): number {
    return this.#lineBytes[row]!;
  }

  get lines(): DataView {
    return this.#view;
  }

  lineAt(row: number): number {
    return row * LINE_BYTES;
  }

  /** Number of the byte that the line goes on with. */
  lineEnd(row: number): number {
    return this.#lineEnds[row]!;
  }

  /**
   * Adds `bytes` bytes at `at` of `from` to the line; what is too long is no command, and is forgotten.
   * @param end number of the byte behind them
   */
  addToLine(row: number, from: Uint8Array, at: number, bytes: number, end: number): void {
    const known = this.#lineBytes[row]!;
    if (known + bytes > LINE_BYTES) {
      this.#lineBytes[row] = 0;
      return;
    }
    for (let i = 0; i < bytes; i++) this.#lines[row * LINE_BYTES + known + i] = from[at + i]!;
    this.#lineBytes[row] = known + bytes;
    this.#lineEnds[row] = end;
  }

  forgetLine(row: number): void {
    this.#lineBytes[row] = 0;
  }
}
