import { expect, test } from 'vitest';
import { nearestName } from '../../src/config/nearestName.ts';

const KNOWN = ['scheduler', 'schedulerFlags', 'port', 'weight', 'rr', 'wrr'];

const CASES = [
  ['wieght', 'weight', 'two letters swapped'],
  ['schedular', 'scheduler', 'a wrong letter'],
  ['prt', 'port', 'a missing letter'],
  ['SCHEDULER', 'scheduler', 'capitals'],
  ['wrrr', 'wrr', 'a letter too many'],
  ['virtual', undefined, 'another word'],
  ['', undefined, 'nothing'],
] as const;
test.each(CASES)('"%s" suggests %s: %s', (name, expected) => expect(nearestName(name, KNOWN)).toBe(expected));

test('the nearest wins over one that is only near', () => expect(nearestName('schedulerFlag', KNOWN)).toBe('schedulerFlags'));
