/**
 * Removed destinations that keep their row, found again by the names of their service and their own. Those that no connection refers
 * to any more leave when they have been idle for two minutes, or when a row is needed.
 */

/** Ticks (100 ms) that an entry without connections is kept after it was first seen so: 120 s. */
export const TRASH_IDLE_TICKS = 1200;

interface Entry {
  readonly row: number;
  /** When `sweep` first saw it without connections. */
  idleSinceTick: number | undefined;
}

export class DestinationTrash {
  readonly #entries = new Map<string, Entry>();

  put(identity: string, row: number): void {
    this.#entries.set(identity, { row, idleSinceTick: undefined });
  }

  /** The row that is kept under this name, or undefined. */
  rowOf(identity: string): number | undefined {
    return this.#entries.get(identity)?.row;
  }

  /** Takes the row out, to be used again. */
  take(identity: string): void {
    this.#entries.delete(identity);
  }

  /** The entry that has lain here longest of those that satisfy `isIdle`, taken out; undefined when there is none. */
  takeIdle(isIdle: (row: number) => boolean): number | undefined {
    for (const [identity, { row }] of this.#entries) {
      if (!isIdle(row)) continue;
      this.#entries.delete(identity);
      return row;
    }
    return undefined;
  }

  /** Takes out what has been idle for TRASH_IDLE_TICKS. Called about once a minute. */
  sweep(nowTick: number, isIdle: (row: number) => boolean): number[] {
    const freed: number[] = [];
    for (const [identity, entry] of this.#entries) {
      if (!isIdle(entry.row)) entry.idleSinceTick = undefined;
      else if (entry.idleSinceTick === undefined) entry.idleSinceTick = nowTick;
      else if (((nowTick - entry.idleSinceTick) | 0) >= TRASH_IDLE_TICKS) {
        this.#entries.delete(identity);
        freed.push(entry.row);
      }
    }
    return freed;
  }
}
