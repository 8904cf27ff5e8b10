// hot path

/**
 * GUE header (draft-ietf-intarea-gue, variant 0), between an outer UDP header and the packet inside: no flags, no options.
 * `at` is the byte offset of the header in `v`. Getters read without bounds: call `check` first.
 *
 *     | variant 2 | control 1 | option words 5 | protocol 8 | flags 16 |
 */
export const HEADER_BYTES = 4;

/** True for a data header of variant 0 whose options, if any, lie within `bytes`. */
export function check(v: DataView, at: number, bytes: number): boolean {
  return bytes >= HEADER_BYTES && v.getUint8(at) < 0x20 && headerBytes(v, at) <= bytes;
}

/** Length of the header with its options. */
export function headerBytes(v: DataView, at: number): number {
  return HEADER_BYTES + (v.getUint8(at) & 0x1f) * 4;
}

/** IP protocol number of the packet inside: 4 or 41 for us. */
export function protocol(v: DataView, at: number): number {
  return v.getUint8(at + 1);
}

/** Writes a header of HEADER_BYTES. */
export function writeHeader(v: DataView, at: number, inner: number): void {
  v.setInt32(at, inner << 16);
}
