import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SequenceShifts } from '../../src/table/sequenceShifts.ts';

const ROW = 1;

/** Texts of a stream in order: how many bytes stand before each, how long it is, and how long what replaces it. */
const CHANGES = fc.array(fc.record({ before: fc.nat(50), old: fc.integer({ min: 1, max: 30 }), now: fc.nat(40) }), {
  minLength: 1,
  maxLength: 4,
});

test('each byte outside the replaced texts has one number on either side, and they agree', () => {
  fc.assert(
    fc.property(fc.integer(), CHANGES, (first, changes) => {
      const shifts = new SequenceShifts();
      shifts.prepare(2);
      let server = first;
      let client = first;
      const pairs: [number, number][] = [];
      for (const { before, old, now } of changes) {
        for (let i = 0; i <= before; i++) pairs.push([(server + i) | 0, (client + i) | 0]);
        server = (server + before) | 0;
        client = (client + before) | 0;
        shifts.add(ROW, server, (server + old) | 0, now - old);
        server = (server + old) | 0;
        client = (client + now) | 0;
      }
      pairs.push([server, client]);
      for (const [own, seen] of pairs) {
        // Bytes before a text that vanished have the number of those behind it.
        const isAmbiguous = pairs.some(([other, same]) => same === seen && other !== own);
        expect(shifts.toClient(ROW, own)).toBe(seen);
        if (!isAmbiguous) expect(shifts.toServer(ROW, seen)).toBe(own);
      }
    }),
    { numRuns: 100 },
  );
});

test('an acknowledgement within a replaced text is one of its beginning', () => {
  const shifts = new SequenceShifts();
  shifts.prepare(2);
  shifts.add(ROW, 100, 108, 5);
  expect([99, 100, 101, 112, 113, 114].map((number) => shifts.toServer(ROW, number))).toEqual([99, 100, 100, 100, 108, 109]);
});

test('the oldest change makes room for the fifth, and its shift stays', () => {
  const shifts = new SequenceShifts();
  shifts.prepare(2);
  for (let k = 0; k < 6; k++) shifts.add(ROW, 100 * k, 100 * k + 10, 1);
  expect([shifts.count(ROW), shifts.toClient(ROW, 205), shifts.toClient(ROW, 600), shifts.toServer(ROW, 606)]).toEqual([
    4, 207, 606, 600,
  ]);
  expect([shifts.isKnown(ROW, 100, 110), shifts.isKnown(ROW, 200, 210)]).toEqual([false, true]);
  expect([shifts.lastStart(ROW), shifts.lastDelta(ROW), shifts.deltaBefore(ROW)]).toEqual([510, 6, 5]);
});

test('a segment is cut that begins or ends within a replaced text', () => {
  const shifts = new SequenceShifts();
  shifts.prepare(2);
  shifts.add(ROW, 0x7fff_fffc, -0x7fff_fffc, 5);
  const cases = [
    [0x7fff_fff0, 0x7fff_fffc],
    [0x7fff_fff0, 0x7fff_fffe],
    [0x7fff_fff0, -0x7fff_fffc],
    [-0x8000_0000, -0x7fff_fff0],
    [-0x7fff_fffc, -0x7fff_fff0],
  ] as const;
  expect(cases.map(([start, end]) => shifts.isCut(ROW, start, end))).toEqual([false, true, false, true, false]);
});
