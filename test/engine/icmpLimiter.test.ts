import { expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { IcmpLimiter } from '../../src/engine/icmpLimiter.ts';
import { Flow } from '../../src/packet/flow.ts';

function from(text: string): Flow {
  const { family, words } = address(text);
  return Object.assign(new Flow(), { family, source0: words[0], source1: words[1], source2: words[2], source3: words[3] });
}

/** How many of `count` messages go. */
function allowed(limiter: IcmpLimiter, count: number, flow: (i: number) => Flow, nowMilliseconds: number): number {
  return Array.from({ length: count }, (_, i) => limiter.allow(flow(i), nowMilliseconds)).filter((may) => may).length;
}

test('one receiver gets 6 at once, then one a second', () => {
  const limiter = new IcmpLimiter();
  const one = () => from('10.1.2.3');
  expect(allowed(limiter, 10, one, 1000)).toBe(6);
  expect(allowed(limiter, 10, one, 1999)).toBe(0);
  expect(allowed(limiter, 10, one, 2000)).toBe(1);
  expect(allowed(limiter, 10, one, 60_000)).toBe(6);
});

test('an IPv6 receiver, which may be a network, gets sixteen times as many', () => {
  const limiter = new IcmpLimiter();
  const one = () => from('2001:db8::1');
  expect(allowed(limiter, 10, one, 1000)).toBe(6);
  expect(allowed(limiter, 10, one, 1062)).toBe(1);
});

test('all receivers together get 50 at once, then 1000 a second', () => {
  const limiter = new IcmpLimiter();
  const many = (i: number) => from(`10.1.${i >> 8}.${i & 255}`);
  expect(allowed(limiter, 100, many, 1000)).toBe(50);
  expect(allowed(limiter, 100, (i) => many(i + 200), 1010)).toBe(10);
  expect(allowed(limiter, 100, (i) => many(i + 400), 5000)).toBe(50);
});

test('the clock may wrap', () => {
  const limiter = new IcmpLimiter();
  const one = () => from('10.1.2.3');
  expect(allowed(limiter, 6, one, 0x7fff_ff00)).toBe(6);
  expect(limiter.allow(one(), (0x7fff_ff00 + 999) | 0)).toBe(false);
  expect(limiter.allow(one(), (0x7fff_ff00 + 1000) | 0)).toBe(true);
});

test('without limits everything goes', () => {
  const limiter = new IcmpLimiter();
  limiter.enabled = false;
  expect(allowed(limiter, 1000, () => from('10.1.2.3'), 0)).toBe(1000);
});
