/** Rates as the kernel rounds them. Whole estimates over time: test/table/trafficRates.test.ts. */
import { expect, test } from 'vitest';
import { shownRates } from '../../src/base/shownRates.ts';

test.each([
  ['nothing', 0, 0, 0],
  ['exactly a half goes down', 1.5, 1, 1],
  ['the next part of a connection goes up', 1.5 + 1 / 1024, 2, 1],
  ['the next part of a byte goes up', 1.5 + 1 / 32, 2, 2],
  ['whole numbers stay', 123_456, 123_456, 123_456],
])('%s', (_name, rate, count, bytes) => {
  const rates = { connections: rate, inPackets: rate, outPackets: rate, inBytes: rate, outBytes: rate };
  expect(shownRates(rates)).toEqual({ connections: count, inPackets: count, outPackets: count, inBytes: bytes, outBytes: bytes });
});
