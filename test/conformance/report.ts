/** Says what was played: failures as they come, sums at the end; or all of it as one JSON object. */
import type { Failure } from './ledger.ts';
import type { PlayResult } from './playRecording.ts';

export interface ReportOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Every failure of a file. */
  readonly all: boolean;
  /** Id of a recording -> why ours differs. */
  readonly differences: ReadonlyMap<string, string>;
  /** Takes a line of the output. */
  readonly say: (line: string) => void;
}

const FAILURES_SHOWN = 3;
const LONGEST_LINE = 2000;

export class Report {
  readonly #options: ReportOptions;
  readonly #results: PlayResult[] = [];
  readonly #start = performance.now();

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  add(result: PlayResult): void {
    this.#results.push(result);
    if (this.#options.json) return;
    if (this.#options.verbose)
      for (const { step, passed } of result.steps) this.#options.say(`${passed ? 'ok    ' : 'FAILED'} ${result.file}: ${step}`);
    if (result.verdict !== 'failed') return;
    const reason = this.#options.differences.get(result.id);
    this.#options.say(reason === undefined ? `FAILED ${result.file}` : `documented difference ${result.file}: ${reason}`);
    if (reason === undefined) this.#sayFailures(result.failures);
  }

  /** @returns the exit code */
  end(): number {
    const isDocumented = ({ id }: PlayResult): boolean => this.#options.differences.has(id);
    const failedFiles = this.#results.filter(({ verdict }) => verdict === 'failed');
    const sums = {
      passed: this.#results.filter(({ verdict }) => verdict === 'passed').length,
      failed: failedFiles.filter((result) => !isDocumented(result)).length,
      documentedDifferences: failedFiles.filter(isDocumented).length,
      seconds: Math.round(performance.now() - this.#start) / 1000,
    };
    if (this.#options.json)
      this.#options.say(JSON.stringify({ ...sums, files: this.#results.map((result) => this.#plain(result)) }));
    else this.#options.say(sumLine(sums));
    return sums.failed === 0 ? 0 : 1;
  }

  #sayFailures(failures: readonly Failure[]): void {
    const shown = this.#options.all ? failures : failures.slice(0, FAILURES_SHOWN);
    for (const { step, expected, got } of shown)
      this.#options.say(`  ${step}\n    expected ${indented(expected)}\n    got      ${indented(got)}`);
    if (shown.length < failures.length) this.#options.say(`  and ${failures.length - shown.length} more`);
  }

  #plain({ file, schema, id, verdict, failures, steps, milliseconds }: PlayResult): unknown {
    const reason = verdict === 'failed' ? this.#options.differences.get(id) : undefined;
    const common = { file, schema, verdict, steps: steps.length, failures, milliseconds: Math.round(milliseconds) };
    return reason === undefined ? common : { ...common, documentedDifference: reason };
  }
}

function sumLine(sums: Readonly<Record<'passed' | 'failed' | 'documentedDifferences', number>>): string {
  const apart = [...(sums.documentedDifferences === 0 ? [] : [`${sums.documentedDifferences} documented differences`])];
  return [`${sums.passed} passed, ${sums.failed} failed`, ...apart].join(', ');
}

function indented(text: string): string {
  const cut = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}...` : text;
  return cut.replaceAll('\n', '\n             ');
}
