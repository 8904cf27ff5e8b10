/** Listings beside what the recordings show: big numbers, names, JSON, many connections, what is our own. */
import { describe, expect, test } from 'vitest';
import { SCHEDULERS } from '../../src/scheduler/registry.ts';
import type { ListedConnection } from '../../src/uvsadm/director.ts';
import { versionLine } from '../../src/uvsadm/helpText.ts';
import { WORDS } from '../../src/uvsadm/optionTable.ts';
import { bigNumber } from '../../src/uvsadm/wording.ts';
import { directorAfter, endpoint, FakeDirector, NO_TRAFFIC, run } from './fakeDirector.ts';

describe('big numbers', () => {
  test.each([
    [0, '        0', '        0'],
    [99_999_999, ' 99999999', ' 99999999'],
    [100_000_000, '  100000K', ' 100000000'],
    [999_999_999, '  999999K', ' 999999999'],
    [1e9, '    1000M', ' 1000000000'],
    [12_345_678_901, '   12345M', ' 12345678901'],
    [1e11, '     100G', ' 100000000000'],
    [99_999_999_999_999, '   99999G', ' 99999999999999'],
    [1e14, '     100T', ' 100000000000000'],
    [1_234_567_890_123_456, '    1234T', ' 1234567890123456'],
  ])('%i', (value, short, exact) => {
    expect(bigNumber(value, false)).toBe(short);
    expect(bigNumber(value, true)).toBe(exact);
  });

  test('rates of a real server: connections and packets in full, bytes short', async () => {
    const director = await directorAfter('-A -t 10.0.0.1:80', '-a -t 10.0.0.1:80 -r 10.0.0.2 -m');
    const rates = { connections: 123_456_789.4, inPackets: 2e9, outPackets: 0.49, inBytes: 2e9, outBytes: 0.5 };
    director.shown.set('tcp 10.0.0.1:80', { rates });
    director.shown.set('10.0.0.2:80', { rates });
    const { out } = await run('-Ln --rate', director);
    expect(out.split('\n').slice(3)).toEqual([
      'TCP  10.0.0.1:80                   123456K    2000M        0    2000M        0',
      '  -> 10.0.0.2:80                  123456789 2000000000        0    2000M        0',
      '',
    ]);
  });
});

describe('order', () => {
  const MARKS = ['-A -f 4294967295', '-A -f 3', '-A -f 3 -6'];
  const SERVICES = ['-A -t 192.168.0.1:80', '-A -t 10.0.0.1:80', '-A -u 9.0.0.1:80', '-A -t [fd00::1]:80', '-A -t [1::1]:80'];
  const names = (out: string): string[] =>
    out
      .split('\n')
      .slice(3, -1)
      .map((line) => line.replace(/ wlc$/, ''));

  test('is by unsigned value', async () => {
    const director = await directorAfter(...MARKS, ...SERVICES);
    expect(names((await run('-Ln', director)).out)).toEqual([
      ...['TCP  10.0.0.1:80', 'TCP  192.168.0.1:80', 'UDP  9.0.0.1:80', 'TCP  [1::1]:80', 'TCP  [fd00::1]:80'],
      ...['FWM  3', 'FWM  3 IPv6', 'FWM  4294967295'],
    ]);
  });

  test('with --compat it is by the difference in 32 bits, and marks have a sign', async () => {
    const director = await directorAfter(...MARKS, ...SERVICES);
    expect(names((await run('-Ln --compat', director)).out)).toEqual([
      'FWM  -1',
      ...['TCP  192.168.0.1:80', 'TCP  10.0.0.1:80', 'UDP  9.0.0.1:80', 'TCP  [fd00::1]:80', 'TCP  [1::1]:80'],
      ...['FWM  3', 'FWM  3 IPv6'],
    ]);
    expect((await run('-Sn', director)).out).toContain('-A -f 4294967295 -s wlc\n');
    expect((await run('-Sn --compat', director)).out).toContain('-A -f -1 -s wlc\n');
  });

  test('of real servers: by address and port; with --nosort the one added last comes first', async () => {
    const servers = ['10.0.0.3:81', '10.0.0.3:80', '192.168.0.1:80', '10.0.0.12:80'];
    const director = await directorAfter('-A -t 10.0.0.1:80', ...servers.map((name) => `-a -t 10.0.0.1:80 -r ${name} -m`));
    const listed = async (line: string): Promise<string[]> =>
      [...(await run(line, director)).out.matchAll(/-> (\d\S+)/g)].map(([, name]) => name!);
    expect(await listed('-Ln')).toEqual(['10.0.0.3:80', '10.0.0.3:81', '10.0.0.12:80', '192.168.0.1:80']);
    expect(await listed('-Ln --nosort')).toEqual(servers.toReversed());
  });
});

