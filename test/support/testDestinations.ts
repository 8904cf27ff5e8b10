/** A list of destinations for schedulers, without tables: every value can be set by hand. */
import { Family, NONE } from '../../src/base/terms.ts';
import type { DestinationList } from '../../src/scheduler/contract.ts';

export interface TestDestination {
  weight: number;
  lastWeight: number;
  active: number;
  inactive: number;
  overloaded: boolean;
}

export class TestDestinations implements DestinationList {
  /** Indices on the list, newest first. */
  readonly listed: number[] = [];
  readonly #all: TestDestination[] = [];

  /** Makes a destination at the head of the list. */
  add(weight: number): number {
    const d = this.#all.push({ weight, lastWeight: weight, active: 0, inactive: 0, overloaded: false }) - 1;
    this.listed.unshift(d);
    return d;
  }

  remove(d: number): void {
    this.listed.splice(this.listed.indexOf(d), 1);
  }

  /** Changes some values of `d`. */
  set(d: number, values: Partial<TestDestination>): void {
    Object.assign(this.#all[d]!, values);
    if (values.weight) this.#all[d]!.lastWeight = values.weight;
  }

  get(d: number): Readonly<TestDestination> {
    return this.#all[d]!;
  }

  /** May be given a new connection. */
  isUsable(d: number): boolean {
    return this.listed.includes(d) && this.get(d).weight > 0 && !this.get(d).overloaded;
  }

  first(): number {
    return this.listed[0] ?? NONE;
  }

  next(d: number): number {
    return this.listed[this.listed.indexOf(d) + 1] ?? NONE;
  }

  available(d: number): boolean {
    return this.listed.includes(d);
  }

  weight(d: number): number {
    return this.get(d).weight;
  }

  lastWeight(d: number): number {
    return this.get(d).lastWeight;
  }

  active(d: number): number {
    return this.get(d).active;
  }

  inactive(d: number): number {
    return this.get(d).inactive;
  }

  overloaded(d: number): boolean {
    return this.get(d).overloaded;
  }

  family(): number {
    return Family.v4;
  }

  /** 10.0.1.1 and so on. */
  addressWord(d: number, i: number): number {
    return i === 3 ? 0x0a000101 + d : 0;
  }

  port(): number {
    return 80;
  }
}
