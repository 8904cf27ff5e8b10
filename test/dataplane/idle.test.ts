import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { Idle } from '../../src/dataplane/idle.ts';
import type { IdleMode } from '../../src/dataplane/messages.ts';
import { FUTILE_MICROSECONDS, LONGEST_MICROSECONDS, SHORTEST_MICROSECONDS } from '../../src/dataplane/spinWindow.ts';

const [SHORTEST_MS, LONGEST_MS, FUTILE_MS] = [SHORTEST_MICROSECONDS, LONGEST_MICROSECONDS, FUTILE_MICROSECONDS].map(
  (n) => n / 1000,
) as [number, number, number];
const BREATH_MS = 0.0002;
const WAKE_UP_MS = 0.03;

/** A worker on a clock of its own: a breath takes BREATH_MS, a wake-up WAKE_UP_MS. */
function idler(mode: IdleMode, startMs = 1000) {
  const clock = new ManualClock(startMs);
  let waits = 0;
  /** When the next frames come. */
  let nextAt = Number.POSITIVE_INFINITY;
  const waiter = {
    wait: (timeoutMs: number) => {
      waits++;
      const pause = Math.min(timeoutMs, Math.max(0, nextAt - clock.now()));
      clock.advance(pause + WAKE_UP_MS);
      return pause < timeoutMs;
    },
  };
  const idle = new Idle(mode, waiter, { now: () => (clock.now() * 1000) | 0 });
  /** Breathes until frames come. @returns how long it spun, ms, and whether it slept */
  const breathe = () => {
    const before = waits;
    let spun = 0;
    while (clock.now() < nextAt) {
      clock.advance(BREATH_MS);
      if (clock.now() < nextAt && !idle.quiet()) spun += BREATH_MS;
    }
    idle.busy();
    return { spun, slept: waits > before };
  };
  /** Frames come after `ms`. */
  const pause = (ms: number) => {
    nextAt = clock.now() + ms;
    return breathe();
  };
  /** Frames come a moment after it sleeps, whenever that is: the kernel's receive thread waits for our core. */
  const starve = () => {
    const before = waits;
    let spun = 0;
    nextAt = Number.POSITIVE_INFINITY;
    for (; waits === before; clock.advance(BREATH_MS)) {
      nextAt = clock.now();
      if (!idle.quiet()) spun += BREATH_MS;
    }
    idle.busy();
    return spun;
  };
  return { idle, clock, pause, starve, waits: () => waits };
}

describe('without frames', () => {
  test('spin never sleeps', () => {
    const { idle, waits } = idler('spin');
    const slept = Array.from({ length: 100_000 }, () => idle.quiet()).filter((did) => did);
    expect(slept).toEqual([]);
    expect(waits()).toBe(0);
  });

  test('block sleeps at once, every time', () => {
    const { idle, waits } = idler('block');
    for (let n = 0; n < 10; n++) expect(idle.quiet()).toBe(true);
    expect(waits()).toBe(10);
  });

  test('adaptive spins for a moment once, and then only sleeps', () => {
    const { pause, waits } = idler('adaptive');
    const { spun } = pause(1000);
    expect(spun).toBeGreaterThan(SHORTEST_MS * 0.9);
    expect(spun).toBeLessThan(SHORTEST_MS * 1.2);
    expect(waits()).toBe(10);
  });
});

describe('adaptive', () => {
  test('after a pause that a longer spin would have met, it spins through such pauses', () => {
    const { pause } = idler('adaptive');
    expect(pause(0.2).slept).toBe(true);
    for (let n = 0; n < 100; n++) expect(pause(0.2)).toMatchObject({ slept: false });
  });

  test('pauses that nobody spins through cost the shortest spin, and no more', () => {
    const { pause } = idler('adaptive');
    pause(0.2);
    pause(5);
    for (let n = 0; n < 20; n++) expect(pause(5).spun).toBeLessThan(SHORTEST_MS * 1.2);
  });

  test('one long pause among short ones is forgotten after the next', () => {
    const { pause } = idler('adaptive');
    pause(0.2);
    pause(50);
    pause(0.2);
    expect(pause(0.2).slept).toBe(false);
  });

  test('where frames come only while it sleeps, it stops spinning', () => {
    const { starve } = idler('adaptive');
    const spun = Array.from({ length: 40 }, starve);
    expect(Math.max(...spun.slice(0, 4))).toBeGreaterThan(LONGEST_MS);
    expect(Math.max(...spun.slice(4))).toBe(0);
  });

  test('and tries again after a while', () => {
    const { starve, clock } = idler('adaptive');
    for (let n = 0; n < 40; n++) starve();
    clock.advance(FUTILE_MS);
    starve();
    expect(starve()).toBeGreaterThan(SHORTEST_MS);
  });

  test('the numbers of the clock may begin anew in between', () => {
    const { pause } = idler('adaptive', 2 ** 31 / 1000 - 1);
    expect(pause(0.2).slept).toBe(true);
    for (let n = 0; n < 100; n++) expect(pause(0.2)).toMatchObject({ slept: false });
  });

  test.each([
    ['a minute', 60_000],
    ['fifty minutes', 3_000_000],
  ])('sleeps at the next look after the process stood still for %s', (_name, ms) => {
    const { idle, clock, waits } = idler('adaptive');
    idle.quiet();
    clock.advance(ms);
    for (let n = 0; n < 15; n++) idle.quiet();
    expect(waits()).toBe(1);
  });

  test('spins again after it stood still for fifty minutes, where it had given that up', () => {
    const { starve, clock } = idler('adaptive');
    for (let n = 0; n < 40; n++) starve();
    clock.advance(3_000_000);
    starve();
    expect(starve()).toBeGreaterThan(SHORTEST_MS);
  });
});
