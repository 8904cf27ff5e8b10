import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UvsError } from '../../src/base/errors.ts';
import { LinkType } from '../../src/io/captureRecord.ts';
import { PcapWriter } from '../../src/io/pcapFile.ts';
import { type Captured, classicCapture, openBytes, PcapngBlocks, recordsOf } from './captures.ts';

const RECORDS: readonly Captured[] = [
  { timeMs: 1_700_000_000_001.5, frame: Uint8Array.of(1, 2, 3, 4, 5, 6, 7), originalBytes: 7 },
  { timeMs: 1_700_000_000_999.999, frame: new Uint8Array(0), originalBytes: 0 },
  { timeMs: 1_700_000_002_000, frame: new Uint8Array(1500).fill(9), originalBytes: 9000 },
];

function written(records: readonly Captured[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new PcapWriter(LinkType.ethernet, (bytes) => parts.push(bytes.slice()));
  for (const { timeMs, frame } of records) writer.write(timeMs, new DataView(frame.buffer, frame.byteOffset), 0, frame.length);
  writer.flush();
  return Buffer.concat(parts);
}

/** Reads everything; the message of the UvsError when that is what comes of it, and fails on any other error. */
function faultOf(file: Uint8Array): string {
  try {
    recordsOf(openBytes(file));
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(UvsError);
    expect((error as UvsError).place).toEqual({ file: 'memory.pcap' });
    return (error as UvsError).message;
  }
}

describe('classic capture', () => {
  test.each([
    ['little-endian microseconds', { isLittleEndian: true, isNanosecond: false }],
    ['little-endian nanoseconds', { isLittleEndian: true, isNanosecond: true }],
    ['big-endian microseconds', { isLittleEndian: false, isNanosecond: false }],
    ['big-endian nanoseconds', { isLittleEndian: false, isNanosecond: true }],
  ])('is read in %s', (_name, form) => {
    const records = recordsOf(openBytes(classicCapture(form, LinkType.ethernet, RECORDS)));
    expect(records.map(({ frame, originalBytes }) => ({ frame, originalBytes }))).toEqual(
      RECORDS.map(({ frame, originalBytes }) => ({ frame, originalBytes })),
    );
    for (const [i, { timeMs }] of records.entries()) expect(timeMs).toBeCloseTo(RECORDS[i]!.timeMs, 3);
  });

  test('is written as the book says', () => {
    const [record] = RECORDS as [Captured];
    expect(
      Buffer.from(written([record]))
        .toString('hex')
        .match(/.{8}|.+$/g),
    ).toEqual([
      ...['d4c3b2a1', '02000400', '00000000', '00000000', '00000400', '01000000'], // magic, 2.4, zone, accuracy, snap, Ethernet
      ...['00f15365', 'dc050000', '07000000', '07000000'], // 1700000000 s, 1500 us, 7 captured of 7
      ...['01020304', '050607'],
    ]);
  });

  test('written and read again is the same', () => {
    const record = fc.record({
      timeMs: fc.nat({ max: 4_000_000_000_000 }).map((microseconds) => microseconds / 1000),
      frame: fc.uint8Array({ maxLength: 2000 }),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), fc.integer({ min: 1, max: 5000 }), (list, stepBytes) => {
        const records = list.map(({ timeMs, frame }) => ({ timeMs, frame, originalBytes: frame.length }));
        expect(recordsOf(openBytes(written(records), stepBytes))).toEqual(records);
      }),
      { numRuns: 40 },
    );
  });

  test('written past the buffer is handed over in whole records', () => {
    const records = Array.from({ length: 12 }, (_, i) => ({
      timeMs: i,
      frame: new Uint8Array(100_000).fill(i),
      originalBytes: 100_000,
    }));
    const read = recordsOf(openBytes(written(records)));
    expect(read.length).toBe(records.length);
    for (const [i, { frame }] of read.entries()) expect(Buffer.compare(frame, records[i]!.frame)).toBe(0);
  });

  test.each([
    ['the header', 10, 'byte 10: the file ends in its header'],
    ['a record header', 24 + 5, 'byte 24: the file ends in a record header'],
    ['a frame', 24 + 16 + 3, 'byte 24: the file ends in a record: 7 bytes announced, 3 there'],
    ['the magic number', 3, 'byte 3: the file ends before its magic number'],
  ])('cut off in %s is reported with the place', (_name, bytes, message) => {
    expect(faultOf(written(RECORDS).subarray(0, bytes))).toBe(message);
  });

  test('with an impossible length is reported with the place', () => {
    const file = written(RECORDS);
    file.set([255, 255, 255, 255], 24 + 8);
    expect(faultOf(file)).toBe('byte 32: a record claims 4294967295 bytes; at most 262144 can be');
  });

  test('of another link type is refused', () => {
    const form = { isLittleEndian: true, isNanosecond: false };
    expect(faultOf(classicCapture(form, 113, RECORDS))).toBe('byte 20: link type 113 is neither Ethernet nor raw IP');
    expect(faultOf(classicCapture(form, 0x1400_0001, RECORDS))).toBe('');
  });

  test('that grows is read on', () => {
    const file = written(RECORDS);
    let end = 24;
    const reader = openBytes(file, 1000, () => end);
    expect(reader.next()).toBe(false);
    end += 16 + 7;
    expect([reader.next(), reader.next()]).toEqual([true, false]);
    end = file.length;
    expect([reader.next(), reader.next(), reader.next()]).toEqual([true, true, false]);
  });
});

