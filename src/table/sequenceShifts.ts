// hot path

/**
 * What has become of the numbers of a connection's bytes, where its helper makes texts of the real server longer or shorter: the last
 * changes of the stream, oldest first, each with how far the bytes behind it are shifted from then on.
 *
 *     real server:  ...[ 227 ... (10,0,1,1,200,10) ]...              start, end of the text that was replaced, as it numbers bytes
 *     client:       ...[ 227 ... (192,168,100,1,200,10) ].....       shifted by `delta` behind it, by the one before in front of it
 *
 * Numbers wrap, so that they are compared by difference. The kernel keeps the last change alone (specs/ipvs.md section 5.4): `lastStart`,
 * `lastDelta` and `deltaBefore` are its triple, for synchronisation.
 */

/** Changes that are remembered of one connection; of those forgotten nothing is in flight any more. */
const MAX_CHANGES = 4;
/** Words of a change: where it begins and ends for the real server, and the shift behind it. */
const CHANGE_WORDS = 3;
/** Words of a connection: how many changes, the shift in front of the first, the changes. */
const ROW_WORDS = 2 + MAX_CHANGES * CHANGE_WORDS;

export class SequenceShifts {
  #rows = new Int32Array(0);

  /** Makes room for so many connections; not on the hot path. */
  prepare(rows: number): void {
    this.#rows = new Int32Array(rows * ROW_WORDS);
  }

  clear(row: number): void {
    this.#rows.fill(0, row * ROW_WORDS, (row + 1) * ROW_WORDS);
  }

  count(row: number): number {
    return this.#rows[row * ROW_WORDS]!;
  }

  /** What the client sees as the number of the real server's byte `sequence`. */
  toClient(row: number, sequence: number): number {
    for (let k = this.count(row) - 1; k >= 0; k--) {
      const at = changeAt(row, k);
      if (((sequence - this.#rows[at + 1]!) | 0) >= 0) return (sequence + this.#rows[at + 2]!) | 0;
    }
    return (sequence + this.#rows[row * ROW_WORDS + 1]!) | 0;
  }

  /** What the real server means by the number that the client acknowledges. Within a replaced text it is the beginning of that. */
  toServer(row: number, acknowledged: number): number {
    for (let k = this.count(row) - 1; k >= 0; k--) {
      const at = changeAt(row, k);
      const delta = this.#rows[at + 2]!;
      if (((acknowledged - this.#rows[at + 1]! - delta) | 0) >= 0) return (acknowledged - delta) | 0;
      const start = this.#rows[at]!;
      if (((acknowledged - start - this.#deltaBefore(row, k)) | 0) > 0) return start;
    }
    return (acknowledged - this.#rows[row * ROW_WORDS + 1]!) | 0;
  }

  /** Whether the real server's text [start, end) has been replaced before: the segment comes again. */
  isKnown(row: number, start: number, end: number): boolean {
    for (let k = this.count(row) - 1; k >= 0; k--) {
      const at = changeAt(row, k);
      if (this.#rows[at] === start && this.#rows[at + 1] === end) return true;
    }
    return false;
  }

  /** Whether the real server's segment [start, end) begins or ends within a text that was replaced, so that it cannot be numbered. */
  isCut(row: number, start: number, end: number): boolean {
    for (let k = this.count(row) - 1; k >= 0; k--) {
      const at = changeAt(row, k);
      if (isWithin(start, this.#rows[at]!, this.#rows[at + 1]!) || isWithin(end, this.#rows[at]!, this.#rows[at + 1]!))
        return true;
    }
    return false;
  }

  /** The text [start, end) has been replaced by one that is longer by `growth`. It stands behind all known changes. */
  add(row: number, start: number, end: number, growth: number): void {
    const rows = this.#rows;
    let count = this.count(row);
    const delta = this.#deltaBefore(row, count) + growth;
    if (count === MAX_CHANGES) {
      rows[row * ROW_WORDS + 1] = rows[changeAt(row, 0) + 2]!;
      rows.copyWithin(changeAt(row, 0), changeAt(row, 1), changeAt(row, MAX_CHANGES));
      count--;
    }
    const at = changeAt(row, count);
    rows[at] = start;
    rows[at + 1] = end;
    rows[at + 2] = delta;
    rows[row * ROW_WORDS] = count + 1;
  }

  /** Number from which on the last change holds, or 0 when there is none. */
  lastStart(row: number): number {
    const count = this.count(row);
    return count === 0 ? 0 : this.#rows[changeAt(row, count - 1) + 1]!;
  }

  lastDelta(row: number): number {
    return this.#deltaBefore(row, this.count(row));
  }

  /** The shift in front of the last change. */
  deltaBefore(row: number): number {
    return this.#deltaBefore(row, this.count(row) - 1);
  }

  #deltaBefore(row: number, k: number): number {
    return this.#rows[k <= 0 ? row * ROW_WORDS + 1 : changeAt(row, k - 1) + 2]!;
  }
}

function changeAt(row: number, k: number): number {
  return row * ROW_WORDS + 2 + k * CHANGE_WORDS;
}

function isWithin(number: number, start: number, end: number): boolean {
  return ((number - start) | 0) > 0 && ((end - number) | 0) > 0;
}
