import { describe, expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import type { ServiceKey, ServiceSettings } from '../../src/table/actions.ts';
import { ServiceFlag, ServiceTable } from '../../src/table/services.ts';
import { flowKey } from '../support/miniDirector.ts';

const SETTINGS: ServiceSettings = {
  scheduler: 'rr',
  schedulerFlags: [],
  onePacket: false,
  persistenceSeconds: 0,
  persistencePrefix: 32,
};

/** `tcp 192.0.2.1:80`, `udp [2001:db8::1]:53`, `mark 7`, `mark 7 v6`. */
function keyOf(text: string): ServiceKey {
  const [kind, name, family] = text.split(' ');
  if (kind === 'mark') return { firewallMark: Number(name), family: family === 'v6' ? 'v6' : 'v4' };
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(name!)!;
  return { protocol: kind as 'tcp', address: address!, port: Number(port) };
}

describe('the service of a packet', () => {
  const CASES: readonly (readonly [string, readonly string[], protocol: 'tcp' | 'udp', target: string, mark: number, string])[] =
    [
      // name, services, packet, result
      ['exact', ['tcp 192.0.2.1:80'], 'tcp', '192.0.2.1:80', 0, 'tcp 192.0.2.1:80'],
      ['not of another protocol', ['tcp 192.0.2.1:80'], 'udp', '192.0.2.1:80', 0, 'none'],
      ['not of another address', ['tcp 192.0.2.1:80'], 'tcp', '192.0.2.2:80', 0, 'none'],
      ['not of another port', ['tcp 192.0.2.1:80'], 'tcp', '192.0.2.1:81', 0, 'none'],
      ['mark before exact', ['tcp 192.0.2.1:80', 'mark 7'], 'tcp', '192.0.2.1:80', 7, 'mark 7'],
      ['mark without service: exact', ['tcp 192.0.2.1:80', 'mark 7'], 'tcp', '192.0.2.1:80', 8, 'tcp 192.0.2.1:80'],
      ['no mark: exact', ['tcp 192.0.2.1:80', 'mark 7'], 'tcp', '192.0.2.1:80', 0, 'tcp 192.0.2.1:80'],
      ['mark of the other family', ['mark 7 v6'], 'tcp', '192.0.2.1:80', 7, 'none'],
      ['mark of its own family', ['mark 7', 'mark 7 v6'], 'tcp', '[2001:db8::1]:80', 7, 'mark 7 v6'],
      ['mark beyond int32', ['mark 4294967295'], 'tcp', '192.0.2.1:80', -1, 'mark 4294967295'],
      ['exact before FTP', ['tcp 192.0.2.1:21', 'tcp 192.0.2.1:2000'], 'tcp', '192.0.2.1:2000', 0, 'tcp 192.0.2.1:2000'],
      ['FTP for a passive data port', ['tcp 192.0.2.1:21'], 'tcp', '192.0.2.1:1024', 0, 'tcp 192.0.2.1:21'],
      ['FTP for its data port', ['tcp 192.0.2.1:21'], 'tcp', '192.0.2.1:20', 0, 'tcp 192.0.2.1:21'],
      ['FTP not for a privileged port', ['tcp 192.0.2.1:21'], 'tcp', '192.0.2.1:1023', 0, 'none'],
      ['FTP not for UDP', ['tcp 192.0.2.1:21'], 'udp', '192.0.2.1:2000', 0, 'none'],
      ['FTP before all ports', ['tcp 192.0.2.1:0', 'tcp 192.0.2.1:21'], 'tcp', '192.0.2.1:2000', 0, 'tcp 192.0.2.1:21'],
      ['all ports', ['tcp 192.0.2.1:0'], 'tcp', '192.0.2.1:443', 0, 'tcp 192.0.2.1:0'],
      ['exact before all ports', ['tcp 192.0.2.1:0', 'tcp 192.0.2.1:443'], 'tcp', '192.0.2.1:443', 0, 'tcp 192.0.2.1:443'],
      ['IPv6', ['tcp [2001:db8::1]:80'], 'tcp', '[2001:db8::1]:80', 0, 'tcp [2001:db8::1]:80'],
      ['IPv6 with other high words', ['tcp [2001:db8::1]:80'], 'tcp', '[2001:db9::1]:80', 0, 'none'],
    ];

  test.each(CASES)('%s', (_name, services, protocol, target, mark, result) => {
    const table = new ServiceTable(8);
    const names = new Map(services.map((text) => [table.add(keyOf(text), SETTINGS), text]));
    const client = target.startsWith('[') ? '[2001:db8:9::1]:1025' : '10.1.0.1:1025';
    expect(names.get(table.find(flowKey(protocol, client, target), mark)) ?? 'none').toBe(result);
  });

  test('an IPv4 lookup does not read the high words of the key', () => {
    const table = new ServiceTable(8);
    const service = table.add(keyOf('tcp 192.0.2.1:80'), SETTINGS);
    expect(table.find({ ...flowKey('tcp', '10.1.0.1:1025', '192.0.2.1:80'), target0: 5, target1: 6, target2: 7 }, 0)).toBe(
      service,
    );
  });
});

test('a removed service is not found, and its row is used again', () => {
  const table = new ServiceTable(2);
  const keys = ['tcp 192.0.2.1:21', 'tcp 192.0.2.2:80', 'tcp 192.0.2.3:80'].map(keyOf);
  const first = table.add(keys[0]!, SETTINGS);
  table.add(keys[1]!, SETTINGS);
  expect(table.add(keys[2]!, SETTINGS)).toBe(NONE);
  table.remove(first);
  expect([table.findKey(keys[0]!), table.count]).toEqual([NONE, 1]);
  expect(table.find(flowKey('tcp', '10.1.0.1:1025', '192.0.2.1:2000'), 0)).toBe(NONE);
  expect(table.add(keys[2]!, SETTINGS)).toBe(first);
});

test('many services are each found by their own name, whatever was removed', () => {
  const table = new ServiceTable(64);
  const keys = Array.from({ length: 64 }, (_, i) => keyOf(`tcp 192.0.2.${i % 8}:${80 + (i >> 3)}`));
  const services = keys.map((key) => table.add(key, SETTINGS));
  for (const [i, service] of services.entries()) if (i % 3 === 0) table.remove(service);
  expect(keys.map((key) => table.findKey(key))).toEqual(services.map((service, i) => (i % 3 === 0 ? NONE : service)));
});

test('one service however its address is written; generations differ', () => {
  const table = new ServiceTable(4);
  const key = keyOf('udp [2001:DB8:0::1]:53');
  const service = table.add(key, { ...SETTINGS, onePacket: true, persistenceSeconds: 60, persistencePrefix: 64 });
  const generation = table.generation(service);
  expect(table.findKey(keyOf('udp [2001:db8::1]:53'))).toBe(service);
  expect(table.identity(service)).toBe('udp [2001:db8::1]:53');
  expect([table.flags(service), table.onePacket(service)]).toEqual([ServiceFlag.persistent | ServiceFlag.onePacket, true]);
  expect([table.persistenceSeconds(service), table.persistencePrefix(service), table.port(service)]).toEqual([60, 64, 53]);
  table.remove(service);
  expect(table.generation(table.add(key, SETTINGS))).not.toBe(generation);
});
