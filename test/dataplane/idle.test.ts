import { describe, expect, test } from 'vitest';
import { Idle } from '../../src/dataplane/idle.ts';
import type { IdleMode } from '../../src/dataplane/messages.ts';

/** A worker whose waits end at once. @param wakes what each wait answers: true = a port has frames */
function idler(mode: IdleMode, wakes = false) {
  let waits = 0;
  const waiter = {
    wait: () => {
      waits++;
      return wakes;
    },
  };
  const idle = new Idle(mode, waiter);
  return { idle, waits: () => waits };
}

/** Quiet breaths until the first sleep. */
function breathsToSleep(idle: Idle): number {
  let breaths = 1;
  while (!idle.quiet()) breaths++;
  return breaths;
}

describe('without frames', () => {
  test('spin never sleeps', () => {
    const { idle, waits } = idler('spin');
    for (let n = 0; n < 100_000; n++) expect(idle.quiet()).toBe(false);
    expect(waits()).toBe(0);
  });

  test('block sleeps at once, every time', () => {
    const { idle, waits } = idler('block');
    for (let n = 0; n < 10; n++) expect(idle.quiet()).toBe(true);
    expect(waits()).toBe(10);
  });

  test('adaptive sleeps after a while', () => {
    expect(breathsToSleep(idler('adaptive').idle)).toBeGreaterThan(1);
  });

  test('adaptive that was woken by nothing but the time sleeps again after one breath', () => {
    const { idle } = idler('adaptive');
    breathsToSleep(idle);
    expect([breathsToSleep(idle), breathsToSleep(idle)]).toEqual([1, 1]);
  });

  test('adaptive that was woken by a port asks on for a while', () => {
    const { idle } = idler('adaptive', true);
    breathsToSleep(idle);
    expect(breathsToSleep(idle)).toBeGreaterThan(1);
  });

  test('adaptive asks on for a while after frames', () => {
    const { idle } = idler('adaptive');
    breathsToSleep(idle);
    idle.busy();
    expect(breathsToSleep(idle)).toBeGreaterThan(1);
  });
});
