/** lblc and lblcr: the sentences of specs/ipvs.md sections 4.12 and 4.13, one by one. */
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import { TestDestinations } from '../support/testDestinations.ts';
import { optionsWith, requestOf, TEST_SETTINGS } from './life.ts';

const EXPIRATION_MS = TEST_SETTINGS.lblcrExpirationSeconds * 1000;

/** A service whose servers are called 1, 2 ... in the order of addition. */
class Service {
  readonly list = new TestDestinations();
  readonly clock = new ManualClock();
  readonly #scheduler;

  constructor(name: 'lblc' | 'lblcr', ...weights: readonly number[]) {
    this.#scheduler = findScheduler(name)!.create(this.list, optionsWith({ clock: this.clock }));
    for (const [i, weight] of weights.entries()) this.add(i + 1, weight);
  }

  add(name: number, weight: number): void {
    this.#scheduler.added(this.list.add(weight, name));
  }

  remove(name: number): void {
    const d = this.#row(name);
    this.#scheduler.removing(d);
    this.list.remove(d);
  }

  set(name: number, values: Parameters<TestDestinations['set']>[1]): void {
    this.list.set(this.#row(name), values);
    this.#scheduler.edited(this.#row(name));
  }

  /** The name of the server that gets a connection to one address; -1 for none. */
  pick(target = 0): number {
    const d = this.#scheduler.pick(requestOf(target));
    return d < 0 ? d : this.list.get(d).name;
  }

  #row(name: number): number {
    return this.list.listed.find((d) => this.list.get(d).name === name)!;
  }
}

/** Address 0 is at home at server 2, which has `active` connections; server 1 has none. */
function atHome(name: 'lblc' | 'lblcr', active: number): Service {
  const service = new Service(name, 10, 10);
  expect(service.pick()).toBe(2);
  service.set(2, { active });
  return service;
}

describe.each(['lblc', 'lblcr'] as const)('%s', (name) => {
  test('stays with the server of an address though another has fewer connections, up to its weight', () => {
    expect(atHome(name, 10).pick()).toBe(2);
  });

  test('leaves one with more active connections than weight when another has fewer than half of its own', () => {
    expect(atHome(name, 11).pick()).toBe(1);
  });

  test('does not leave it when the other has half as many active connections as weight', () => {
    const service = atHome(name, 11);
    service.set(1, { active: 5 });
    expect(service.pick()).toBe(2);
  });

  test.each([
    ['without weight', { weight: 0 }],
    ['overloaded', { overloaded: true }],
  ])('counts as other even one that is %s, but does not choose it', (_name, values) => {
    const service = atHome(name, 11);
    service.set(1, values);
    expect(service.pick()).toBe(2);
  });

  test('leaves one without weight', () => {
    const service = atHome(name, 0);
    service.set(2, { weight: 0 });
    expect(service.pick()).toBe(1);
  });

  test('comes back to one that was removed and added again, if nobody asked in between', () => {
    const service = atHome(name, 0);
    service.remove(2);
    service.add(3, 10);
    service.add(2, 10);
    service.set(2, { active: 3 });
    expect(service.pick()).toBe(2);
  });

  test('does not take a new server for the removed one whose row it has', () => {
    const service = atHome(name, 0);
    service.remove(2);
    service.add(9, 10);
    service.set(9, { active: 3 });
    expect(service.pick()).toBe(1);
  });
});

test('lblc stays with one that is overloaded', () => {
  const service = atHome('lblc', 3);
  service.set(2, { overloaded: true });
  expect([service.pick(), service.pick(1)]).toEqual([2, 1]);
});

/** Address 0 is served by 1 and 2: 2 was too busy. */
function shared(): Service {
  const service = atHome('lblcr', 11);
  expect(service.pick()).toBe(1);
  return service;
}

describe('the set of lblcr', () => {
  test('leaves out a member that is overloaded, and keeps it', () => {
    const service = shared();
    service.set(1, { overloaded: true });
    service.set(2, { active: 5 });
    expect(service.pick()).toBe(2);
    service.set(1, { overloaded: false });
    expect(service.pick()).toBe(1);
  });

  test('serves by the least loaded member', () => {
    const service = shared();
    service.set(1, { active: 9 });
    service.set(2, { active: 8 });
    expect(service.pick()).toBe(2);
  });

  /** Whether the member `name` is still there: it would be picked, for everybody else is busier. */
  const has = (service: Service, name: number) => {
    for (const d of service.list.listed) service.list.set(d, { active: 9 });
    service.set(name, { active: 1 });
    const picked = service.pick();
    return picked === name;
  };

  test.each([
    ['not before its time', EXPIRATION_MS, true],
    ['when its time is over', EXPIRATION_MS + 100, false],
  ])('loses its most loaded member %s', (_name, waitMs, isKept) => {
    const service = shared();
    service.clock.advance(waitMs);
    service.pick();
    expect(has(service, 2)).toBe(isKept);
  });

  test('still uses the member that it loses, this time', () => {
    const service = shared();
    service.set(1, { overloaded: true });
    service.set(2, { active: 10 });
    service.clock.advance(EXPIRATION_MS + 100);
    expect(service.pick()).toBe(2);
  });

  test('does not lose a member without weight, however loaded', () => {
    const service = shared();
    service.set(2, { weight: 0 });
    service.clock.advance(EXPIRATION_MS + 100);
    expect(service.pick()).toBe(1);
    service.set(2, { weight: 10 });
    service.set(1, { active: 9 });
    service.set(2, { active: 1 });
    // It lost 1, the only one with weight.
    expect(service.pick()).toBe(2);
  });

  test.each([
    ['with its connections', 11, false],
    ['none of the connections of the server that has its row now', 0, true],
  ])('weighs a removed member, %s', (_name, active, isKept) => {
    const service = shared();
    service.set(2, { active });
    service.set(1, { active: 1 });
    service.remove(2);
    service.add(9, 10);
    service.set(9, { active: 100 });
    service.clock.advance(EXPIRATION_MS + 100);
    service.pick();
    service.remove(9);
    service.add(2, 10);
    expect(has(service, 2)).toBe(isKept);
  });
});
