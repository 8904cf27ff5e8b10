import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { Family, ForwardingMethod, NONE } from '../../src/base/terms.ts';
import type { DestinationSettings, NextHop, ServiceSettings } from '../../src/table/actions.ts';
import { Tables } from '../../src/table/tables.ts';

const SERVICE: ServiceSettings = {
  scheduler: 'rr',
  schedulerFlags: [],
  onePacket: false,
  persistenceSeconds: 0,
  persistencePrefix: 32,
};
const ROUTE: DestinationSettings = { method: 'route', weight: 1, upperThreshold: 0, lowerThreshold: 0 };

function tablesWithService(destinations = 8): { tables: Tables; service: number } {
  const tables = new Tables({ connections: 8, services: 4, destinations }, 1);
  return { tables, service: tables.services.add({ protocol: 'tcp', address: '192.0.2.1', port: 80 }, SERVICE) };
}

function listOf({ destinations }: Tables, service: number): string[] {
  const names: string[] = [];
  for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) names.push(destinations.key(d).address);
  return names;
}

function add({ destinations }: Tables, service: number, text: string, settings: Partial<DestinationSettings> = {}): number {
  return destinations.add(service, address(text), 80, { ...ROUTE, ...settings });
}

describe('the list of a service', () => {
  test('has the newest first; removing and adding again moves to the head', () => {
    const { tables, service } = tablesWithService();
    for (const server of ['10.0.1.1', '10.0.1.2', '10.0.1.3']) add(tables, service, server);
    expect(listOf(tables, service)).toEqual(['10.0.1.3', '10.0.1.2', '10.0.1.1']);
    tables.destinations.remove(tables.destinations.find(service, address('10.0.1.2'), 80));
    expect(listOf(tables, service)).toEqual(['10.0.1.3', '10.0.1.1']);
    add(tables, service, '10.0.1.2');
    expect(listOf(tables, service)).toEqual(['10.0.1.2', '10.0.1.3', '10.0.1.1']);
    expect(tables.destinations.count).toBe(3);
  });

  test('is a list of its own for each service', () => {
    const { tables, service } = tablesWithService();
    const other = tables.services.add({ protocol: 'udp', address: '192.0.2.1', port: 80 }, SERVICE);
    const [d, e] = [add(tables, service, '10.0.1.1'), add(tables, other, '10.0.1.1')];
    expect([tables.destinations.first(service), tables.destinations.first(other)]).toEqual([d, e]);
    expect([tables.destinations.service(d), tables.destinations.service(e)]).toEqual([service, other]);
  });

  test('two ports of one address are two destinations', () => {
    const { tables, service } = tablesWithService();
    const d = tables.destinations.add(service, address('10.0.1.1'), 81, ROUTE);
    expect(tables.destinations.find(service, address('10.0.1.1'), 80)).toBe(NONE);
    expect(tables.destinations.find(service, address('10.0.1.1'), 81)).toBe(d);
  });
});

test('the last weight is the latest that was not 0, or the first', () => {
  const { tables, service } = tablesWithService();
  const d = add(tables, service, '10.0.1.1', { weight: 4 });
  const weights = [0, 7, 0].map((weight) => {
    tables.destinations.edit(d, { ...ROUTE, weight });
    return [tables.destinations.weight(d), tables.destinations.lastWeight(d)];
  });
  expect(weights).toEqual([
    [0, 4],
    [7, 7],
    [0, 7],
  ]);
  expect(tables.destinations.lastWeight(add(tables, service, '10.0.1.2', { weight: 0 }))).toBe(0);
});

