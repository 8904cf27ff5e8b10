/**
 * The classic capture format (pcap(5), draft-ietf-opsawg-pcap): a header of 24 bytes, then records of 16 bytes and the frame. Written
 * little-endian with microseconds; read in both byte orders, with micro- or nanoseconds.
 *
 *     a1b2c3d4 version snap link | seconds fraction captured original | frame | seconds ...
 */
import type { ByteWindow } from './byteWindow.ts';
import {
  type CaptureReader,
  captureFault,
  captureRecord,
  checkLinkType,
  MAX_CAPTURED_BYTES,
  TRUNCATED_HINT,
} from './captureRecord.ts';

const FILE_HEADER_BYTES = 24;
const SNAP_LENGTH = 16;
const LINK_TYPE = 20;
const RECORD_HEADER_BYTES = 16;
const FRACTION = 4;
const CAPTURED = 8;
const ORIGINAL = 12;

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const SWAPPED_MICROSECONDS = 0xd4c3b2a1;
const SWAPPED_NANOSECONDS = 0x4d3cb2a1;

/** Whether a file that begins with these four bytes (read most significant first) is a classic capture. */
export function isPcapMagic(magic: number): boolean {
  return [MAGIC_MICROSECONDS, MAGIC_NANOSECONDS, SWAPPED_MICROSECONDS, SWAPPED_NANOSECONDS].includes(magic);
}

export class PcapReader implements CaptureReader {
  readonly window: ByteWindow;
  readonly record = captureRecord();
  readonly #isLittleEndian: boolean;
  readonly #fractionsPerMs: number;

  /** @param window stands on the magic number, which has been checked */
  constructor(window: ByteWindow) {
    this.window = window;
    if (!window.has(FILE_HEADER_BYTES))
      throw captureFault(window, window.available, 'the file ends in its header', TRUNCATED_HINT);
    const magic = window.view.getUint32(window.at);
    this.#isLittleEndian = magic === SWAPPED_MICROSECONDS || magic === SWAPPED_NANOSECONDS;
    this.#fractionsPerMs = magic === MAGIC_NANOSECONDS || magic === SWAPPED_NANOSECONDS ? 1e6 : 1e3;
    // The upper bits say how long a frame check sequence is; we let it trail the frame.
    this.record.linkType = window.view.getUint32(window.at + LINK_TYPE, this.#isLittleEndian) & 0xffff;
    checkLinkType(window, LINK_TYPE, this.record.linkType);
    window.skip(FILE_HEADER_BYTES);
  }

  next(): boolean {
    const { window, record } = this;
    if (!window.has(RECORD_HEADER_BYTES)) {
      if (window.available === 0) return false;
      throw captureFault(window, window.offset, 'the file ends in a record header', TRUNCATED_HINT);
    }
    const start = window.offset;
    const seconds = window.view.getUint32(window.at, this.#isLittleEndian);
    const fraction = window.view.getUint32(window.at + FRACTION, this.#isLittleEndian);
    record.timeMs = seconds * 1000 + fraction / this.#fractionsPerMs;
    record.bytes = window.view.getUint32(window.at + CAPTURED, this.#isLittleEndian);
    record.originalBytes = window.view.getUint32(window.at + ORIGINAL, this.#isLittleEndian);
    if (record.bytes > MAX_CAPTURED_BYTES) {
      const what = `a record claims ${record.bytes} bytes; at most ${MAX_CAPTURED_BYTES} can be`;
      throw captureFault(window, start + CAPTURED, what, 'The file is damaged from here on; what stands before it can be used.');
    }
    window.skip(RECORD_HEADER_BYTES);
    if (!window.has(record.bytes)) {
      const what = `the file ends in a record: ${record.bytes} bytes announced, ${window.available} there`;
      throw captureFault(window, start, what, TRUNCATED_HINT);
    }
    record.at = window.at;
    window.skip(record.bytes);
    return true;
  }
}

/** Where a writer puts its bytes; the array is reused after the call. */
export type ByteSink = (bytes: Uint8Array) => void;

const WRITE_BUFFER_BYTES = 2 * MAX_CAPTURED_BYTES;

/** Writes a classic capture through a buffer of its own; nothing is allocated per frame. */
export class PcapWriter {
  readonly linkType: number;
  readonly #sink: ByteSink;
  readonly #buffer = new Uint8Array(WRITE_BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #count = 0;

  constructor(linkType: number, sink: ByteSink) {
    this.linkType = linkType;
    this.#sink = sink;
    this.#view.setUint32(0, MAGIC_MICROSECONDS, true);
    this.#view.setUint16(4, 2, true);
    this.#view.setUint16(6, 4, true);
    this.#view.setUint32(SNAP_LENGTH, MAX_CAPTURED_BYTES, true);
    this.#view.setUint32(LINK_TYPE, linkType, true);
    this.#count = FILE_HEADER_BYTES;
  }

  /** Appends one frame of at most MAX_CAPTURED_BYTES: `bytes` bytes of `v` from `at` on. @param timeMs milliseconds since 1970 */
  write(timeMs: number, v: DataView, at: number, bytes: number): void {
    if (this.#count + RECORD_HEADER_BYTES + bytes > WRITE_BUFFER_BYTES) this.flush();
    const microseconds = Math.round(timeMs * 1000);
    const seconds = Math.floor(microseconds / 1e6);
    const start = this.#count;
    this.#view.setUint32(start, seconds, true);
    this.#view.setUint32(start + FRACTION, microseconds - seconds * 1e6, true);
    this.#view.setUint32(start + CAPTURED, bytes, true);
    this.#view.setUint32(start + ORIGINAL, bytes, true);
    this.#buffer.set(new Uint8Array(v.buffer, v.byteOffset + at, bytes), start + RECORD_HEADER_BYTES);
    this.#count = start + RECORD_HEADER_BYTES + bytes;
  }

  /** Hands everything written so far to the sink. */
  flush(): void {
    const count = this.#count;
    this.#count = 0;
    if (count > 0) this.#sink(this.#buffer.subarray(0, count));
  }
}
