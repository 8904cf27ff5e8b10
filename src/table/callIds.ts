// hot path

/**
 * The names that a persistence engine gives to templates, beside what every template has: for SIP the Call-ID, 255 bytes at most. A named
 * template hangs in no chain of the connection table (ConnectionFlag.named), but here:
 *
 *     heads[hash of name, client, virtual address] -> row -> row -> ...      row = a template, its name, the next
 *
 * `prepare` makes all of it when the first service with an engine appears. For a listing: `copy(conn, ...)` gives the bytes of a
 * connection's name and `text(conn)` the text of them; most connections have none. The engine is `sip` in each case.
 */
import { finish, mix } from '../base/hash.ts';
import { Family, NONE } from '../base/terms.ts';
import { layout } from '../memory/layout.ts';
import type { ConnectionTable } from './connections.ts';
import type { FlowKey } from './flowKey.ts';
import { SideRows } from './sideRows.ts';

/** Longest name. */
const MAX_NAME_BYTES = 255;
/** Of the memory of a name. */
const NAME_ROW_BYTES = 256;
/** Names at most: 16 MB. */
const MAX_NAMES = 1 << 16;
/** Rows that a lookup looks at before it gives up: the hash is seeded, so that chance makes no chain that long. */
const MAX_PROBES = 64;

const NAME = layout('hash', 'next', 'bytes');

export class CallIds {
  readonly #connections: ConnectionTable;
  readonly #side: SideRows;
  #names = new Uint8Array(0);
  #rows = new Int32Array(0);
  #heads = new Int32Array(0);

  constructor(connections: ConnectionTable) {
    this.#connections = connections;
    this.#side = new SideRows(connections.capacity, MAX_NAMES);
  }

  /** Makes room, once; not on the hot path. */
  prepare(): void {
    if (!this.#side.prepare()) return;
    const { capacity } = this.#side;
    this.#names = new Uint8Array(capacity * NAME_ROW_BYTES);
    this.#rows = new Int32Array(capacity * NAME.words);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(capacity * 2))).fill(NONE);
  }

  get isFull(): boolean {
    return this.#side.count === this.#side.capacity;
  }

  get count(): number {
    return this.#side.count;
  }

  /**
   * The template with this key and name, or NONE.
   * @param from where the name's bytes are: [at, at + bytes)
   */
  find(key: FlowKey, from: Uint8Array, at: number, bytes: number): number {
    const hash = this.#hash(key, from, at, bytes);
    let row = this.#heads[hash & (this.#heads.length - 1)] ?? NONE;
    for (let probe = 0; probe < MAX_PROBES && row !== NONE; probe++) {
      const conn = this.#side.connectionOf(row);
      if (this.#rows[row * NAME.words + NAME.hash] === hash && this.#isName(row, from, at, bytes)) {
        if (isTemplateOf(this.#connections, conn, key)) return conn;
      }
      row = this.#rows[row * NAME.words + NAME.next]!;
    }
    return NONE;
  }

  /** Names a template just entered; the caller has seen that there is room, and that the name has at most 255 bytes. */
  add(conn: number, key: FlowKey, from: Uint8Array, at: number, bytes: number): void {
    const row = this.#side.add(conn);
    const hash = this.#hash(key, from, at, bytes);
    const slot = hash & (this.#heads.length - 1);
    this.#rows[row * NAME.words + NAME.hash] = hash;
    this.#rows[row * NAME.words + NAME.next] = this.#heads[slot]!;
    this.#rows[row * NAME.words + NAME.bytes] = bytes;
    this.#heads[slot] = row;
    for (let i = 0; i < bytes; i++) this.#names[row * NAME_ROW_BYTES + i] = from[at + i]!;
  }

  /** Forgets the name of a template that is about to be removed; does nothing to a connection that has none. */
  remove(conn: number): void {
    const row = this.#side.rowOf(conn);
    if (row === NONE) return;
    const slot = this.#rows[row * NAME.words + NAME.hash]! & (this.#heads.length - 1);
    const next = this.#rows[row * NAME.words + NAME.next]!;
    let before = this.#heads[slot]!;
    if (before === row) this.#heads[slot] = next;
    else {
      while (this.#rows[before * NAME.words + NAME.next] !== row) before = this.#rows[before * NAME.words + NAME.next]!;
      this.#rows[before * NAME.words + NAME.next] = next;
    }
    this.#side.remove(conn);
  }

  /** Copies the name of a connection to `to`, which has room for 255 bytes at `at`. @returns its length, 0 when it has none */
  copy(conn: number, to: Uint8Array, at: number): number {
    const row = this.#side.rowOf(conn);
    if (row === NONE) return 0;
    const bytes = this.#rows[row * NAME.words + NAME.bytes]!;
    for (let i = 0; i < bytes; i++) to[at + i] = this.#names[row * NAME_ROW_BYTES + i]!;
    return bytes;
  }

  /** The name of a connection as text, for listings; undefined when it has none. */
  text(conn: number): string | undefined {
    const row = this.#side.rowOf(conn);
    if (row === NONE) return undefined;
    const at = row * NAME_ROW_BYTES;
    const bytes = this.#names.subarray(at, at + this.#rows[row * NAME.words + NAME.bytes]!);
    return String.fromCharCode(...bytes);
  }

  #hash(key: FlowKey, from: Uint8Array, at: number, bytes: number): number {
    let hash = mix(mix(this.#connections.seed, key.source3), key.target3);
    // Bound: the longest name.
    const end = at + Math.min(bytes, MAX_NAME_BYTES);
    for (let i = at; i < end; i += 4) {
      let word = 0;
      for (let j = i; j < end && j < i + 4; j++) word = (word << 8) | from[j]!;
      hash = mix(hash, word);
    }
    return finish(hash ^ bytes);
  }

  #isName(row: number, from: Uint8Array, at: number, bytes: number): boolean {
    if (this.#rows[row * NAME.words + NAME.bytes] !== bytes) return false;
    for (let i = 0; i < bytes; i++) if (this.#names[row * NAME_ROW_BYTES + i] !== from[at + i]) return false;
    return true;
  }
}

/** The row's client, virtual address and port are the key's, so that it has not been neutralised either. */
function isTemplateOf(connections: ConnectionTable, conn: number, key: FlowKey): boolean {
  if (connections.family(conn) !== key.family || connections.protocol(conn) !== key.protocol) return false;
  if (connections.clientWord(conn, 3) !== key.source3 || connections.virtualWord(conn, 3) !== key.target3) return false;
  if (connections.virtualPort(conn) !== key.targetPort) return false;
  if (key.family !== Family.v6) return true;
  return (
    connections.clientWord(conn, 0) === key.source0 &&
    connections.clientWord(conn, 1) === key.source1 &&
    connections.clientWord(conn, 2) === key.source2 &&
    connections.virtualWord(conn, 0) === key.target0 &&
    connections.virtualWord(conn, 1) === key.target1 &&
    connections.virtualWord(conn, 2) === key.target2
  );
}
