/**
 * The block format of Wireshark (draft-ietf-opsawg-pcapng), read only: section headers, interface descriptions, enhanced and simple
 * packets; every other block is passed over. Each section has its own byte order, each interface its link type and clock.
 *
 *     type | total length | body, padded to 4 | total length
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

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;

/** Type and total length in front; the total length again behind. */
const BLOCK_HEAD_BYTES = 8;
const MIN_BLOCK_BYTES = 12;
/** The largest block of ours: a packet, its header and its options. Others are passed over, whatever their size. */
const MAX_BLOCK_BYTES = MAX_CAPTURED_BYTES + 65_536;
/** Fixed part of the body, by block. */
const SECTION_BODY_BYTES = 16;
const INTERFACE_BODY_BYTES = 8;
const SIMPLE_BODY_BYTES = 4;
const ENHANCED_BODY_BYTES = 20;
const MAX_INTERFACES = 1024;
const DAMAGED_HINT = 'The file is damaged from here on; what stands before it can be used.';

interface CaptureInterface {
  readonly linkType: number;
  readonly snapBytes: number;
  readonly ticksPerMs: number;
}

/** Whether a file that begins with these four bytes is made of blocks; the number reads the same in both byte orders. */
export function isPcapngMagic(magic: number): boolean {
  return magic === SECTION_HEADER;
}

export class PcapngReader implements CaptureReader {
  readonly window: ByteWindow;
  readonly record = captureRecord();
  #isLittleEndian = true;
  #interfaces: CaptureInterface[] = [];

  constructor(window: ByteWindow) {
    this.window = window;
  }

  next(): boolean {
    while (this.window.has(BLOCK_HEAD_BYTES)) {
      if (this.#readBlock()) return true;
    }
    if (this.window.available === 0) return false;
    throw captureFault(this.window, this.window.offset, 'the file ends in a block header', TRUNCATED_HINT);
  }

  /** Moves over one block. @returns true when it was a packet, which `record` now describes */
  #readBlock(): boolean {
    const { window } = this;
    const start = window.offset;
    if (window.view.getUint32(window.at) === SECTION_HEADER) this.#readByteOrder(start);
    const type = this.#word(0);
    const total = this.#word(4);
    if (total < MIN_BLOCK_BYTES || total % 4 !== 0) {
      throw captureFault(window, start + 4, `a block claims ${total} bytes`, DAMAGED_HINT);
    }
    if (![SECTION_HEADER, INTERFACE_DESCRIPTION, SIMPLE_PACKET, ENHANCED_PACKET].includes(type)) {
      if (!window.skip(total)) throw captureFault(window, start, `the file ends in a block of ${total} bytes`, TRUNCATED_HINT);
      return false;
    }
    if (total > MAX_BLOCK_BYTES) throw captureFault(window, start + 4, `a block claims ${total} bytes`, DAMAGED_HINT);
    if (!window.has(total)) throw captureFault(window, start, `the file ends in a block of ${total} bytes`, TRUNCATED_HINT);
    const isPacket = this.#readBody(type, total - MIN_BLOCK_BYTES, start);
    window.skip(total);
    return isPacket;
  }