describe('overload', () => {
  /** Binds (+) or unbinds (-) one connection after another; `!` after those that leave the destination overloaded. */
  function walk(steps: string, settings: Partial<DestinationSettings>): string {
    const { tables, service } = tablesWithService();
    const d = add(tables, service, '10.0.1.1', settings);
    return [...steps]
      .map((step) => {
        if (step === '+') tables.destinations.bind(d);
        else tables.destinations.unbind(d, false);
        return step + (tables.destinations.overloaded(d) ? '!' : '');
      })
      .join('');
  }

  test.each([
    ['begins with the connection that reaches the upper threshold', { upperThreshold: 3 }, '++++', '+++!+!'],
    ['ends below three quarters of it', { upperThreshold: 8 }, '++++++++---', '++++++++!-!-!-'],
    ['ends below the lower threshold, when there is one', { upperThreshold: 4, lowerThreshold: 2 }, '++++---', '++++!-!-!-'],
    ['begins again only at the upper threshold', { upperThreshold: 4, lowerThreshold: 3 }, '++++--++', '++++!-!-++!'],
    ['never comes without an upper threshold', {}, '++++----', '++++----'],
  ])('%s', (_name, settings, steps, result) => {
    expect(walk(steps, settings)).toBe(result);
  });

  test.each([
    ['lowering the upper threshold to the connections there are begins it', { upperThreshold: 9 }, { upperThreshold: 4 }, true],
    ['raising it out of reach ends it', { upperThreshold: 4 }, { upperThreshold: 8 }, false],
    ['raising it a little does not', { upperThreshold: 4 }, { upperThreshold: 5 }, true],
    ['taking it away ends it', { upperThreshold: 4 }, { upperThreshold: 0 }, false],
  ])('%s', (_name, before, after, overloaded) => {
    const { tables, service } = tablesWithService();
    const d = add(tables, service, '10.0.1.1', before);
    for (let i = 0; i < 4; i++) tables.destinations.bind(d);
    tables.destinations.edit(d, { ...ROUTE, ...after });
    expect(tables.destinations.overloaded(d)).toBe(overloaded);
  });

  test('templates do not count', () => {
    const { tables, service } = tablesWithService();
    const d = add(tables, service, '10.0.1.1', { upperThreshold: 1 });
    tables.destinations.bindTemplate(d);
    expect([tables.destinations.overloaded(d), tables.destinations.templates(d), tables.destinations.total(d)]).toEqual([
      false,
      1,
      0,
    ]);
  });
});

test('connections are active or inactive', () => {
  const { tables, service } = tablesWithService();
  const d = add(tables, service, '10.0.1.1');
  const counts = () => [tables.destinations.active(d), tables.destinations.inactive(d)];
  tables.destinations.bind(d);
  tables.destinations.bind(d, true);
  expect(counts()).toEqual([1, 1]);
  tables.destinations.setActive(d, true);
  expect(counts()).toEqual([2, 0]);
  tables.destinations.unbind(d, true);
  tables.destinations.setActive(d, false);
  expect(counts()).toEqual([0, 1]);
});

