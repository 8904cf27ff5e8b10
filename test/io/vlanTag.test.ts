import { expect, test } from 'vitest';
import { insertVlanTag } from '../../src/io/vlanTag.ts';
import { Burst } from '../../src/memory/burst.ts';

test('the tag stands behind the addresses, the frame begins four bytes earlier, and its payload stays where it was', () => {
  const bytes = new Uint8Array(64);
  bytes.set(Buffer.from('020000000009 020000000008 0800 4500abcd'.replaceAll(' ', ''), 'hex'), 20);
  const burst = new Burst();
  burst.push(20, 18);
  burst.checksumStart[0] = 34;
  insertVlanTag(bytes, burst, 0, 0x88a8, 0x2064);
  expect([burst.at[0], burst.bytes[0], burst.checksumStart[0]]).toEqual([16, 22, 38]);
  expect(Buffer.from(bytes.subarray(16, 38)).toString('hex')).toBe('0200000000090200000000' + '0888a8206408004500abcd');
});
