/** Commands of uvsadm on the control side: what becomes of them in the tables, in the log and for the person. */
import { beforeEach, describe, expect, test } from 'vitest';
import { UvsError } from '../../src/base/errors.ts';
import { Control } from '../../src/control/control.ts';
import type { Log } from '../../src/control/log.ts';
import { UvsadmControl } from '../../src/control/uvsadmControl.ts';
import { Refusal } from '../../src/uvsadm/command.ts';
import { parseCommand } from '../../src/uvsadm/parseCommand.ts';
import { isTableCommand, type TableCommand } from '../../src/uvsadm/toActions.ts';
import { NO_NAMES } from '../../src/uvsadm/values.ts';
import { FakeNetwork, ManualWaits, route } from '../network/fakeNetwork.ts';
import { FakeDataPlane } from './fakeDataPlane.ts';

let network: FakeNetwork;
let waits: ManualWaits;
let dataPlane: FakeDataPlane;
let logged: string[];
let control: Control;
let uvsadm: UvsadmControl;

beforeEach(() => {
  network = new FakeNetwork();
  network.routes.set('10.0.0.2', route(2)).set('10.0.0.3', route(2));
  network.neighbours.set('10.0.0.2 2', '02:00:00:00:00:02');
  waits = new ManualWaits();
  dataPlane = new FakeDataPlane();
  logged = [];
  const line = (level: string) => (_facts: object, message: string) => logged.push(`${level} ${message}`);
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const links = network.linkList.filter(({ isLoopback }) => !isLoopback);
  control = new Control({ dataPlane, network, links, localAddresses: ['10.0.0.1'], wait: waits.wait, log });
  uvsadm = new UvsadmControl({ control, network, knowsScheduler: (name) => name === 'rr', tableSize: 4096, log });
});

function command(line: string): TableCommand {
  const parsed = parseCommand(line.split(' '), { program: 'ipvsadm', names: NO_NAMES });
  if (parsed instanceof Refusal || !isTableCommand(parsed)) throw new Error(line);
  return parsed;
}

/** What each line was refused with. */
async function run(...lines: string[]): Promise<(string | undefined)[]> {
  return (await uvsadm.change(lines.map(command))).map((refusal) => refusal?.message);
}

describe('commands of uvsadm', () => {
  test('change the tables, and each change is logged', async () => {
    expect(await run('-A -t 10.0.0.9:80 -s rr -p 20', '-a -t 10.0.0.9:80 -r 10.0.0.2 -g -w 3')).toEqual([undefined, undefined]);
    expect(dataPlane.lines).toEqual([
      'addService tcp 10.0.0.9:80 rr',
      'addDestination tcp 10.0.0.9:80 -> 10.0.0.2:80 route 3',
      'setNextHop 10.0.0.2 port 0 02:00:00:00:00:02',
    ]);
    expect(logged).toEqual(dataPlane.lines.map((line) => `info ${line}`));
    expect(control.running).toEqual(dataPlane.tables);
  });

  test.each([
    ['-A -t 10.0.0.9:80 -s rr', 'Service already exists'],
    ['-A -t 10.0.0.9:81 -s wrrr', 'Scheduler or persistence engine not found'],
    ['-E -t 10.0.0.9:81 -s rr', 'No such service'],
    ['-a -t 10.0.0.9:80 -r 10.0.0.2', 'Destination already exists'],
    ['-d -t 10.0.0.9:80 -r 10.0.0.3', 'No such destination'],
    ['-e -t 10.0.0.9:81 -r 10.0.0.2', 'Service not defined'],
  ])('%s is refused as the kernel does', async (line, message) => {
    await run('-A -t 10.0.0.9:80 -s rr', '-a -t 10.0.0.9:80 -r 10.0.0.2');
    const before = dataPlane.lines.length;
    expect(await run(line)).toEqual([message]);
    expect(dataPlane.lines).toHaveLength(before);
  });

  test('of several that come together each is judged by what the others leave', async () => {
    const lines = ['-a -t 10.0.0.9:80 -r 10.0.0.2', '-A -t 10.0.0.9:80 -s rr', '-a -t 10.0.0.9:80 -r 10.0.0.2', '-C', '-C'];
    expect(await run(...lines)).toEqual(['Service not defined', undefined, undefined, undefined, undefined]);
    expect(dataPlane.tables.services).toEqual([]);
  });

  test('that find no room are refused in the words of the kernel; the log has the reason', async () => {
    dataPlane.apply = () => Promise.reject(new UvsError('CAPACITY_EXCEEDED', 'no room for it'));
    expect(await run('-A -t 10.0.0.9:80 -s rr')).toEqual(['Memory allocation problem']);
    expect(logged).toEqual(['error a command of uvsadm was refused: no room for it']);
  });

  test('that add a real server wait for its next hop, but not for ever', async () => {
    const added = run('-A -t 10.0.0.9:80 -s rr', '-a -t 10.0.0.9:80 -r 10.0.0.3');
    await waits.advance(99);
    expect(await Promise.race([added, 'still waiting'])).toBe('still waiting');
    await waits.advance(1);
    expect(await added).toEqual([undefined, undefined]);
    expect(dataPlane.tables.services[0]?.destinations).toHaveLength(1);
  });

  test('warn of a service by a mark that no rule gives', async () => {
    await run('-A -f 7 -s rr');
    expect(logged.at(-1)).toBe('warn no classification rule gives the mark of fwmark 7: nothing will come to it');
  });

  test('set timeouts, which are listed at once', async () => {
    await run('--set 0 5 60');
    expect(await uvsadm.timeouts()).toEqual({ tcp: 900, tcpFin: 5, udp: 60 });
  });
});

describe('the synchronisation daemon', () => {
  const options = {
    role: 'master' as const,
    interface: 'eth0',
    syncId: 5,
    maxBytes: undefined,
    group: undefined,
    port: undefined,
    ttl: undefined,
  };

  test('is listed, and the log says once that nothing is sent', async () => {
    expect(await uvsadm.startDaemon(options)).toBeUndefined();
    expect(await uvsadm.startDaemon({ ...options, role: 'backup' })).toBeUndefined();
    expect((await uvsadm.daemons()).map(({ role, syncId }) => [role, syncId])).toEqual([
      ['master', 5],
      ['backup', 5],
    ]);
    expect(logged.filter((line) => line.startsWith('warn'))).toHaveLength(1);
  });

  test('needs an interface of the host', async () => {
    expect((await uvsadm.startDaemon({ ...options, interface: 'eth7' }))?.message).toBe('No such device');
    expect(await uvsadm.daemons()).toEqual([]);
  });

  test('ends once', async () => {
    await uvsadm.startDaemon(options);
    expect(await uvsadm.stopDaemon('master', 0)).toBeUndefined();
    expect((await uvsadm.stopDaemon('master', 0))?.message).toBe('No daemon is running');
  });
});