  #readByteOrder(start: number): void {
    if (!this.window.has(MIN_BLOCK_BYTES))
      throw captureFault(this.window, start, 'the file ends in a section header', TRUNCATED_HINT);
    const at = this.window.at + BLOCK_HEAD_BYTES;
    this.#isLittleEndian = this.window.view.getUint32(at, true) === BYTE_ORDER_MAGIC;
    if (!this.#isLittleEndian && this.window.view.getUint32(at) !== BYTE_ORDER_MAGIC) {
      throw captureFault(this.window, start + BLOCK_HEAD_BYTES, 'a section header without the byte-order magic', DAMAGED_HINT);
    }
  }

  #readBody(type: number, bodyBytes: number, start: number): boolean {
    switch (type) {
      case SECTION_HEADER:
        this.#expect(bodyBytes >= SECTION_BODY_BYTES, start, 'a section header is too short');
        this.#interfaces = [];
        return false;
      case INTERFACE_DESCRIPTION:
        this.#expect(bodyBytes >= INTERFACE_BODY_BYTES, start, 'an interface description is too short');
        this.#expect(this.#interfaces.length < MAX_INTERFACES, start, `more than ${MAX_INTERFACES} interfaces`);
        this.#interfaces.push(this.#readInterface(bodyBytes));
        return false;
      case SIMPLE_PACKET:
        this.#expect(bodyBytes >= SIMPLE_BODY_BYTES, start, 'a packet block is too short');
        this.#readSimplePacket(bodyBytes, start);
        return true;
      default:
        this.#expect(bodyBytes >= ENHANCED_BODY_BYTES, start, 'a packet block is too short');
        this.#readEnhancedPacket(bodyBytes, start);
        return true;
    }
  }

  #readInterface(bodyBytes: number): CaptureInterface {
    const { view, at } = this.window;
    const linkType = view.getUint16(at + BLOCK_HEAD_BYTES, this.#isLittleEndian);
    const snapBytes = this.#word(BLOCK_HEAD_BYTES + 4) || MAX_CAPTURED_BYTES;
    let ticksPerMs = 1000;
    const end = at + BLOCK_HEAD_BYTES + bodyBytes;
    let option = at + BLOCK_HEAD_BYTES + INTERFACE_BODY_BYTES;
    while (option + 4 <= end) {
      const code = view.getUint16(option, this.#isLittleEndian);
      const length = view.getUint16(option + 2, this.#isLittleEndian);
      if (code === OPTION_END || option + 4 + length > end) break;
      if (code === OPTION_TIME_RESOLUTION && length === 1) ticksPerMs = ticksPerSecond(view.getUint8(option + 4)) / 1000;
      option += 4 + Math.ceil(length / 4) * 4;
    }
    return { linkType, snapBytes, ticksPerMs };
  }

  /** Has no time of its own: that of the packet before stays. */
  #readSimplePacket(bodyBytes: number, start: number): void {
    const from = this.#interface(0, start);
    const original = this.#word(BLOCK_HEAD_BYTES);
    const captured = Math.min(original, from.snapBytes, bodyBytes - SIMPLE_BODY_BYTES);
    this.#setRecord(from, BLOCK_HEAD_BYTES + SIMPLE_BODY_BYTES, captured, original);
  }

  #readEnhancedPacket(bodyBytes: number, start: number): void {
    const from = this.#interface(this.#word(BLOCK_HEAD_BYTES), start);
    const ticks = this.#word(BLOCK_HEAD_BYTES + 4) * 0x1_0000_0000 + this.#word(BLOCK_HEAD_BYTES + 8);
    const captured = this.#word(BLOCK_HEAD_BYTES + 12);
    const fits = captured <= bodyBytes - ENHANCED_BODY_BYTES && captured <= MAX_CAPTURED_BYTES;
    this.#expect(fits, start + BLOCK_HEAD_BYTES + 12, `a packet claims ${captured} bytes in a body of ${bodyBytes}`);
    this.record.timeMs = ticks / from.ticksPerMs;
    this.#setRecord(from, BLOCK_HEAD_BYTES + ENHANCED_BODY_BYTES, captured, this.#word(BLOCK_HEAD_BYTES + 16));
  }

  #setRecord(from: CaptureInterface, frameAt: number, captured: number, original: number): void {
    this.record.linkType = from.linkType;
    this.record.at = this.window.at + frameAt;
    this.record.bytes = captured;
    this.record.originalBytes = original;
  }

  #interface(index: number, start: number): CaptureInterface {
    const found = this.#interfaces[index];
    if (found === undefined)
      throw captureFault(this.window, start, `a packet of interface ${index}, which is not described`, DAMAGED_HINT);
    checkLinkType(this.window, start, found.linkType);
    return found;
  }

  #expect(condition: boolean, offset: number, otherwise: string): void {
    if (!condition) throw captureFault(this.window, offset, otherwise, DAMAGED_HINT);
  }

  /** An unsigned word of the block that the window stands on. */
  #word(offset: number): number {
    return this.window.view.getUint32(this.window.at + offset, this.#isLittleEndian);
  }
}

/** if_tsresol: a negative power of 10, or of 2 when the top bit is set. */
function ticksPerSecond(resolution: number): number {
  return (resolution & 0x80) === 0 ? 10 ** resolution : 2 ** (resolution & 0x7f);
}
