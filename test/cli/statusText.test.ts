import { describe, expect, test } from 'vitest';
import { loadCounterFacts } from '../../src/cli/counterFacts.ts';
import { bigNumber, durationText, statusText } from '../../src/cli/statusText.ts';
import type { DataPlaneStatus, DirectorStatus } from '../../src/control/directorStatus.ts';

const NO_TRAFFIC = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };
const SETTINGS = { scheduler: 'wlc', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };

function status(dataPlane: Partial<DataPlaneStatus>): DirectorStatus {
  const connections = { count: 3, capacity: 1024, list: [] };
  const empty = { ports: [], services: [], connections, traffic: NO_TRAFFIC, rates: NO_TRAFFIC, counters: {} };
  return { version: '0.1.0', pid: 7, configFile: 'web.yaml', uptimeSeconds: 65, dataPlane: { ...empty, ...dataPlane } };
}

function lines(dataPlane: Partial<DataPlaneStatus>): string[] {
  return statusText(status(dataPlane), (name) => ({ isDrop: name.startsWith('no'), sentence: `Says what ${name} means.` })).split(
    '\n',
  );
}

function server(address: string, changes: object = {}) {
  return {
    key: { address, port: 80 },
    settings: { method: 'route', weight: 1, upperThreshold: 0, lowerThreshold: 0 },
    activeConnections: 0,
    inactiveConnections: 0,
    persistentClients: 0,
    overloaded: false,
    nextHop: '02:00:00:00:00:01',
    traffic: NO_TRAFFIC,
    rates: NO_TRAFFIC,
    ...changes,
  } as const;
}

test.each([
  [0, '0'],
  [99_999_999, '99999999'],
  [100_000_000, '100000K'],
  [999_999_999, '999999K'],
  [1_000_000_000, '1000M'],
  [100_000_000_000, '100G'],
  [1_234_567_890_123_456, '1234T'],
])('%i is shown as %s, like ipvsadm does', (value, text) => expect(bigNumber(value)).toBe(text));

test.each([
  [59, '59s'],
  [65, '1m 05s'],
  [3725, '1h 02m'],
  [4 * 86_400 + 3600, '4d 01h'],
])('%i seconds are %s', (seconds, text) => expect(durationText(seconds)).toBe(text));

describe('the status', () => {
  test('begins with the director', () => expect(lines({})[0]).toBe('UVS 0.1.0, process 7, up 1m 05s, 3 of 1024 connections'));

  test('shows each of several workers, and where one is pinned', () => {
    const workers = [
      { cpu: 2, connections: 1200, frames: 340 },
      { cpu: null, connections: 7, frames: 1_234_567_890 },
    ];
    const shown = lines({ workers });
    const title = shown.indexOf('Worker  CPU  Connections  Frames');
    expect(shown.slice(title + 1, title + 3)).toEqual(['0       2           1200     340', '1       any            7   1234M']);
    expect(lines({ workers: workers.slice(0, 1) })).toContain('0       2           1200     340');
    expect(lines({ workers: workers.slice(1) }).join()).not.toContain('Worker');
  });

  test('says that there are no services', () => expect(lines({})).toContain('No services.'));

  test('has a line for each service and each real server', () => {
    const traffic = { connections: 12, inPackets: 340, outPackets: 0, inBytes: 1_234_567_890, outBytes: 0 };
    const services: DataPlaneStatus['services'] = [
      {
        key: { protocol: 'tcp', address: '10.0.0.100', port: 80 },
        settings: SETTINGS,
        traffic,
        rates: NO_TRAFFIC,
        destinations: [
          server('10.0.0.12', { activeConnections: 5, inactiveConnections: 1234, traffic }),
          server('10.0.0.11', { nextHop: null, settings: { method: 'masq', weight: 0, upperThreshold: 0, lowerThreshold: 0 } }),
        ],
      },
      {
        key: { protocol: 'udp', address: '2001:db8::100', port: 53 },
        settings: { ...SETTINGS, scheduler: 'sh', schedulerFlags: ['sh-fallback', 'sh-port'], onePacket: true },
        traffic: NO_TRAFFIC,
        rates: NO_TRAFFIC,
        destinations: [server('2001:db8::1', { overloaded: true })],
      },
    ];
    expect(lines({ services }).slice(2, 9)).toEqual([
      'Prot LocalAddress:Port Scheduler Flags',
      '  -> RemoteAddress:Port  Forward  Weight  ActiveConn  InActConn  Conns  InPkts  OutPkts  InBytes  OutBytes  NextHop',
      'TCP  10.0.0.100:80 wlc                                              12     340        0    1234M         0',
      '  -> 10.0.0.12:80        Route         1           5       1234     12     340        0    1234M         0  02:00:00:00:00:01',
      '  -> 10.0.0.11:80        Masq          0           0          0      0       0        0        0         0  unresolved, quiesced',
      'UDP  [2001:db8::100]:53 sh (sh-fallback,sh-port) ops                 0       0        0        0         0',
      '  -> [2001:db8::1]:80    Route         1           0          0      0       0        0        0         0  02:00:00:00:00:01, overloaded',
    ]);
  });

  test('has a line for each interface, with what it moved', () => {
    const ports = [{ name: 'eth0', io: 'xdp', mode: 'native, copy', counters: { received: 5, transmitted: 0 } }] as const;
    expect(lines({ ports }).slice(-4, -2)).toEqual([
      'Interface  I/O                 Frames',
      'eth0       xdp (native, copy)  received 5',
    ]);
  });

  test('lists connections when it has them', () => {
    const connection = {
      protocol: 'tcp',
      state: 'ESTABLISHED',
      expiresSeconds: 897,
      client: '10.0.0.5:4000',
      virtual: '10.0.0.100:80',
    };
    const connections = { count: 1, capacity: 1024, list: [{ ...connection, destination: '10.0.0.11:80' }] };
    expect(lines({ connections })).toContain('TCP   14:57   ESTABLISHED  10.0.0.5:4000  10.0.0.100:80  10.0.0.11:80');
  });

  test('says why frames were dropped', () => {
    expect(lines({ counters: { received: 9, noDestination: 2, connectionsCreated: 0 } }).slice(-4)).toEqual([
      'Frames: received 9',
      '',
      'Dropped:',
      '  noDestination  2  Says what noDestination means.',
    ]);
  });

  test('says that none was', () => expect(lines({ counters: { received: 9 } }).at(-1)).toBe('No frame was dropped.'));
});

test('the sentences of counters are those of the document', () => {
  const factsOf = loadCounterFacts();
  expect(factsOf('noDestination')).toEqual({ isDrop: true, sentence: expect.stringMatching(/^No real server .*\.$/) });
  expect(factsOf('received').isDrop).toBe(false);
  expect(factsOf('unheardOf')).toEqual({ isDrop: false, sentence: '' });
});
