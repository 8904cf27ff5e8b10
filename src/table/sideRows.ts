// hot path

/**
 * Rows that only a few connections have: which row is a connection's, and which are free. What a row holds, another table says, with an
 * array of its own. Nothing is there until `prepare`, so that a director without such connections pays nothing.
 */
import { NONE } from '../base/terms.ts';

export class SideRows {
  readonly capacity: number;
  readonly #connections: number;
  /** By connection: its row + 1. */
  #rowOf = new Int32Array(0);
  /** By row: the next free one, or its connection. */
  #links = new Int32Array(0);
  #free = NONE;
  #count = 0;

  /** @param connections capacity of the table of connections @param rows at most so many of them have one */
  constructor(connections: number, rows: number) {
    this.#connections = connections;
    this.capacity = Math.min(connections, rows);
  }

  get isPrepared(): boolean {
    return this.#links.length > 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Makes room for all rows; not on the hot path. @returns false when that has been done before */
  prepare(): boolean {
    if (this.isPrepared) return false;
    this.#rowOf = new Int32Array(this.#connections);
    this.#links = new Int32Array(this.capacity);
    for (let row = 0; row < this.capacity; row++) this.#links[row] = row + 1 < this.capacity ? row + 1 : NONE;
    this.#free = 0;
    return true;
  }

  /** The row of a connection, or NONE. */
  rowOf(conn: number): number {
    return this.isPrepared ? this.#rowOf[conn]! - 1 : NONE;
  }

  /** The connection that has this row. */
  connectionOf(row: number): number {
    return this.#links[row]!;
  }

  /** Gives a row to a connection that has none. @returns NONE when all are taken */
  add(conn: number): number {
    const row = this.#free;
    if (row === NONE) return NONE;
    this.#free = this.#links[row]!;
    this.#links[row] = conn;
    this.#rowOf[conn] = row + 1;
    this.#count++;
    return row;
  }

  /** Takes the row from the connection that has it. */
  remove(conn: number): void {
    const row = this.#rowOf[conn]! - 1;
    this.#rowOf[conn] = 0;
    this.#links[row] = this.#free;
    this.#free = row;
    this.#count--;
  }
}
