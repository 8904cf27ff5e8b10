// hot path

/**
 * SipHash-1-3 (Aumasson and Bernstein, 2012: one round per block, three at the end) of one 32-bit word, cut to 32 bits. The state is
 * four 64-bit words, here as halves: `a0` low, `a1` high. Additions carry by comparing unsigned:
 *
 *     a += b;  b <<<= 13;  b ^= a;  a <<<= 32        c += d;  d <<<= 16;  d ^= c
 *     c += b;  b <<<= 17;  b ^= c;  c <<<= 32        a += d;  d <<<= 21;  d ^= a
 */

const ROUNDS = 4;
/** The last block's top byte: the length of the input, 4 bytes. */
const LENGTH_BYTE = 4 << 24;
const FINISH = 0xff;

/**
 * @param word the input: its four bytes, least significant first
 * @param low the low halves of both key words, which are equal
 * @param high their high halves
 * @returns int32
 */
export function sipHash13(word: number, low: number, high: number): number {
  // "somepseudorandomlygeneratedbytes", xored with the key.
  let a0 = 0x70736575 ^ low;
  let a1 = 0x736f6d65 ^ high;
  let b0 = 0x6e646f6d ^ low;
  let b1 = 0x646f7261 ^ high;
  let c0 = 0x6e657261 ^ low;
  let c1 = 0x6c796765 ^ high;
  let d0 = 0x79746573 ^ low ^ word;
  let d1 = 0x74656462 ^ high ^ LENGTH_BYTE;
  for (let round = 0; round < ROUNDS; round++) {
    let sum = (a0 + b0) | 0;
    a1 = (a1 + b1 + (sum >>> 0 < a0 >>> 0 ? 1 : 0)) | 0;
    a0 = sum;
    let turned = (b0 << 13) | (b1 >>> 19);
    b1 = ((b1 << 13) | (b0 >>> 19)) ^ a1;
    b0 = turned ^ a0;
    sum = (c0 + d0) | 0;
    c1 = (c1 + d1 + (sum >>> 0 < c0 >>> 0 ? 1 : 0)) | 0;
    c0 = sum;
    turned = (d0 << 16) | (d1 >>> 16);
    d1 = ((d1 << 16) | (d0 >>> 16)) ^ c1;
    d0 = turned ^ c0;
    // `a` stands turned by 32 bits from here on: its halves have changed places.
    sum = (a1 + d0) | 0;
    a0 = (a0 + d1 + (sum >>> 0 < a1 >>> 0 ? 1 : 0)) | 0;
    a1 = a0;
    a0 = sum;
    turned = (d0 << 21) | (d1 >>> 11);
    d1 = ((d1 << 21) | (d0 >>> 11)) ^ a1;
    d0 = turned ^ a0;
    sum = (c0 + b0) | 0;
    c1 = (c1 + b1 + (sum >>> 0 < c0 >>> 0 ? 1 : 0)) | 0;
    c0 = sum;
    turned = (b0 << 17) | (b1 >>> 15);
    b1 = ((b1 << 17) | (b0 >>> 15)) ^ c1;
    b0 = turned ^ c0;
    turned = c0;
    c0 = c1;
    c1 = turned;
    if (round > 0) continue;
    a0 ^= word;
    a1 ^= LENGTH_BYTE;
    c0 ^= FINISH;
  }
  return a0 ^ b0 ^ c0 ^ d0;
}