describe('a removed destination', () => {
  test('comes back in its row, with its connections and counters', () => {
    const { tables, service } = tablesWithService();
    const d = add(tables, service, '10.0.1.1', { upperThreshold: 1 });
    tables.destinations.bind(d, true);
    tables.traffic.addIn(service, d, 100);
    tables.destinations.remove(d);
    expect([tables.destinations.available(d), tables.destinations.references(d)]).toEqual([false, 1]);
    expect(add(tables, service, '10.0.1.1')).toBe(d);
    expect([tables.destinations.available(d), tables.destinations.active(d)]).toEqual([true, 1]);
    expect(tables.destinations.overloaded(d)).toBe(false);
    expect(tables.traffic.ofDestination(d).inBytes).toBe(100);
  });

  test('comes back with counters at zero when its service is another of the same name', () => {
    const { tables, service } = tablesWithService();
    const d = add(tables, service, '10.0.1.1');
    tables.destinations.bind(d);
    tables.traffic.addIn(service, d, 100);
    tables.destinations.remove(d);
    const key = tables.services.key(service);
    tables.services.remove(service);
    tables.services.add({ protocol: 'tcp', address: '192.0.2.9', port: 80 }, SERVICE);
    const again = tables.services.add(key, SERVICE);
    expect(add(tables, again, '10.0.1.1')).toBe(d);
    expect([tables.destinations.service(d), tables.destinations.total(d)]).toEqual([again, 1]);
    expect(tables.traffic.ofDestination(d).inBytes).toBe(0);
  });

  test('is another one under another port, or in another service', () => {
    const { tables, service } = tablesWithService();
    const other = tables.services.add({ protocol: 'udp', address: '192.0.2.1', port: 80 }, SERVICE);
    const d = add(tables, service, '10.0.1.1');
    tables.destinations.bind(d);
    tables.destinations.remove(d);
    expect(tables.destinations.add(service, address('10.0.1.1'), 81, ROUTE)).not.toBe(d);
    expect(add(tables, other, '10.0.1.1')).not.toBe(d);
  });

  test('gives up its row only when no connection refers to it', () => {
    const { tables, service } = tablesWithService(1);
    const d = add(tables, service, '10.0.1.1');
    tables.destinations.bind(d);
    tables.destinations.remove(d);
    expect([tables.destinations.room, add(tables, service, '10.0.1.2')]).toEqual([0, NONE]);
    tables.destinations.unbind(d, false);
    expect([tables.destinations.room, add(tables, service, '10.0.1.2')]).toEqual([1, d]);
  });

  test('is forgotten two minutes after it was first seen without connections', () => {
    const { tables, service } = tablesWithService();
    const d = add(tables, service, '10.0.1.1');
    tables.traffic.addIn(service, d, 100);
    tables.destinations.remove(d);
    for (const tick of [0, 600, 1199]) tables.destinations.sweepTrash(tick);
    expect(tables.traffic.ofDestination(add(tables, service, '10.0.1.1')).inBytes).toBe(100);
    tables.destinations.remove(d);
    for (const tick of [2000, 2600, 3200]) tables.destinations.sweepTrash(tick);
    expect(tables.traffic.ofDestination(add(tables, service, '10.0.1.1')).inBytes).toBe(0);
  });
});

describe('a next hop', () => {
  const HOP: NextHop = { address: '10.0.1.1', port: 2, mac: '02:00:00:00:01:01', source: '10.0.1.254', mtu: 1400 };

  test('is that of every destination with the address, those added later too', () => {
    const { tables, service } = tablesWithService();
    const early = add(tables, service, '10.0.1.1');
    const stranger = add(tables, service, '10.0.1.2');
    tables.destinations.setNextHop(HOP);
    const late = tables.destinations.add(service, address('10.0.1.1'), 81, ROUTE);
    for (const d of [early, late]) {
      expect([tables.destinations.resolved(d), tables.destinations.nextHopPort(d), tables.destinations.nextHopMtu(d)]).toEqual([
        true,
        2,
        1400,
      ]);
      expect([tables.destinations.nextHopMacHigh(d), tables.destinations.nextHopMacLow(d)]).toEqual([0x0200, 0x00000101]);
      expect(tables.destinations.tunnelSourceWord(d, 3)).toBe(0x0a0001fe);
    }
    expect([tables.destinations.resolved(stranger), tables.destinations.nextHopPort(stranger)]).toEqual([false, NONE]);
  });

  test('is unresolved again when its MAC address is lost', () => {
    const { tables, service } = tablesWithService();
    const d = add(tables, service, '10.0.1.1');
    tables.destinations.setNextHop(HOP);
    tables.destinations.setNextHop({ ...HOP, mac: null });
    expect([tables.destinations.resolved(d), tables.destinations.nextHopPort(d)]).toEqual([false, 2]);
  });
});

test('everything that is written is read back', () => {
  const { tables, service } = tablesWithService();
  const settings: DestinationSettings = { method: 'tunnel', weight: 5, upperThreshold: 9, lowerThreshold: 3 };
  const d = tables.destinations.add(service, address('2001:db8::1'), 8080, settings);
  const { destinations } = tables;
  expect(destinations.settings(d)).toEqual(settings);
  expect(destinations.key(d)).toEqual({ address: '2001:db8::1', port: 8080 });
  expect([destinations.family(d), destinations.method(d), destinations.port(d)]).toEqual([
    Family.v6,
    ForwardingMethod.tunnel,
    8080,
  ]);
  expect([destinations.upperThreshold(d), destinations.lowerThreshold(d)]).toEqual([9, 3]);
});
