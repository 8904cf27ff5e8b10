/** The life of a director on a fake data plane and a fake network; only its socket is real. */
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fetchStatus } from '../../src/api/statusClient.ts';
import { UvsError } from '../../src/base/errors.ts';
import { type DirectorOptions, runDirector } from '../../src/cli/runDirector.ts';
import { parseConfig } from '../../src/config/readConfig.ts';
import type { WorkerOptions } from '../../src/control/directorStatus.ts';
import type { Log } from '../../src/control/log.ts';
import { FakeDataPlane } from '../control/fakeDataPlane.ts';
import { FakeNetwork, link, route, settle } from '../network/fakeNetwork.ts';

const TEXT = 'services: [{address: tcp 10.0.0.100:80, realServers: [{address: 10.0.0.2}]}]';

class FakeSignals extends EventEmitter {
  exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

let folder: string;
let text: string;
let signals: FakeSignals;
let dataPlane: FakeDataPlane;
let network: FakeNetwork;
let started: WorkerOptions[];
let logged: string[];
let options: DirectorOptions;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uvs-run-'));
  text = TEXT;
  signals = new FakeSignals();
  dataPlane = new FakeDataPlane();
  network = new FakeNetwork();
  network.routes.set('10.0.0.100', route(2)).set('10.0.0.2', route(2));
  network.neighbours.set('10.0.0.2 2', '02:00:00:00:00:02');
  started = [];
  logged = [];
  const line = (level: string) => (_facts: object, message: string) => logged.push(`${level} ${message}`);
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const readConfig = () => parseConfig(text, 'test.yaml', { schedulers: ['wlc'] });
  options = {
    config: readConfig().config!,
    configFile: 'test.yaml',
    readConfig,
    io: 'auto',
    socketPath: join(folder, 'uvs.sock'),
    network,
    startDataPlane: async (asked) => {
      started.push(asked);
      return dataPlane;
    },
    log,
    version: '0.1.0',
    signals,
  };
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** Runs `meanwhile` when the director is ready, then ends it. @returns the exit code */
async function run(meanwhile: () => Promise<void>): Promise<number> {
  const ended = runDirector(options);
  await Promise.race([
    ended,
    vi.waitFor(() => expect(logged.some((line) => line.startsWith('info ready'))).toBe(true), { interval: 1 }),
  ]);
  await meanwhile();
  signals.emit('SIGTERM');
  return ended;
}

/** A command, as its client asks. @returns the lines of the answer */
async function uvsadm(...args: string[]): Promise<string> {
  const body = JSON.stringify({ program: 'ipvsadm', args });
  const socket = connect(options.socketPath);
  socket.write(`POST /v1/uvsadm HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const parts: string[] = await socket.setEncoding('utf8').toArray();
  return parts.join('').split('\r\n\r\n')[1] ?? '';
}

describe('a director', () => {
  test('is ready when services and next hops are in the data plane and its socket answers', async () => {
    const code = await run(async () => {
      expect(dataPlane.lines.at(-1)).toBe('setNextHop 10.0.0.2 port 0 02:00:00:00:00:02');
      expect((await fetchStatus(options.socketPath, 4)).dataPlane.connections.count).toBe(4);
    });
    expect([code, dataPlane.isStopped, network.watcherCount, logged.at(-1)]).toEqual([0, true, 0, 'info stopped']);
    expect(started[0]).toMatchObject({ interfaces: [{ name: 'eth0', io: 'packet' }], localAddresses: ['10.0.0.1'] });
  });

  test('applies the difference on SIGHUP', async () => {
    await run(async () => {
      text = TEXT.replace('10.0.0.2}', '10.0.0.2, weight: 5}');
      signals.emit('SIGHUP');
      await settle();
      expect(dataPlane.lines.at(-1)).toBe('editDestination tcp 10.0.0.100:80 -> 10.0.0.2:80 route 5');
    });
    expect(logged).toContain('info configuration read again: 1 action');
  });

  test('carries out commands of uvsadm; SIGHUP brings back what the file says', async () => {
    await run(async () => {
      const service = 'tcp 10.0.0.101:80 wlc';
      expect(await uvsadm('-A', '-t', '10.0.0.101:80')).toBe('{"exit":0}\n');
      expect(dataPlane.lines.at(-1)).toBe(`addService ${service}`);
      expect(await uvsadm('-A', '-t', '10.0.0.101:80', '-s', 'wrrr')).toBe('{"err":"Service already exists\\n"}\n{"exit":255}\n');
      signals.emit('SIGHUP');
      await settle();
      expect(dataPlane.lines.at(-1)).toBe('removeService tcp 10.0.0.101:80');
    });
  });

  test('without a configuration keeps on SIGHUP what uvsadm has made', async () => {
    options = { ...options, configFile: undefined };
    await run(async () => {
      await uvsadm('-A', '-t', '10.0.0.101:80');
      signals.emit('SIGHUP');
      await settle();
      expect(dataPlane.lines.at(-1)).toBe('addService tcp 10.0.0.101:80 wlc');
    });
    expect(logged).toContain('info there is no configuration to read again: services stay as uvsadm has made them');
  });

  test('changes nothing on SIGHUP when the file has faults, and tells them', async () => {
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await run(async () => {
      const before = dataPlane.lines.length;
      text = 'servces: []';
      signals.emit('SIGHUP');
      await settle();
      expect(dataPlane.lines).toHaveLength(before);
    });
    expect(told.mock.calls.join()).toContain('the configuration has no key "servces" [CONFIG_UNKNOWN_KEY]');
    expect(logged).toContain('error the configuration has 2 faults, nothing was changed');
  });

  test('lives on when the data plane refuses a reload', async () => {
    await run(async () => {
      text = 'services: []';
      dataPlane.refuseNext = 'no';
      signals.emit('SIGHUP');
      await settle();
    });
    expect(logged).toContain('error the configuration was not applied, nothing was changed: UvsError: no');
  });

  test('says that interfaces and limits wait for the next start', async () => {
    await run(async () => {
      text = `${TEXT}\nlimits: {services: 3}\ninterfaces: [eth1]`;
      signals.emit('SIGHUP');
      await settle();
    });
    expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
      'warn interfaces were changed in the configuration: that takes effect at the next start',
      'warn limits were changed in the configuration: that takes effect at the next start',
    ]);
  });

  test('is forced by a second signal', async () => {
    await run(async () => {
      signals.emit('SIGINT');
    });
    expect(signals.exits).toEqual([130]);
  });

  test('exits with 1 when its data plane dies', async () => {
    const ended = runDirector(options);
    await vi.waitFor(() => expect(logged.some((line) => line.startsWith('info ready'))).toBe(true), { interval: 1 });
    dataPlane.die(new Error('out of memory'));
    expect(await ended).toBe(1);
    expect(logged).toContain('error the data plane died: out of memory');
  });

  test('tries packet where xdp does not open', async () => {
    network.linkList[1] = link(2, 'eth0', { driver: 'ice' });
    const start = options.startDataPlane;
    options = {
      ...options,
      startDataPlane: async (asked) => {
        if (asked.interfaces[0]?.io !== 'xdp') return start(asked);
        throw new UvsError('PORT_OPEN_FAILED', 'eth0: no queue');
      },
    };
    await run(async () => {});
    expect(started.map(({ interfaces }) => interfaces)).toEqual([[{ name: 'eth0', io: 'packet' }]]);
    expect(logged).toContain('warn eth0: no queue; trying without xdp');
  });

  test('starts nothing beside a director that has its socket', async () => {
    await run(async () => {
      await expect(runDirector(options)).rejects.toMatchObject({ code: 'SOCKET_IN_USE' });
      expect(started).toHaveLength(1);
    });
  });

  test('stops its data plane when it cannot get ready', async () => {
    dataPlane.refuseNext = 'the table is full';
    await expect(runDirector(options)).rejects.toMatchObject({ code: 'CAPACITY_EXCEEDED' });
    expect([dataPlane.isStopped, network.watcherCount, signals.listenerCount('SIGTERM')]).toEqual([true, 0, 0]);
  });
});
