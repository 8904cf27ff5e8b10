/** Bytes that look random and are the same for everyone who asks for as many: payload of downloads and uploads. */
import { createHash } from 'node:crypto';
import { SeededRandom } from '../base/random.ts';

/** Longest payload that a lab's server makes. */
export const MAX_TEST_BYTES = 128 << 20;

/** @param count 0 to MAX_TEST_BYTES */
export function testBytes(count: number): Buffer {
  const random = new SeededRandom(count);
  const words = new Uint32Array(Math.ceil(count / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.next();
  return Buffer.from(words.buffer, 0, count);
}

/** Hexadecimal SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