describe('pcapng capture', () => {
  const frame = Uint8Array.of(1, 2, 3, 4, 5);

  test.each([
    ['little-endian', true],
    ['big-endian', false],
  ])('is read in %s, whatever other blocks there are', (_name, isLittleEndian) => {
    const blocks = new PcapngBlocks(isLittleEndian);
    const file = Buffer.concat([
      blocks.sectionHeader(),
      blocks.block(5, new Uint8Array(600_000)), // statistics, longer than the window
      blocks.interfaceDescription(LinkType.ethernet),
      blocks.enhancedPacket(0, 1_700_000_000_123_456, frame),
      blocks.simplePacket(frame, 900),
      blocks.block(0x0bad, frame),
      blocks.enhancedPacket(0, 1_700_000_000_123_457, new Uint8Array(0), 60),
    ]);
    expect(recordsOf(openBytes(file, 777))).toEqual([
      { timeMs: 1_700_000_000_123.456, frame, originalBytes: 5 },
      { timeMs: 1_700_000_000_123.456, frame: Uint8Array.of(1, 2, 3, 4, 5, 0, 0, 0), originalBytes: 900 },
      { timeMs: 1_700_000_000_123.457, frame: new Uint8Array(0), originalBytes: 60 },
    ]);
  });

  test('has the clock and the link type of each interface', () => {
    const blocks = new PcapngBlocks();
    const file = Buffer.concat([
      blocks.sectionHeader(),
      blocks.interfaceDescription(LinkType.ethernet, 9), // nanoseconds
      blocks.interfaceDescription(LinkType.raw, 0x80 | 10), // 1/1024 second
      blocks.enhancedPacket(1, 1536, frame),
      blocks.enhancedPacket(0, 2_500_000_000, frame),
    ]);
    const reader = openBytes(file);
    const seen = [];
    while (reader.next()) seen.push([reader.record.linkType, reader.record.timeMs]);
    expect(seen).toEqual([
      [LinkType.raw, 1500],
      [LinkType.ethernet, 2500],
    ]);
  });

  test('may have sections in different byte orders', () => {
    const file = [true, false].flatMap((isLittleEndian) => {
      const blocks = new PcapngBlocks(isLittleEndian);
      return [blocks.sectionHeader(), blocks.interfaceDescription(LinkType.ethernet), blocks.enhancedPacket(0, 1000, frame)];
    });
    expect(recordsOf(openBytes(Buffer.concat(file))).map(({ timeMs }) => timeMs)).toEqual([1, 1]);
  });

  const { sectionHeader, words } = { sectionHeader: new PcapngBlocks().sectionHeader(), words: new PcapngBlocks() };
  const described = Buffer.concat([sectionHeader, words.interfaceDescription(LinkType.ethernet)]);
  test.each([
    ['without its byte-order magic', sectionHeader.with(8, 0), 'byte 8: a section header without the byte-order magic'],
    ['cut off in a block', sectionHeader.subarray(0, 20), 'byte 0: the file ends in a block of 28 bytes'],
    ['cut off in a block header', described.subarray(0, 32), 'byte 28: the file ends in a block header'],
    ['with a block that is too short', Buffer.concat([sectionHeader, words.words(6, 8)]), 'byte 32: a block claims 8 bytes'],
    ['with a block of odd length', Buffer.concat([sectionHeader, words.words(6, 33)]), 'byte 32: a block claims 33 bytes'],
    [
      'with a packet of an unknown interface',
      Buffer.concat([described, words.enhancedPacket(1, 0, frame)]),
      'byte 48: a packet of interface 1, which is not described',
    ],
    [
      'with a packet longer than its block',
      Buffer.concat([described, words.block(6, words.words(0, 0, 0, 100, 100))]),
      'byte 68: a packet claims 100 bytes in a body of 20',
    ],
    [
      'of another link type',
      Buffer.concat([sectionHeader, words.interfaceDescription(113), words.enhancedPacket(0, 0, frame)]),
      'byte 48: link type 113 is neither Ethernet nor raw IP',
    ],
  ])('%s is reported with the place', (_name, file, message) => {
    expect(faultOf(file)).toBe(message);
  });
});

describe('any bytes', () => {
  const classic = (isLittleEndian: boolean) => classicCapture({ isLittleEndian, isNanosecond: false }, 1, RECORDS.slice(0, 2));
  const blocks = new PcapngBlocks();
  const modern = Buffer.concat([
    blocks.sectionHeader(),
    blocks.interfaceDescription(1, 6),
    blocks.enhancedPacket(0, 5, RECORDS[0]!.frame),
    blocks.simplePacket(RECORDS[0]!.frame),
  ]);
  const seeds = [new Uint8Array(0), classic(true), classic(false), modern];
  const edit = fc.record({ at: fc.nat(200), byte: fc.constantFrom(0, 1, 3, 6, 0x7f, 0x80, 0xff) });

  test('make a reader end or throw a UvsError, nothing else', () => {
    const inputs = fc.record({
      seed: fc.constantFrom(...seeds),
      edits: fc.array(edit, { maxLength: 6 }),
      tail: fc.uint8Array({ maxLength: 100 }),
      cut: fc.nat(300),
    });
    fc.assert(
      fc.property(inputs, ({ seed, edits, tail, cut }) => {
        const file = Uint8Array.from([...seed, ...tail]);
        for (const { at, byte } of edits) if (at < file.length) file[at] = byte;
        faultOf(file.subarray(0, cut));
      }),
      { numRuns: 300 },
    );
  });
});