test('a full-NAT server is listed and saved by its name, and keeps its own port', async () => {
  const director = await directorAfter('-A -t 10.0.0.1:80', '-a -t 10.0.0.1:80 -r 10.0.0.2:8080 --fullnat -w 3');
  expect((await run('-Ln', director)).out).toContain('  -> 10.0.0.2:8080                FullNat 3      0          0         \n');
  expect((await run('-Sn', director)).out).toContain('-a -t 10.0.0.1:80 -r 10.0.0.2:8080 --fullnat -w 3\n');
});

test('a flag without a name is not shown; with --compat its place is', async () => {
  const director = await directorAfter('-A -t 10.0.0.1:80 -s sh -b flag-3');
  expect((await run('-Ln', director)).out).toMatch(/ sh\n$/);
  expect((await run('-Ln --compat', director)).out).toMatch(/ sh \(\)\n$/);
});

describe('names', () => {
  const NAMES = { '10.0.0.1': 'vip', '80 tcp': 'http', '80 udp': 'www', '10.0.0.2': 'a-name-of-twenty-six-chars' };

  test('are asked for unless -n is given; a service behind a mark has none for its ports', async () => {
    const director = await directorAfter(
      '-A -t 10.0.0.1:80',
      '-a -t 10.0.0.1:80 -r 10.0.0.2',
      '-A -f 1',
      '-a -f 1 -r 10.0.0.2:80',
    );
    expect((await run('-L', director, { names: NAMES })).out.split('\n').slice(3)).toEqual([
      'TCP  vip:http wlc',
      '  -> a-name-of-twenty-six-chars:h Route   1      0          0         ',
      'FWM  1 wlc',
      '  -> a-name-of-twenty-six-chars:8 Route   1      0          0         ',
      '',
    ]);
    expect((await run('-Ln', director, { names: NAMES })).out).not.toContain('vip');
    expect((await run('-S', director, { names: NAMES })).out).toContain('-r a-name-of-twenty-six-chars:http -g');
  });
});

describe('connections', () => {
  const CONNECTION: ListedConnection = {
    ...{ protocol: 'UDP', state: 'UDP', expiresSeconds: 36_061 },
    ...{ client: endpoint('10.9.0.1', 999), virtual: endpoint('10.0.0.1', 80), destination: endpoint('10.0.0.2', 80) },
  };

  test('hours are minutes, and the data of an engine stands where --persistent-conn has its columns', async () => {
    const director = new FakeDirector();
    director.slices.push([CONNECTION, { ...CONNECTION, engine: { name: 'sip', data: 'a-call@host' } }]);
    expect((await run('-Lnc --persistent-conn', director)).out.split('\n').slice(1)).toEqual([
      'pro expire state       source             virtual            destination        pe name          pe_data',
      'UDP 601:01 UDP         10.9.0.1:999       10.0.0.1:80        10.0.0.2:80',
      'UDP 601:01 UDP         10.9.0.1:999       10.0.0.1:80        10.0.0.2:80      sip                a-call@host',
      '',
    ]);
  });

  test('are written slice by slice, as they come', async () => {
    const director = new FakeDirector();
    for (let i = 0; i < 50; i++) director.slices.push(i % 2 === 0 ? [CONNECTION, CONNECTION] : []);
    const { out, pieces } = await run('-Lnc', director);
    expect(out.split('\n')).toHaveLength(2 + 50 + 1);
    expect(pieces).toBe(1 + 25);
    expect(JSON.parse((await run('-Lc --json', director)).out).connections).toHaveLength(50);
  });
});

