/** Where a large table gets its memory: plain, or from the native helper on huge pages. */

/** At least `bytes` zeroed bytes, for as long as the buffer is referred to. */
export type Allocate = (bytes: number) => ArrayBuffer;

/** The runtime's own memory, in pages of 4 KB. */
export function plainMemory(bytes: number): ArrayBuffer {
  return new ArrayBuffer(bytes);
}
