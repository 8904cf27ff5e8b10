import { describe, expect, test } from 'vitest';
import type { Breath } from '../../src/dataplane/breath.ts';
import { breatheOn } from '../../src/dataplane/breathing.ts';
import type { Idle } from '../../src/dataplane/idle.ts';

/** Breathes until the chores were done `chores` times. @param sleepsAt breaths without a frame after which it has slept */
function run(chores: number, frames: (breath: number) => number, sleepsAt: (breath: number) => boolean = () => false) {
  let [breaths, done, busy] = [0, 0, 0];
  const choresAt: number[] = [];
  const hostLooksAt: number[] = [];
  const breathe = (looksAtHost: boolean): number => {
    if (looksAtHost) hostLooksAt.push(breaths);
    return frames(breaths++);
  };
  const idle = { busy: () => void busy++, quiet: () => sleepsAt(breaths - 1) };
  breatheOn({ breathe } as unknown as Breath, idle as unknown as Idle, () => {
    choresAt.push(breaths);
    return ++done < chores;
  });
  return { breaths, busy, choresAt, hostLooksAt };
}

describe('the loop of a worker', () => {
  test('does its chores every 32 breaths and looks at the host every 16, for as long as it runs', () => {
    const { choresAt, hostLooksAt } = run(200, () => 1);
    expect(choresAt).toEqual(Array.from({ length: 200 }, (_, n) => 32 * n));
    expect(hostLooksAt).toEqual(Array.from({ length: 399 }, (_, n) => 16 * n));
  });

  test('tells which breaths brought frames', () => {
    expect(run(5, (breath) => breath % 4).busy).toBe(96);
  });

  test('does its chores after a sleep', () => {
    const { choresAt } = run(
      4,
      () => 0,
      (breath) => breath === 40,
    );
    expect(choresAt).toEqual([0, 32, 41, 64]);
  });

  test.each([1, 2, 33, 34])('ends when the %d. chores say so, with the breath that it began', (chores) => {
    expect(run(chores, () => 0).breaths).toBe((chores - 1) * 32 + 1);
  });
});
