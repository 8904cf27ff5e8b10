/** Synchronisation daemons as the kernel starts and stops them; limits of messages as asked of it (test/golden/ipvs, U_listings). */
import { describe, expect, test } from 'vitest';
import type { DaemonOptions } from '../../src/uvsadm/command.ts';
import { Daemons } from '../../src/uvsadm/daemons.ts';

const MTUS: Readonly<Record<string, number>> = { lo: 65_536, jumbo: 9000, r0: 1500, small: 1400 };

function options(role: 'master' | 'backup', fields: Partial<DaemonOptions> = {}): DaemonOptions {
  const open = { maxBytes: undefined, group: undefined, port: undefined, ttl: undefined };
  return { role, interface: 'r0', syncId: 0, ...open, ...fields };
}

function daemons(): Daemons {
  return new Daemons((name) => MTUS[name]);
}

test('what is left out gets its default', () => {
  const running = daemons();
  expect(running.start(options('backup', { group: 'FF05:0::51' }))).toBeUndefined();
  expect(running.start(options('master'))).toBeUndefined();
  expect(running.list()).toEqual([
    options('master', { maxBytes: 1472, group: '224.0.0.81', port: 8848, ttl: 1 }),
    options('backup', { maxBytes: 1452, group: 'ff05::51', port: 8848, ttl: 1 }),
  ]);
});

describe('longest message', () => {
  test.each([
    ['master', 'jumbo', undefined, undefined, 1472],
    ['master', 'small', undefined, undefined, 1472],
    ['backup', 'jumbo', undefined, undefined, 8972],
    ['backup', 'jumbo', 'ff02::51', undefined, 8952],
    ['backup', 'small', undefined, undefined, 1472],
    ['backup', 'lo', undefined, undefined, 65_507],
    ['backup', 'r0', undefined, 5, 1024],
    ['backup', 'r0', 'ff02::51', 9000, 9000],
    ['master', 'r0', undefined, 1, 1],
    ['master', 'r0', undefined, 65_507, 65_507],
    ['master', 'r0', 'ff02::51', 65_507, 65_487],
  ] as const)('%s on %s, group %s, wanted %s: %i', (role, name, group, maxBytes, expected) => {
    const running = daemons();
    running.start(options(role, { interface: name, group, maxBytes }));
    expect(running.list()[0]!.maxBytes).toBe(expected);
  });
});

test('one of each runs, on an interface that there is, until it is stopped', () => {
  const running = daemons();
  expect(running.stop('master', 0)?.message).toBe('No daemon is running');
  running.start(options('master'));
  expect(running.start(options('master'))?.message).toBe('Daemon has already run');
  expect(running.start(options('master', { interface: 'no' }))?.message).toBe('No such device');
  expect(running.stop('backup', 0)?.message).toBe('No daemon is running');
  expect(running.stop('master', 77)).toBeUndefined();
  expect(running.list()).toEqual([]);
});
