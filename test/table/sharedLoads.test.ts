import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { ManualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Family, NONE } from '../../src/base/terms.ts';
import { ScheduleRequest, type Scheduler } from '../../src/scheduler/contract.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import type { DestinationSettings } from '../../src/table/actions.ts';
import { ServiceDestinations } from '../../src/table/serviceDestinations.ts';
import { SharedLoads, sharedLoadBytes } from '../../src/table/sharedLoads.ts';
import { Tables } from '../../src/table/tables.ts';

const SERVERS = 3;
const WORKERS = 3;
const SERVICE = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const;
/** Those that keep nothing but what the list shows, so that what they choose depends on loads alone. */
const COMPARING = ['lc', 'wlc', 'sed', 'nq', 'ovf'] as const;

const settingsOf = (weight: number, upperThreshold = 0, lowerThreshold = 0): DestinationSettings => ({
  method: 'masq',
  weight,
  upperThreshold,
  lowerThreshold,
});

/** One director's tables with one service, and the scheduler in front of them. */
class Rig {
  readonly tables = new Tables({ connections: 256, services: 2, destinations: 8 }, 1);
  readonly scheduler: Scheduler;
  readonly service: number;
  /** By number of the server. */
  readonly servers: number[];

  constructor(name: string, servers: readonly DestinationSettings[], loads?: SharedLoads) {
    const { services, destinations } = this.tables;
    if (loads !== undefined) destinations.loads.share(loads);
    const settings = { scheduler: name, schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
    this.service = services.add(SERVICE, settings);
    const list = new ServiceDestinations(destinations, this.service);
    this.scheduler = findScheduler(name)!.create(list, {
      flags: [],
      family: Family.v4,
      random: new SeededRandom(1),
      clock: new ManualClock(),
      settings: { lblcExpirationSeconds: 86_400, lblcrExpirationSeconds: 86_400 },
    });
    this.servers = servers.map((each, i) => this.add(i, each, loads === undefined ? NONE : i));
  }

  add(server: number, settings: DestinationSettings, slot: number): number {
    const d = this.tables.destinations.add(this.service, address(`10.0.0.${1 + server}`), 80, settings);
    this.tables.destinations.loads.setSlot(d, slot);
    this.scheduler.added(d);
    return d;
  }

  edit(server: number, settings: DestinationSettings): void {
    this.tables.destinations.edit(this.servers[server]!, settings);
    this.scheduler.edited(this.servers[server]!);
  }

  /** Number of the chosen server. */
  pick(): number {
    return this.servers.indexOf(this.scheduler.pick(new ScheduleRequest()));
  }
}

function workers(name: string, servers: readonly DestinationSettings[], count = WORKERS): Rig[] {
  const buffer = new SharedArrayBuffer(sharedLoadBytes(SERVERS, count));
  return Array.from({ length: count }, (_, i) => new Rig(name, servers, new SharedLoads(buffer, SERVERS, count, i)));
}

const weights = fc.integer({ min: 0, max: 5 });
const thresholds = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 }));
const server = fc.tuple(weights, thresholds).map(([weight, [upper, lower]]) => settingsOf(weight, upper, Math.min(upper, lower)));
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('open' as const), worker: fc.nat(WORKERS - 1), isActive: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'turn' as const), which: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('edit' as const), server: fc.nat(SERVERS - 1), settings: server }) },
);

test.each(COMPARING)('%s: whichever worker gets a connection, it chooses as one director would', (name) => {
  fc.assert(
    fc.property(fc.tuple(server, server, server), fc.array(step, { maxLength: 80 }), (servers, steps) => {
      const one = new Rig(name, servers);
      const several = workers(name, servers);
      const open: { worker: number; server: number; isActive: boolean }[] = [];
      for (const each of steps) {
        if (each.kind === 'edit') for (const rig of [one, ...several]) rig.edit(each.server, each.settings);
        else if (each.kind === 'open') {
          const chosen = one.pick();
          expect(several.map((rig) => rig.pick())).toEqual(several.map(() => chosen));
          if (chosen === NONE) continue;
          open.push({ worker: each.worker, server: chosen, isActive: each.isActive });
          for (const rig of [one, several[each.worker]!]) rig.tables.destinations.bind(rig.servers[chosen]!, each.isActive);
        } else if (open.length > 0) {
          const at = each.which % open.length;
          const conn = open[at]!;
          const both = [one, several[conn.worker]!].map((rig) => [rig.tables.destinations, rig.servers[conn.server]!] as const);
          if (each.kind === 'turn') conn.isActive = !conn.isActive;
          else open.splice(at, 1);
          for (const [table, d] of both) {
            if (each.kind === 'turn') table.setActive(d, conn.isActive);
            else table.unbind(d, conn.isActive);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});

describe('a threshold of several workers', () => {
  test('holds when they choose one after the other', () => {
    const rigs = workers('wlc', [settingsOf(1, 10)]);
    let made = 0;
    for (let n = 0; n < 60; n++) {
      const rig = rigs[n % WORKERS]!;
      if (rig.pick() === NONE) continue;
      rig.tables.destinations.bind(rig.servers[0]!, true);
      made++;
    }
    expect(made).toBe(10);
  });

  test('is passed by the other workers at most, when all choose in the same moment', () => {
    const rigs = workers('wlc', [settingsOf(1, 10)]);
    let made = 0;
    for (let n = 0; n < 20; n++) {
      const chosen = rigs.map((rig) => rig.pick());
      for (const [i, rig] of rigs.entries()) {
        if (chosen[i] === NONE) continue;
        rig.tables.destinations.bind(rig.servers[0]!, true);
        made++;
      }
    }
    expect(made).toBe(12);
    expect(made).toBeLessThanOrEqual(10 + WORKERS - 1);
  });
});

describe('the counts of a removed destination', () => {
  test('are there when it comes back, also those of other workers', () => {
    const [a, b] = workers('lc', [settingsOf(1), settingsOf(1)], 2) as [Rig, Rig];
    for (const rig of [a, b]) rig.tables.destinations.bind(rig.servers[0]!, true);
    for (const rig of [a, b]) rig.tables.destinations.remove(rig.servers[0]!);
    b.tables.destinations.unbind(b.servers[0]!, true);
    b.tables.destinations.bind(b.servers[1]!, true);
    for (const rig of [a, b]) expect(rig.add(0, settingsOf(1), 0)).toBe(rig.servers[0]);
    expect(a.tables.destinations.loads.active(a.servers[0]!)).toBe(1);
    expect(b.tables.destinations.active(b.servers[0]!)).toBe(0);
  });

  test('do not come back with another destination that gets its slot', () => {
    const [a, b] = workers('lc', [settingsOf(1)], 2) as [Rig, Rig];
    a.tables.destinations.bind(a.servers[0]!, true);
    for (const rig of [a, b]) rig.tables.destinations.remove(rig.servers[0]!);
    const [other] = [a, b].map((rig) => rig.add(1, settingsOf(1), 0));
    a.tables.destinations.unbind(a.servers[0]!, true);
    expect(a.tables.destinations.loads.total(other!)).toBe(0);
  });
});
