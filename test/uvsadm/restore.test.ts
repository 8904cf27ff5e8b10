/** `-R`, in batches, with the messages and exit codes of one line at a time. Random tables: savedTables.test.ts. */
import { describe, expect, test } from 'vitest';
import { directorAfter, FakeDirector, run } from './fakeDirector.ts';

const SERVICE = '-A -t 10.0.0.1:80 -s rr';

describe('what ends a restore and what does not', () => {
  test.each([
    ['the kernel refuses a line: on', [SERVICE, SERVICE, '-A -f 1'], 0, 'Service already exists\n', 2],
    ['the kernel refuses the last line', [SERVICE, SERVICE, ''], 255, 'Service already exists\n', 1],
    ['an unknown option: on', [SERVICE, '-A -f 2 --foo', '-A -f 1'], 0, '--foo: unknown option\n', 2],
    ['a wrong value', [SERVICE, '-A -f 0', '-A -f 1'], 2, "invalid fwmark value `0' specified\n", 1],
    ['no command', [SERVICE, 'garbage', '-A -f 1'], 255, "Try `uvsadm -h' or 'uvsadm --help' for more information.\n", 1],
    ['a comment', [SERVICE, '# on', '-A -f 1'], 255, "Try `uvsadm -h' or 'uvsadm --help' for more information.\n", 1],
    ['a restore', [SERVICE, '-R', '-A -f 1'], 255, "Try `uvsadm -h' or 'uvsadm --help' for more information.\n", 1],
    ['a listing of nothing', [SERVICE, '-L -f 9', '-A -f 1'], 1, 'No such service\n', 1],
    ['the version', [SERVICE, '-v', '-A -f 1'], 0, '', 1],
    ['a daemon that cannot start: on', ['--start-daemon master --mcast-interface no', SERVICE], 0, 'No such device\n', 1],
    ['the name of the program, wherever it stands', [`uvsadm ${SERVICE}`, '-A ipvsadm -f 1', 'ipvsadm'], 0, '', 2],
    ['blanks of any kind', ['\t', ` -A\t-f \t 1 \r`, '', '\r'], 0, '', 1],
  ])('%s', async (_name, lines, exitCode, err, services) => {
    const director = new FakeDirector();
    expect(await run('-R', director, { input: lines.join('\n') })).toMatchObject({ exitCode, err });
    expect(director.tables.services).toHaveLength(services);
  });

  test('messages come in the order of the lines, whatever was gathered', async () => {
    const input = [SERVICE, SERVICE, '-A -f 1 --foo', '-D -f 3', '-L --timeout', SERVICE, '-A -f 4'].join('\n');
    const { out, err, exitCode } = await run('-R', new FakeDirector(), { input });
    expect(err).toBe('Service already exists\n--foo: unknown option\nNo such service\nService already exists\n');
    expect(out).toBe('Timeout (tcp tcpfin udp): 900 120 300\n');
    expect(exitCode).toBe(0);
  });
});

test('ten thousand lines are handed over in batches, not one by one', async () => {
  const director = new FakeDirector();
  // The model of the tables looks through all services, which is not what is asked here.
  director.change = async (commands) => {
    director.batches.push(commands.length);
    return commands.map(() => undefined);
  };
  const lines = Array.from({ length: 10_000 }, (_, i) => `-A -f ${i + 1}`);
  expect((await run('-R', director, { input: lines.join('\n') })).exitCode).toBe(0);
  expect(director.batches.length).toBeLessThanOrEqual(20);
  expect(director.batches.reduce((sum, count) => sum + count, 0)).toBe(10_000);
});

test('-S --all keeps thresholds, masks, timeouts, daemons and the order of real servers', async () => {
  const lines = [
    '-A -t 10.0.0.1:80 -M 255.0.0.0',
    '-a -t 10.0.0.1:80 -r 10.0.0.9 -x 5 -y 2',
    '-a -t 10.0.0.1:80 -r 10.0.0.3 -x 7',
  ];
  const daemon = '--start-daemon backup --syncid 3 --mcast-group ff02::51';
  const before = await directorAfter(...lines, '--set 1 2 3', daemon);
  const saved = (await run('-S -n --all', before)).out;
  const after = new FakeDirector();
  expect((await run('-R', after, { input: saved })).err).toBe('');
  expect(after.tables.services).toEqual(before.tables.services);
  expect(await after.timeouts()).toEqual({ tcp: 1, tcpFin: 2, udp: 3 });
  expect(await after.daemons()).toEqual(await before.daemons());
});
