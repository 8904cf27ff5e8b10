import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { ManualClock } from '../../src/base/clock.ts';
import { NONE } from '../../src/base/terms.ts';
import { nextRow, readSlice, SLICE_BYTES, writeSlice } from '../../src/dataplane/connectionSlice.ts';
import type { ConnectionEntry } from '../../src/dataplane/messages.ts';
import { CLIENT_MAC, DIRECTOR_CLIENT_MAC, DirectorRig } from '../support/directorRig.ts';
import { frame } from '../support/frame.ts';

const VIP = '192.168.100.1';
const VIP6 = '2001:db8:100::1';
const CONNECTIONS = 1200;

let rig: DirectorRig;

function open(count: number): void {
  for (let i = 0; i < count; i++) {
    const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
    rig.send(
      'client',
      link
        .ipv4({ source: '10.1.2.5', target: VIP })
        .tcp({ source: 10_000 + i, target: 80, flags: 'SYN' })
        .build(),
    );
  }
}

/** Every slice of a listing. */
function list(clock: Clock, between: () => void = () => {}): ConnectionEntry[][] {
  const slices: ConnectionEntry[][] = [];
  const buffer = new ArrayBuffer(SLICE_BYTES);
  for (let from = 0; from !== NONE; from = nextRow(buffer)) {
    if (from !== 0) between();
    writeSlice(rig.director.state, from, buffer, clock);
    slices.push(readSlice(buffer));
  }
  return slices;
}

beforeEach(() => {
  rig = new DirectorRig({ connections: 4096 });
  rig.service('tcp', VIP, 80, [{ address: '10.0.1.2', port: 8000, method: 'masq' }]);
  rig.service('tcp', VIP6, 80, [{ address: '2001:db8:1::2', port: 80, method: 'route' }]);
});

describe('a listing in slices', () => {
  test('has every connection once, in slices of bounded size', () => {
    open(CONNECTIONS);
    const slices = list(new ManualClock(0));
    const ports = slices.flat().map(({ client }) => client.port);
    expect(new Set(ports).size).toBe(CONNECTIONS);
    expect(ports).toHaveLength(CONNECTIONS);
    expect(Math.max(...slices.map((slice) => slice.length))).toBeLessThanOrEqual(512);
  });

  test('says of each who talks to whom', () => {
    open(1);
    const link = frame().ethernet({ source: CLIENT_MAC, target: DIRECTOR_CLIENT_MAC });
    rig.send('client', link.ipv6({ source: '2001:db8:9::5', target: VIP6 }).tcp({ source: 7, target: 80, flags: 'SYN' }).build());
    expect(list(new ManualClock(0)).flat()).toEqual([
      {
        protocol: 'TCP',
        state: 'SYN_RECV',
        expiresSeconds: 60,
        client: { address: '10.1.2.5', port: 10_000 },
        virtual: { address: VIP, port: 80 },
        destination: { address: '10.0.1.2', port: 8000 },
      },
      {
        protocol: 'TCP',
        state: 'SYN_RECV',
        expiresSeconds: 60,
        client: { address: '2001:db8:9::5', port: 7 },
        virtual: { address: VIP6, port: 80 },
        destination: { address: '2001:db8:1::2', port: 80 },
      },
    ]);
  });

  test('ends a slice when its time is over, and goes on where it was', () => {
    open(100);
    let looks = 0;
    // Each look at the clock finds a millisecond gone.
    const slices = list({ now: () => looks++ });
    expect(slices.length).toBeGreaterThan(5);
    expect(Math.max(...slices.map((slice) => slice.length))).toBeLessThan(20);
    expect(slices.flat()).toHaveLength(100);
  });

  test('is not confused by connections that come meanwhile', () => {
    open(600);
    const entries = list(new ManualClock(0), () => open(601)).flat();
    expect(new Set(entries.map(({ client }) => client.port)).size).toBe(entries.length);
    expect(entries.length).toBeGreaterThanOrEqual(600);
  });

  test('of an empty table is one slice of nothing', () => {
    expect(list(new ManualClock(0))).toEqual([[]]);
  });
});