describe('--json', () => {
  test('services with everything there is to say, in numbers', async () => {
    const director = await directorAfter('-A -u 10.0.0.1:53 -s sh -b sh-port -p 60 -M 255.255.0.0 -o', '-A -f 7 -6');
    await run('-a -u 10.0.0.1:53 -r 10.0.0.2 -i --tun-type gue --tun-port 6080 -x 9', director);
    director.shown.set('10.0.0.2:53', { activeConnections: 3, traffic: { ...NO_TRAFFIC, inBytes: 1e12 } });
    const parsed = JSON.parse((await run('-L --json', director, { names: { '10.0.0.1': 'vip' } })).out);
    expect(parsed.tableSize).toBe(4096);
    expect(parsed.services[0]).toMatchObject({
      ...{ protocol: 'udp', address: '10.0.0.1', port: 53, scheduler: 'sh', schedulerFlags: ['sh-port'], onePacket: true },
      ...{ persistenceSeconds: 60, persistenceMask: '255.255.0.0', persistenceEngine: null },
      servers: [
        {
          ...{ address: '10.0.0.2', port: 53, method: 'tunnel', weight: 1, upperThreshold: 9, lowerThreshold: 0 },
          tunnel: { type: 'gue', port: 6080, checksum: 'none' },
          ...{ activeConnections: 3, inactiveConnections: 0, persistentClients: 0 },
          traffic: { connections: 0, inPackets: 0, outPackets: 0, inBytes: 1e12, outBytes: 0 },
        },
      ],
    });
    expect(parsed.services[1]).toMatchObject({ firewallMark: 7, family: 'v6', servers: [] });
    expect(Object.keys(JSON.parse((await run('-L -f 7 -6 --json', director)).out))).toEqual(['services']);
  });

  test('timeouts, daemons, no connections', async () => {
    const director = await directorAfter('--start-daemon backup --syncid 5');
    expect(JSON.parse((await run('-L --timeout --json', director)).out)).toEqual({
      timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
    });
    expect(JSON.parse((await run('-L --daemon --json', director)).out)).toEqual({
      daemons: [{ role: 'backup', interface: 'eth0', syncId: 5, maxBytes: 1472, group: '224.0.0.81', port: 8848, ttl: 1 }],
    });
    expect(JSON.parse((await run('-Lc --json', director)).out)).toEqual({ connections: [] });
  });
});

test('a service that does not exist is said to be missing, and nothing is listed', async () => {
  expect(await run('-Ln -t 10.0.0.1:80', new FakeDirector())).toEqual({
    exitCode: 1,
    out: '',
    err: 'No such service\n',
    pieces: 0,
  });
});

test('the help names every option and every scheduler that there is', async () => {
  const { out, exitCode } = await run('-h', new FakeDirector());
  expect(exitCode).toBe(0);
  const known = new Set(out.match(/(?<=[\s|[])--?[A-Za-z0-9][\w-]*/g));
  const wanted = WORDS.flatMap(({ long, short }) => [`--${long}`, ...(short === '' ? [] : [`-${short}`])]);
  // The lower-case letter of -L stands behind a bar.
  expect(wanted.filter((word) => !known.has(word) && word !== '-l')).toEqual([]);
  expect(out.split('\n').filter((line) => line.length > 120 || line !== line.trimEnd())).toEqual([]);
  expect(SCHEDULERS.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(out))).toEqual([]);
});

test('the version is ipvsadm’s own line for whoever calls it so', () => {
  expect(versionLine('ipvsadm')).toBe('ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n');
  expect(versionLine('uvsadm')).toMatch(/^uvsadm .*ipvsadm v1\.31/);
});
