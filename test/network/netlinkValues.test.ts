import { endianness } from 'node:os';
import { expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import {
  addressText,
  familyNumber,
  findAttribute,
  interfaceKind,
  macText,
  networkBytes,
  routeMtu,
} from '../../src/network/netlinkValues.ts';

/** struct rtattr, padded to four bytes. */
function attribute(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4);
  const write = endianness() === 'LE' ? head.writeUInt16LE.bind(head) : head.writeUInt16BE.bind(head);
  write(4 + data.length, 0);
  write(type, 2);
  return Buffer.concat([head, data, Buffer.alloc(-data.length & 3)]);
}

test.each([
  ['10.0.0.255', 2, 4],
  ['2001:db8::ff', 10, 16],
])('%s is a family of %i and %i bytes, and comes back', (text, family, bytes) => {
  const parsed = address(text);
  expect([familyNumber(parsed), networkBytes(parsed).length]).toEqual([family, bytes]);
  expect(addressText(networkBytes(parsed))).toBe(text);
});

test('a MAC address keeps its high bit', () => expect(macText(Buffer.from('fe0000000080', 'hex'))).toBe('fe:00:00:00:00:80'));

test('the kind of an interface is found among other attributes', () => {
  const info = Buffer.concat([attribute(2, Buffer.from('x')), attribute(1, Buffer.from('veth\0'))]);
  expect(interfaceKind(info)).toBe('veth');
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['half a head', Buffer.alloc(3)],
  ['a length of 0, which would repeat for ever', Buffer.alloc(8)],
])('%s has no attribute', (_name, bytes) => expect(findAttribute(bytes, 1)).toBeUndefined());

test('a route without an MTU of its own has none', () => {
  expect(routeMtu({})).toBeUndefined();
  expect(routeMtu({ metrics: {} })).toBeUndefined();
});
