// hot path

/**
 * Mixing of int32 words for tables in memory (the murmur3 32-bit round and its finaliser, by Austin Appleby, public domain).
 * Usage: `finish(mix(mix(seed, a), b))`. Not for schedulers: those have the kernel's own hashes.
 */
export function mix(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Spreads every input bit over all output bits. @returns int32 */
export function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
