/** Capture files in memory, for tests: read whole, and written in every form that the readers know. */
import type { CaptureReader } from '../../src/io/captureRecord.ts';
import { openCapture } from '../../src/io/openCapture.ts';

export interface Captured {
  readonly timeMs: number;
  readonly frame: Uint8Array;
  readonly originalBytes: number;
}

/**
 * A reader of bytes in memory.
 * @param stepBytes the most that one read gives, as a pipe would
 * @param end how much of the file is written by now
 */
export function openBytes(file: Uint8Array, stepBytes = Number.MAX_SAFE_INTEGER, end = () => file.length): CaptureReader {
  let position = 0;
  return openCapture('memory.pcap', (into, at, length) => {
    const count = Math.min(length, stepBytes, end() - position);
    into.set(file.subarray(position, position + count), at);
    position += count;
    return count;
  });
}

/** All records of a reader, or the first `limit`. */
export function recordsOf(reader: CaptureReader, limit = Number.POSITIVE_INFINITY): Captured[] {
  const records: Captured[] = [];
  while (records.length < limit && reader.next()) {
    const { at, bytes, timeMs, originalBytes } = reader.record;
    records.push({ timeMs, frame: reader.window.bytes.slice(at, at + bytes), originalBytes });
  }
  return records;
}

/** How a classic capture is written. */
export interface PcapForm {
  readonly isLittleEndian: boolean;
  readonly isNanosecond: boolean;
}

/** A classic capture by the book, in any of its four forms. */
export function classicCapture(form: PcapForm, linkType: number, records: readonly Captured[]): Uint8Array {
  const { isLittleEndian, isNanosecond } = form;
  const words = (...list: number[]) => {
    const v = new DataView(new ArrayBuffer(list.length * 4));
    for (const [i, word] of list.entries()) v.setUint32(i * 4, word, isLittleEndian);
    return new Uint8Array(v.buffer);
  };
  const versions = isLittleEndian ? 0x0004_0002 : 0x0002_0004;
  const parts: Uint8Array[] = [words(isNanosecond ? 0xa1b23c4d : 0xa1b2c3d4, versions, 0, 0, 262_144, linkType)];
  for (const { timeMs, frame, originalBytes } of records) {
    const seconds = Math.floor(timeMs / 1000);
    const fraction = Math.round((timeMs - seconds * 1000) * (isNanosecond ? 1e6 : 1e3));
    parts.push(words(seconds, fraction, frame.length, originalBytes), frame);
  }
  return Buffer.concat(parts);
}

/** Builds the blocks of a pcapng file. */
export class PcapngBlocks {
  readonly #isLittleEndian: boolean;

  constructor(isLittleEndian = true) {
    this.#isLittleEndian = isLittleEndian;
  }

  sectionHeader(): Uint8Array {
    return this.block(0x0a0d0d0a, this.words(0x1a2b3c4d, this.#isLittleEndian ? 1 : 0x0001_0000, 0xffff_ffff, 0xffff_ffff));
  }

  /** @param resolution if_tsresol; none by default */
  interfaceDescription(linkType: number, resolution?: number): Uint8Array {
    const type = this.#isLittleEndian ? linkType : linkType << 16;
    if (resolution === undefined) return this.block(1, this.words(type, 0));
    const option = this.#isLittleEndian ? 0x0001_0009 : 0x0009_0001;
    return this.block(1, this.words(type, 0, option), Uint8Array.of(resolution, 0, 0, 0), this.words(0));
  }

  enhancedPacket(interfaceIndex: number, ticks: number, frame: Uint8Array, originalBytes = frame.length): Uint8Array {
    const high = Math.floor(ticks / 0x1_0000_0000);
    return this.block(6, this.words(interfaceIndex, high, ticks - high * 0x1_0000_0000, frame.length, originalBytes), frame);
  }

  simplePacket(frame: Uint8Array, originalBytes = frame.length): Uint8Array {
    return this.block(3, this.words(originalBytes), frame);
  }

  block(type: number, ...body: readonly Uint8Array[]): Uint8Array {
    const bodyBytes = body.reduce((sum, part) => sum + part.length, 0);
    const padding = (4 - (bodyBytes % 4)) % 4;
    const total = 12 + bodyBytes + padding;
    return Buffer.concat([this.words(type, total), ...body, new Uint8Array(padding), this.words(total)]);
  }

  words(...list: readonly number[]): Uint8Array {
    const v = new DataView(new ArrayBuffer(list.length * 4));
    for (const [i, word] of list.entries()) v.setUint32(i * 4, word, this.#isLittleEndian);
    return new Uint8Array(v.buffer);
  }
}
