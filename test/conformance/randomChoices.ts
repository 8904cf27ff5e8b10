/**
 * What can be compared of a scheduler that chooses at random (twos): that somebody is chosen when somebody may be, that who is chosen
 * may be, that a connection stays with its server, the shares of the servers, and the sums of the counts: exactly as long as the same
 * connections were accepted and no server has left with those that it got, then about.
 */
import { NONE } from '../../src/base/terms.ts';
import type { Ledger } from './ledger.ts';
import type { SchedulerRecording, SnapRow } from './recording.ts';
import type { Rig } from './rig.ts';

/** Counts may differ by so many standard deviations of a Poisson count. */
const DEVIATIONS = 5;
const USABLE = 'a usable server';

export class RandomChoices {
  readonly #rig: Rig;
  /** Servers that might be chosen, as they stood before the packet. */
  readonly #usable = new Set<string>();
  /** By connection; what is no server was an answer. */
  readonly #ours = new Map<string, string>();
  readonly #recorded = new Map<string, string>();
  #isExact = true;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** @returns undefined when nothing in the recording is random */
  static of({ sched, commands, events }: SchedulerRecording, rig: Rig): RandomChoices | undefined {
    const lines = [...commands.map(([line]) => line), ...events.map(([kind, line]) => (kind === 'cmd' ? String(line) : ''))];
    const isRandom = sched === 'twos' || lines.some((line) => /(-s|--scheduler)[ =]?twos\b/.test(line));
    return isRandom ? new RandomChoices(rig) : undefined;
  }

  /** A command is about to run. */
  command(line: string): void {
    if (/ -(d|D|C|-delete\S*|-clear) ?/.test(line)) this.#isExact = false;
  }

  /** A packet is about to be sent. */
  before(): void {
    const { services, destinations } = this.#rig.director.state.tables;
    this.#usable.clear();
    for (let s = services.first(); s !== NONE; s = services.next(s)) {
      for (let d = destinations.first(s); d !== NONE; d = destinations.next(d)) {
        const isUsable = destinations.weight(d) > 0 && !destinations.overloaded(d);
        if (isUsable) this.#usable.add(`rs${destinations.addressWord(d, 3) & 0xff}`);
      }
    }
  }

  check(name: string, kind: string, connection: string, recorded: string, got: string, ledger: Ledger): void {
    const opens = kind === 'syn' || kind === 'udp';
    if (opens) {
      const expected = this.#usable.size > 0 ? USABLE : recorded.startsWith('rs') ? refusalOf(connection) : recorded;
      ledger.check(name, expected, this.#usable.has(got) ? USABLE : got);
      this.#recorded.set(connection, recorded);
      this.#ours.set(connection, got);
      if (recorded.startsWith('rs') !== got.startsWith('rs')) this.#isExact = false;
      return;
    }
    const [known, theirs] = [this.#ours.get(connection) ?? recorded, this.#recorded.get(connection) ?? recorded];
    const refused = kind === 'rst' ? '!drop' : '!rst';
    // A connection that both accepted may have ended meanwhile, in both.
    const lives = known.startsWith('rs') && (recorded.startsWith('rs') || !theirs.startsWith('rs'));
    ledger.check(name, lives ? known : refused, got);
  }

  checkSnap(name: string, recorded: readonly SnapRow[], got: readonly SnapRow[], ledger: Ledger): void {
    const namesOf = (rows: readonly SnapRow[]): unknown => rows.map(([server, weight]) => [server, weight]);
    ledger.check(name, namesOf(recorded), namesOf(got));
    for (const [what, column] of [['active', 2] as const, ['inactive', 3] as const]) {
      const [theirs, ours] = [recorded, got].map((rows) => rows.reduce((sum, row) => sum + row[column], 0));
      const isRight = this.#isExact ? theirs === ours : areClose(theirs!, ours!);
      ledger.check(`${name}: ${what} in all`, `${theirs}`, isRight ? `${theirs}` : `${ours}`);
    }
  }

  /** The listing without its counts, and the shares. */
  checkEnd(recorded: readonly string[], got: readonly string[], ledger: Ledger): void {
    const withoutCounts = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/^(-> .*) \d+ \d+$/gm, '$1'));
    ledger.checkLines('final_Ln without counts', withoutCounts(recorded), withoutCounts(got));
    const [theirs, ours] = [countValues(this.#recorded), countValues(this.#ours)];
    for (const server of new Set([...theirs.keys(), ...ours.keys()])) {
      const [theirShare, ourShare] = [theirs.get(server) ?? 0, ours.get(server) ?? 0];
      ledger.check(
        `share of ${server}`,
        `about ${theirShare}`,
        areClose(theirShare, ourShare) ? `about ${theirShare}` : `${ourShare}`,
      );
    }
  }
}

/** ICMP port unreachable. */
function refusalOf(connection: string): string {
  return connection.startsWith('[') ? '!icmp1.4' : '!icmp3.3';
}

function areClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= DEVIATIONS * Math.sqrt(a + b);
}

function countValues(values: ReadonlyMap<string, string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values.values()) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
