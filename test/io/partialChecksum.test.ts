import fc from 'fast-check';
import { expect, test } from 'vitest';
import { completeChecksum } from '../../src/io/partialChecksum.ts';

/** RFC 1071 word by word. */
function sumOf(buffer: ArrayBuffer, at: number, bytes: number): number {
  const v = new DataView(buffer);
  let sum = 0;
  for (let i = 0; i < bytes; i += 2) sum += i + 1 < bytes ? v.getUint16(at + i) : v.getUint8(at + i) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

test('what was summed before is in the result: the whole with its pseudo-header sums to 0xffff', () => {
  const payload = fc.uint8Array({ minLength: 8, maxLength: 61 });
  fc.assert(
    fc.property(payload, fc.integer({ min: 0, max: 0xffff }), (bytes, pseudoSum) => {
      const v = new DataView(new ArrayBuffer(100));
      new Uint8Array(v.buffer).set(bytes, 30);
      v.setUint16(30 + 6, pseudoSum);
      completeChecksum({ checksum: sumOf }, v, 20, 10 + bytes.length, 10, 6);
      const whole = sumOf(v.buffer, 30, bytes.length) + pseudoSum;
      expect(v.getUint16(30 + 6)).not.toBe(0);
      expect((whole & 0xffff) + (whole >>> 16)).toBe(0xffff);
    }),
  );
});
