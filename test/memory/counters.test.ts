import { expect, test } from 'vitest';
import { Counters } from '../../src/memory/counters.ts';

test('counts by index and answers by name', () => {
  const counters = new Counters(['received', 'dropped']);
  const dropped = counters.index('dropped');
  counters.add(dropped);
  counters.add(dropped, 3);
  expect(counters.get('dropped')).toBe(4);
  expect(counters.get('received')).toBe(0);
});

test('lists only what has counted, in the order of declaration', () => {
  const counters = new Counters(['a', 'b', 'c']);
  counters.add(counters.index('c'), 2);
  counters.add(counters.index('a'));
  expect(Object.entries(counters.nonZero())).toEqual([
    ['a', 1],
    ['c', 2],
  ]);
});

test('another thread sees the counts in the shared buffer', () => {
  const counters = new Counters(['a', 'b']);
  counters.add(counters.index('b'), 7);
  expect(counters.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect([...new Float64Array(counters.buffer)]).toEqual([0, 7]);
});

test('works where there is no SharedArrayBuffer', () => {
  const shared = globalThis.SharedArrayBuffer;
  try {
    Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
    const counters = new Counters(['a']);
    counters.add(0);
    expect(counters.buffer).toBeInstanceOf(ArrayBuffer);
    expect(counters.get('a')).toBe(1);
  } finally {
    globalThis.SharedArrayBuffer = shared;
  }
});

test('a name that was declared twice, or never, is our mistake', () => {
  expect(() => new Counters(['a', 'a'])).toThrow('unique');
  expect(() => new Counters<string>(['a']).index('b')).toThrow('declared');
});
