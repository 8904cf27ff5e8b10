import { expect, test } from 'vitest';
import { XdpRing } from '../../src/io/xdpRing.ts';

const ENTRIES = 8;
const PLACE = { producerAt: 0, consumerAt: 64, flagsAt: 128, entriesAt: 256, entries: ENTRIES };
const PRODUCER = 0;
const CONSUMER = 16;
const FLAGS = 32;
const FIRST_ENTRY = 64;
/** The counters are about to pass 2^31, where they turn negative as int32, and then 2^32. */
const STARTS = [0, 0x7fff_fffd, -3] as const;

function memoryAt(start: number): Int32Array {
  const words = new Int32Array(256);
  words[PRODUCER] = start;
  words[CONSUMER] = start;
  return words;
}

test.each(STARTS)('as producer of descriptors, from counter %i on', (start) => {
  const words = memoryAt(start);
  const ring = new XdpRing(words, PLACE, true);
  for (let i = 0; i < 5; i++) ring.putDescriptor(4096 + i, 60 + i);
  expect(ring.pending).toBe(5);
  expect(words[PRODUCER]).toBe(start);
  ring.publishPut();
  expect(words[PRODUCER]).toBe((start + 5) | 0);
  const entry = FIRST_ENTRY + ((start + 4) & (ENTRIES - 1)) * 4;
  expect([...words.subarray(entry, entry + 4)]).toEqual([4100, 0, 64, 0]);
  words[CONSUMER] = (start + 3) | 0;
  expect(ring.pending).toBe(2);
  expect([ring.takeBack(), ring.takeBack()]).toEqual([4100, 4099]);
  expect(ring.pending).toBe(0);
});

test.each(STARTS)('as producer of addresses, from counter %i on', (start) => {
  const words = memoryAt(start);
  const ring = new XdpRing(words, PLACE, true);
  for (let i = 0; i < ENTRIES; i++) ring.putAddress(2048 * i);
  expect(ring.pending).toBe(ENTRIES);
  const entry = FIRST_ENTRY + ((start + 7) & (ENTRIES - 1)) * 2;
  expect([...words.subarray(entry, entry + 2)]).toEqual([7 * 2048, 0]);
});

test.each(STARTS)('as consumer, from counter %i on', (start) => {
  const words = memoryAt(start);
  const ring = new XdpRing(words, PLACE, false);
  expect(ring.waiting).toBe(0);
  for (let i = 0; i < 3; i++) words.set([258 + i, 0, 60 + i, 0], FIRST_ENTRY + ((start + i) & (ENTRIES - 1)) * 4);
  words[PRODUCER] = (start + 3) | 0;
  expect(ring.waiting).toBe(3);
  expect([ring.frameAddress(2), ring.frameBytes(2)]).toEqual([260, 62]);
  ring.publishTaken(2);
  expect(words[CONSUMER]).toBe((start + 2) | 0);
  expect([ring.waiting, ring.frameAddress(0)]).toEqual([1, 260]);
});

test('completions are addresses', () => {
  const words = memoryAt(6);
  const ring = new XdpRing(words, PLACE, false);
  words.set([2306, 0], FIRST_ENTRY + 6 * 2);
  words.set([4354, 0], FIRST_ENTRY + 7 * 2);
  words[PRODUCER] = 8;
  expect([ring.address(0), ring.address(1)]).toEqual([2306, 4354]);
});

test('says when the kernel wants to be woken', () => {
  const words = memoryAt(0);
  const ring = new XdpRing(words, PLACE, true);
  expect(ring.needsWakeup).toBe(false);
  words[FLAGS] = 1;
  expect(ring.needsWakeup).toBe(true);
});
