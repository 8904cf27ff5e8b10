/** Collects the single runs of figures, as they come in from interleaved repetitions. */
import { type Figure, median, type SuiteName } from '../figures.ts';

export interface Run {
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly unit: string;
  readonly value: number;
  readonly note?: string;
}

export class Recorder {
  readonly #suite: SuiteName;
  readonly #runs = new Map<string, Run[]>();

  constructor(suite: SuiteName) {
    this.#suite = suite;
  }

  /** Runs of the same name, labels and unit are one figure. */
  add(run: Run): void {
    const key = JSON.stringify([run.name, run.labels, run.unit]);
    const runs = this.#runs.get(key);
    if (runs === undefined) this.#runs.set(key, [run]);
    else runs.push(run);
  }

  /** In the order of their first runs; the note is that of the median run. */
  figures(): Figure[] {
    return [...this.#runs.values()].map((runs) => {
      const values = runs.map(({ value }) => value);
      const middle = median(values);
      const { name, labels, unit, note } = runs.find(({ value }) => value === middle) ?? runs[0]!;
      return { suite: this.#suite, name, labels, value: middle, unit, runs: values, ...(note === undefined ? {} : { note }) };
    });
  }
}

/** The value of the first figure that has all these labels and the unit; NaN when there is none. */
export function figureValue(
  figures: readonly Figure[],
  name: string,
  labels: Readonly<Record<string, string | number>>,
  unit: string,
): number {
  const found = figures.find(
    (figure) =>
      figure.name === name &&
      figure.unit === unit &&
      Object.entries(labels).every(([key, value]) => figure.labels[key] === value),
  );
  return found?.value ?? Number.NaN;
}

/** The largest of those that were measured; NaN when none was. */
export function best(values: readonly number[]): number {
  const measured = values.filter((value) => !Number.isNaN(value));
  return measured.length === 0 ? Number.NaN : Math.max(...measured);
}
