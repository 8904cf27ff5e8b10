// hot path

/**
 * Where the frames of clients come from, by the client's address: for connections that a real server opens, so that no frame of its own
 * shows the way to the client. A cache of fixed size, filled by the packets that begin connections of services with a persistence engine.
 * A client that has not been seen is believed to be where the last one was: behind the same router, mostly. The director knows no routes to
 * clients.
 */
import { finish, mix } from '../base/hash.ts';
import { layout } from '../memory/layout.ts';
import type { FlowKey } from '../table/flowKey.ts';

const SLOTS = 4096;
const WAY = layout('family', 'address0', 'address1', 'address2', 'address3', 'macHigh', 'macLow', 'port');

export class ClientWays {
  #rows = new Int32Array(0);
  /** Row of the client seen last; the first one until then. */
  #lastAt = 0;
  /** What `find` found: MAC address, high 16 and low 32 bits, and index of the port. */
  macHigh = 0;
  macLow = 0;
  port = 0;

  /** Makes room, once; not on the hot path. */
  prepare(): void {
    if (this.#rows.length === 0) this.#rows = new Int32Array(SLOTS * WAY.words);
  }

  /** The source of `key` sends its frames from this MAC address to this port. */
  learn(key: FlowKey, macHigh: number, macLow: number, port: number): void {
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    const at = slotOf(key.source0, key.source1, key.source2, key.source3);
    this.#lastAt = at;
    rows[at + WAY.family] = key.family;
    rows[at + WAY.address0] = key.source0;
    rows[at + WAY.address1] = key.source1;
    rows[at + WAY.address2] = key.source2;
    rows[at + WAY.address3] = key.source3;
    rows[at + WAY.macHigh] = macHigh;
    rows[at + WAY.macLow] = macLow;
    rows[at + WAY.port] = port;
  }

  /** Looks for the way to the target of `key`. @returns false when no client of its family has been seen yet */
  find(key: FlowKey): boolean {
    if (this.#rows.length === 0) return false;
    const rows = this.#rows;
    const own = slotOf(key.target0, key.target1, key.target2, key.target3);
    const at = isOf(rows, own, key) ? own : this.#lastAt;
    if (rows[at + WAY.family] !== key.family) return false;
    this.macHigh = rows[at + WAY.macHigh]!;
    this.macLow = rows[at + WAY.macLow]!;
    this.port = rows[at + WAY.port]!;
    return true;
  }
}

function slotOf(word0: number, word1: number, word2: number, word3: number): number {
  return (finish(mix(mix(mix(mix(0, word0), word1), word2), word3)) & (SLOTS - 1)) * WAY.words;
}

function isOf(rows: Int32Array, at: number, key: FlowKey): boolean {
  return (
    rows[at + WAY.family] === key.family &&
    rows[at + WAY.address3] === key.target3 &&
    rows[at + WAY.address2] === key.target2 &&
    rows[at + WAY.address1] === key.target1 &&
    rows[at + WAY.address0] === key.target0
  );
}
