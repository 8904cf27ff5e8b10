/** What was compared in one recording: steps by name, what was expected of each and what came. */

export interface Failure {
  readonly step: string;
  readonly expected: string;
  readonly got: string;
}

/** One step, for --verbose. */
export interface StepResult {
  readonly step: string;
  readonly passed: boolean;
}

/** Remaining times that may be off by two seconds instead of one: "in a handful of steps" (golden/ipvs/README.md). */
const HANDFUL = 5;

export class Ledger {
  #looseTimes = 0;
  readonly failures: Failure[] = [];
  readonly steps: StepResult[] = [];

  /** Uses up one of the few times at which a remaining time may be off by two seconds. @returns false when they are used up */
  allowsLooseTime(): boolean {
    return ++this.#looseTimes <= HANDFUL;
  }

  /** Takes over what another has. */
  adopt({ failures, steps }: Ledger): void {
    this.failures.push(...failures);
    this.steps.push(...steps);
  }

  /** One thing compared: equal as text, or as JSON. */
  check(step: string, expected: unknown, got: unknown): boolean {
    const [wanted, found] = [textOf(expected), textOf(got)];
    const passed = wanted === found;
    this.steps.push({ step, passed });
    if (!passed) this.failures.push({ step, expected: wanted, got: found });
    return passed;
  }

  /** Packets in order, as text; of the first that differs, the part that does. */
  checkPackets(step: string, expected: readonly string[], got: readonly string[]): boolean {
    const at = [...expected.keys(), ...got.keys()].find((i) => expected[i] !== got[i]);
    this.steps.push({ step, passed: at === undefined });
    if (at === undefined) return true;
    const [wanted, found] = excerpts(expected[at] ?? 'no packet', got[at] ?? 'no packet');
    const place = `packet ${at + 1}`;
    this.failures.push({
      step,
      expected: `${expected.length} packets, ${place}: ${wanted}`,
      got: `${got.length} packets, ${place}: ${found}`,
    });
    return false;
  }

  /** Something went wrong that is no comparison. */
  fail(step: string, expected: string, got: string): void {
    this.steps.push({ step, passed: false });
    this.failures.push({ step, expected, got });
  }

  /** Two lists, compared as sets of lines; what differs is said, not the rest. */
  checkLines(step: string, expected: readonly string[], got: readonly string[]): boolean {
    const missing = without(expected, got);
    const extra = without(got, expected);
    const passed = missing.length === 0 && extra.length === 0;
    this.steps.push({ step, passed });
    if (!passed) this.failures.push({ step, expected: missing.join('\n') || '(no more)', got: extra.join('\n') || '(no more)' });
    return passed;
  }
}

const EXCERPT = 160;

/** From a little before where two texts differ. */
function excerpts(a: string, b: string): [string, string] {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const from = Math.max(0, a.length > EXCERPT || b.length > EXCERPT ? same - EXCERPT / 2 : 0);
  const cut = (text: string): string => {
    const part = `${from > 0 ? '...' : ''}${text.slice(from, from + EXCERPT)}${text.length > from + EXCERPT ? '...' : ''}`;
    return `${part} (${text.length} characters, different from ${same} on)`;
  };
  return [cut(a), cut(b)];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The lines of `from` that `other` lacks, counted. */
function without(from: readonly string[], other: readonly string[]): string[] {
  const left = [...other];
  return from.filter((line) => {
    const at = left.indexOf(line);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}
