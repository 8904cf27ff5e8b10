/** Bytes of frames, the plain way: to join, to read as text, to sum by the letter of RFC 1071. For tests only. */

/** One array of all parts. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** `45 00 00 3c` to bytes; blanks and line ends are ignored, and what stands behind two blanks on a line is a comment. */
export function bytesOf(hexText: string): Uint8Array {
  const digits = hexText
    .split('\n')
    .map((line) => line.trim().replace(/ {2,}.*$/, ''))
    .join('')
    .replace(/\s/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hex: ${digits}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Bytes to hex without blanks. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A view of exactly these bytes: reading one further throws. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** RFC 1071, one 16-bit word after the other, the carry added at once. */
export function onesComplementSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Writes a 16-bit field. */
export function setChecksum(bytes: Uint8Array, at: number, field: number): void {
  bytes[at] = (field >> 8) & 255;
  bytes[at + 1] = field & 255;
}
