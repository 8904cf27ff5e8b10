// hot path

/** The destinations of one service, newest first, as a scheduler sees them. */
import type { DestinationTable } from './destinations.ts';

export class ServiceDestinations {
  readonly #table: DestinationTable;
  readonly #service: number;

  constructor(table: DestinationTable, service: number) {
    this.#table = table;
    this.#service = service;
  }

  /** NONE when the service has no destination. */
  first(): number {
    return this.#table.first(this.#service);
  }

  /** NONE after the oldest. */
  next(d: number): number {
    return this.#table.next(d);
  }

  /** On the list of a service, not removed. */
  available(d: number): boolean {
    return this.#table.available(d);
  }

  weight(d: number): number {
    return this.#table.weight(d);
  }

  /** The latest weight that was not 0. */
  lastWeight(d: number): number {
    return this.#table.lastWeight(d);
  }

  active(d: number): number {
    return this.#table.loads.active(d);
  }

  inactive(d: number): number {
    return this.#table.loads.inactive(d);
  }

  overloaded(d: number): boolean {
    return this.#table.overloaded(d);
  }

  family(d: number): number {
    return this.#table.family(d);
  }

  /** Word `i`, 0 to 3, of its address. */
  addressWord(d: number, i: number): number {
    return this.#table.addressWord(d, i);
  }

  port(d: number): number {
    return this.#table.port(d);
  }
}
