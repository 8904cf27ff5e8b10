/**
 * A list of destinations for schedulers, without tables: every value can be set by hand. Rows are used again as in the real table: the
 * one of a removed destination waits while it has connections, for a destination of the same name, and is anybody's afterwards.
 */
import { Family, NONE } from '../../src/base/terms.ts';
import type { DestinationList } from '../../src/scheduler/contract.ts';

export interface TestDestination {
  weight: number;
  lastWeight: number;
  active: number;
  inactive: number;
  overloaded: boolean;
  /** The last part of its address. */
  name: number;
}

export class TestDestinations implements DestinationList {
  /** Indices on the list, newest first. */
  readonly listed: number[] = [];
  readonly #all: TestDestination[] = [];
  readonly #family: Family;

  constructor(family: Family = Family.v4) {
    this.#family = family;
  }

  /** Makes a destination at the head of the list. @param name of none that is listed; without it, one that never was */
  add(weight: number, name = 1 + Math.max(0, ...this.#all.map((each) => each.name))): number {
    const d = this.#rowFor(name);
    const { active = 0, inactive = 0 } = this.#all[d]?.name === name ? this.#all[d] : {};
    this.#all[d] = { weight, lastWeight: weight, active, inactive, overloaded: false, name };
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

  /** What a removed destination of this name still has. */
  trashed(name: number): Readonly<TestDestination> | undefined {
    return this.#all.find((each, d) => each.name === name && !this.listed.includes(d));
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
    return this.#family;
  }

  /** 10.0.1.1 and so on, or 2001:db8:0:1::1. */
  addressWord(d: number, i: number): number {
    const prefix = this.#family === Family.v4 ? [0, 0, 0, 0x0a000100] : [0x20010db8, 1, 0, 0];
    return prefix[i]! + (i === 3 ? this.get(d).name : 0);
  }

  port(): number {
    return 80;
  }

  #rowFor(name: number): number {
    const own = this.#all.findIndex((each) => each.name === name);
    if (own >= 0) return own;
    const idle = this.#all.findIndex(({ active, inactive }, d) => !this.listed.includes(d) && active + inactive === 0);
    return idle >= 0 ? idle : this.#all.length;
  }
}
