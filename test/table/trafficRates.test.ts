import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shownRates } from '../../src/base/shownRates.ts';
import { Traffic } from '../../src/table/traffic.ts';
import { RATE_PERIOD_MS, RateSchedule, type TrafficRates } from '../../src/table/trafficRates.ts';

const NOTHING = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };

/** Rates shown at each sample of a service with these deltas, one for each period. */
function shownAtEach(deltas: readonly number[], add: (traffic: Traffic) => void): TrafficRates[] {
  const traffic = new Traffic(2, 2);
  traffic.clearService(1);
  traffic.clearDestination(1);
  traffic.estimate(0, true);
  return deltas.map((delta, i) => {
    for (let n = 0; n < delta; n++) add(traffic);
    traffic.estimate((i + 1) * RATE_PERIOD_MS, true);
    expect(traffic.ratesOfDestination(1)).toEqual(traffic.ratesOfService(1));
    expect(traffic.totalRates()).toEqual(traffic.ratesOfService(1));
    return shownRates(traffic.ratesOfService(1));
  });
}

test('a steady 100 connections per second are shown as by the kernel', () => {
  const shown = shownAtEach(new Array(12).fill(200), (traffic) => traffic.addConnection(1, 1));
  expect(shown.map(({ connections }) => connections)).toEqual([25, 44, 58, 68, 76, 82, 87, 90, 92, 94, 96, 97]);
});

test('packets and bytes of each direction have rates of their own', () => {
  const [shown] = shownAtEach([80], (traffic) => {
    traffic.addIn(1, 1, 100);
    traffic.addOut(1, 1, 1500);
    traffic.addOut(1, 1, 1500);
  });
  expect(shown).toEqual({ connections: 0, inPackets: 10, outPackets: 20, inBytes: 1000, outBytes: 30_000 });
});

test('without traffic every rate goes down to nothing, and stays there', () => {
  const shown = shownAtEach([1000, ...new Array(60).fill(0)], (traffic) => traffic.addIn(1, 1, 1500));
  expect(shown[0]).toMatchObject({ inPackets: 125 });
  expect(shown.at(-1)).toEqual(NOTHING);
});

test('the estimates are those of the kernel in 64-bit integers', () => {
  const delta = fc.integer({ min: 0, max: 2 ** 40 });
  fc.assert(
    fc.property(fc.array(delta, { maxLength: 20 }), (deltas) => {
      const traffic = new Traffic(1, 1);
      traffic.clearService(0);
      traffic.clearDestination(0);
      traffic.estimate(0, true);
      let [packets, bytes] = [0n, 0n];
      for (const [i, each] of deltas.entries()) {
        traffic.addIn(0, 0, each);
        traffic.estimate((i + 1) * RATE_PERIOD_MS, true);
        packets += ((1n << 9n) - packets) >> 2n;
        bytes += ((BigInt(each) << 4n) - bytes) >> 2n;
        const { inPackets, inBytes } = shownRates(traffic.ratesOfService(0));
        expect([inPackets, inBytes]).toEqual([Number((packets + 0x1ffn) >> 10n), Number((bytes + 0xfn) >> 5n)]);
      }
    }),
  );
});

test('samples that were missed are made up for, and do not shift those after them', () => {
  const schedule = new RateSchedule();
  expect([10, 2009, 2010, 2011, 4009, 8500, 10_009, 10_010].map((now) => schedule.due(now))).toEqual([0, 0, 1, 0, 0, 3, 0, 1]);
  expect(schedule.due(3_600_000)).toBe(64);
});

test('while nothing is estimated rates and shown counters stand still, and the next sample has what was missed', () => {
  const traffic = new Traffic(1, 1);
  traffic.clearService(0);
  traffic.estimate(0, true);
  for (let n = 0; n < 400; n++) traffic.addConnection(0, 0);
  expect(traffic.ofService(0).connections).toBe(400);
  traffic.estimate(2000, false);
  expect(traffic.ratesOfService(0)).toEqual(NOTHING);
  expect([traffic.ofService(0), traffic.ofDestination(0), traffic.total()]).toEqual([NOTHING, NOTHING, NOTHING]);
  traffic.estimate(4000, true);
  expect(traffic.ofService(0).connections).toBe(400);
  expect(shownRates(traffic.ratesOfService(0)).connections).toBe(50);
});

test('the sum of the workers is estimated: it is off by less than 4/1024 for each of them', () => {
  const deltas = fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { minLength: 1, maxLength: 15 });
  fc.assert(
    fc.property(deltas, (pairs) => {
      const [one, two, both] = [new Traffic(1, 1), new Traffic(1, 1), new Traffic(1, 1)];
      for (const traffic of [one, two, both]) traffic.clearService(0);
      for (const traffic of [one, two, both]) traffic.estimate(0, true);
      for (const [i, [a, b]] of pairs.entries()) {
        for (let n = 0; n < a; n++) one.addConnection(0, 0);
        for (let n = 0; n < b; n++) two.addConnection(0, 0);
        for (let n = 0; n < a + b; n++) both.addConnection(0, 0);
        for (const traffic of [one, two, both]) traffic.estimate((i + 1) * RATE_PERIOD_MS, true);
      }
      const sum = one.ratesOfService(0).connections + two.ratesOfService(0).connections;
      expect(Math.abs(sum - both.ratesOfService(0).connections)).toBeLessThan(8 / 1024);
    }),
    { numRuns: 30 },
  );
});

test('set to zero, counters show what comes after, and lose nothing of it', () => {
  const traffic = new Traffic(1, 1);
  traffic.clearService(0);
  traffic.clearDestination(0);
  traffic.estimate(0, true);
  for (let n = 0; n < 1000; n++) traffic.addIn(0, 0, 100);
  traffic.estimate(2000, true);
  traffic.zeroService(0);
  expect(traffic.ofService(0)).toEqual(NOTHING);
  expect(traffic.ratesOfService(0)).toEqual(NOTHING);
  expect([traffic.ofDestination(0).inPackets, traffic.total().inPackets]).toEqual([1000, 1000]);
  traffic.zeroDestination(0);
  traffic.zeroTotal();
  traffic.addOut(0, 0, 40);
  for (const shown of [traffic.ofService(0), traffic.ofDestination(0), traffic.total()]) {
    expect(shown).toEqual({ ...NOTHING, outPackets: 1, outBytes: 40 });
  }
});

test('a row that is used anew shows nothing of before', () => {
  const traffic = new Traffic(1, 1);
  traffic.clearDestination(0);
  traffic.estimate(0, true);
  traffic.addIn(0, 0, 100);
  traffic.zeroDestination(0);
  traffic.addIn(0, 0, 100);
  traffic.estimate(2000, true);
  traffic.clearDestination(0);
  expect([traffic.ofDestination(0), traffic.ratesOfDestination(0)]).toEqual([NOTHING, NOTHING]);
});
