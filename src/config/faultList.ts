/** Collects the faults of one file, so that a person sees all of them at once and in the order of the file. */
import { type ErrorCode, type Place, UvsError } from '../base/errors.ts';

export class FaultList {
  readonly #faults: UvsError[] = [];

  /** @param hint instead of the one that belongs to the code */
  add(code: ErrorCode, message: string, place: Place, hint?: string): void {
    this.#faults.push(new UvsError(code, message, hint === undefined ? { place } : { place, hint }));
  }

  /** For a name that was used before. @param what it names @param lines name -> line of its first use, kept here */
  addIfRepeated(
    code: 'SERVICE_EXISTS' | 'DESTINATION_EXISTS',
    what: string,
    name: string,
    place: Place,
    lines: Map<string, number>,
  ): void {
    const line = lines.get(name);
    if (line === undefined) lines.set(name, place.line ?? 0);
    else this.add(code, `${what} was listed before, in line ${line}`, place);
  }

  get isEmpty(): boolean {
    return this.#faults.length === 0;
  }

  /** By line and column; faults at one place keep the order in which they were found. */
  inFileOrder(): UvsError[] {
    return this.#faults.toSorted(
      (a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0),
    );
  }
}
