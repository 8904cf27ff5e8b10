/**
 * Connection entries as recorded against those of the engine: who, state and destination exactly, the remaining time as closely as the
 * kernel's timers allow (golden/ipvs/README.md, "What a comparison must not compare"): a second either way, and a timer fires late.
 */
import { canonicalName, type Entry, entries } from './engineView.ts';
import type { Ledger } from './ledger.ts';
import type { Rig } from './rig.ts';

/** One recorded entry. */
export interface RecordedEntry {
  /** `TCP 10.0.0.1:1025 192.0.2.1:80 10.0.1.1:80 ESTABLISHED`. */
  readonly name: string;
  /** Whole seconds, cut off. */
  readonly seconds: number;
}

/** Seconds by which either side may be wrong, as a rule and in a handful of steps. */
const TOLERANCE_SECONDS = 1;
const LOOSE_SECONDS = 2;
/** A timer of 50 to 131 s at 250 Hz fires at a multiple of 512 ticks. */
const WHEEL_SECONDS = 2.05;

/** How much later than here the kernel's timer of an entry may stand, because it fired late before and was started again. */
export class Lateness {
  readonly #expiries = new Map<number, number>();
  readonly #fired = new Map<number, number>();
  readonly #names = new Map<number, string>();

  /** Looks for timers that were restarted although no packet came. Call it at each step of a wait. */
  watch(rig: Rig): void {
    const { connections } = rig.director.state.tables;
    for (const [conn, expiry] of this.#expiries) {
      const now = connections.inUse(conn) ? connections.expiresAtTick(conn) : expiry;
      if (now !== expiry) this.#fired.set(conn, (this.#fired.get(conn) ?? 0) + 1);
      this.#expiries.set(conn, now);
    }
  }

  /** Before a wait: remembers the timers as they stand. What a packet has restarted since the last wait is on time again. */
  begin(rig: Rig): void {
    for (const { conn, name, expiry } of listed(rig)) {
      if (this.#expiries.get(conn) !== expiry || this.#names.get(conn) !== name) this.#fired.delete(conn);
      this.#names.set(conn, name);
      this.#expiries.set(conn, expiry);
    }
  }

  secondsOf(entry: Entry): number {
    return (this.#fired.get(entry.conn) ?? 0) * WHEEL_SECONDS;
  }
}

function listed(rig: Rig): { conn: number; name: string; expiry: number }[] {
  const { connections } = rig.director.state.tables;
  return entries(rig).map((entry) => ({
    conn: entry.conn,
    name: `${entry.client} ${entry.virtual} ${entry.destination}`,
    expiry: connections.expiresAtTick(entry.conn),
  }));
}

/** Rows of `show`: protocol, client, virtual, destination, state, seconds. */
export function showEntries(rows: readonly (readonly unknown[])[]): RecordedEntry[] {
  return rows.map(([protocol, client, virtual, destination, state, seconds]) => ({
    name: [protocol, ...[client, virtual, destination].map((name) => canonicalName(String(name))), state].join(' '),
    seconds: Number(seconds),
  }));
}

/** Rows of `ipvsadm -Lnc`. */
export function listingEntries(listing: string): RecordedEntry[] {
  const rows = listing.split('\n').filter((line) => /^\w+ +\d+:\d\d /.test(line));
  return rows.map((line) => {
    const [protocol, expires = '', state, ...names] = line.trim().split(/\s+/);
    const [minutes, seconds] = expires.split(':').map(Number);
    return { name: [protocol, ...names.map(canonicalName), state].join(' '), seconds: minutes! * 60 + seconds! };
  });
}

/** Compares all entries of the engine with the recorded ones. */
export function compareEntries(
  step: string,
  recorded: readonly RecordedEntry[],
  rig: Rig,
  ledger: Ledger,
  lateness?: Lateness,
): void {
  const unmatched = entries(rig);
  const [expected, got]: [string[], string[]] = [[], []];
  for (const row of recorded) {
    const at = bestMatch(unmatched, row);
    if (at === -1) {
      // Its timer has fired late, or is about to: with 0 s left there is nothing to compare.
      if (row.seconds > 0) expected.push(`${row.name} ${row.seconds} s`);
      continue;
    }
    const [entry] = unmatched.splice(at, 1);
    if (isClose(row.seconds, entry!.remainingSeconds, ledger, lateness?.secondsOf(entry!))) continue;
    expected.push(`${row.name} ${row.seconds} s`);
    got.push(`${nameOf(entry!)} ${entry!.remainingSeconds} s`);
  }
  for (const entry of unmatched) {
    if (entry.remainingSeconds > TOLERANCE_SECONDS) got.push(`${nameOf(entry)} ${entry.remainingSeconds} s`);
  }
  ledger.checkLines(`${step}: ${recorded.length} entries`, expected, got);
}

/** @param recorded cut to whole seconds @param late by how much the recorded one may be ahead */
export function isClose(recorded: number, ours: number, ledger: Ledger, late = 0): boolean {
  const within = (seconds: number): boolean => ours >= recorded - seconds - late && ours < recorded + 1 + seconds;
  return within(TOLERANCE_SECONDS) || (within(LOOSE_SECONDS) && ledger.allowsLooseTime());
}

/** Of several with this name (only templates that were given up) the one whose time fits best. */
function bestMatch(candidates: readonly Entry[], row: RecordedEntry): number {
  let best = -1;
  for (const [i, entry] of candidates.entries()) {
    if (nameOf(entry) !== row.name) continue;
    const distance = Math.abs(entry.remainingSeconds - row.seconds);
    if (best === -1 || distance < Math.abs(candidates[best]!.remainingSeconds - row.seconds)) best = i;
  }
  return best;
}

function nameOf({ protocol, client, virtual, destination, state }: Entry): string {
  return [protocol, client, virtual, destination, state].join(' ');
}
