import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChecksumState } from '../../src/base/terms.ts';
import { headerBytes, readVirtioHeader, VIRTIO_HEADER_BYTES, writeVirtioHeader } from '../../src/io/virtioHeader.ts';
import { Burst, SegmentKind } from '../../src/memory/burst.ts';

const FRAME_AT = 64;
const HEADER_AT = FRAME_AT - VIRTIO_HEADER_BYTES;
const TCP_AT = 34;

/** One frame at FRAME_AT whose TCP header, behind Ethernet and IPv4, is 32 bytes long. */
function oneFrame(): { v: DataView; burst: Burst } {
  const v = new DataView(new ArrayBuffer(256));
  v.setUint8(FRAME_AT + TCP_AT + 12, 8 << 4);
  const burst = new Burst();
  burst.push(FRAME_AT, 120);
  return { v, burst };
}

function headerText(v: DataView): string {
  return Buffer.from(v.buffer, HEADER_AT, VIRTIO_HEADER_BYTES).toString('hex');
}

test('an ordinary frame has a header of zeros, whatever lay there before', () => {
  const { v, burst } = oneFrame();
  for (let i = 0; i < VIRTIO_HEADER_BYTES; i++) v.setUint8(HEADER_AT + i, 0xff);
  writeVirtioHeader(v, HEADER_AT, burst, 0, 0);
  expect(headerText(v)).toBe('00000000000000000000');
});

test('a TCP super-frame with a partial checksum is described as the kernel expects it', () => {
  const { v, burst } = oneFrame();
  burst.checksum[0] = ChecksumState.partial;
  burst.checksumStart[0] = TCP_AT;
  burst.checksumOffset[0] = 16;
  burst.segmentKind[0] = SegmentKind.tcpv4;
  burst.segmentBytes[0] = 1448;
  writeVirtioHeader(v, HEADER_AT, burst, 0, 0);
  // needs checksum, TCPv4, 66 header bytes (14 + 20 + 32), segments of 1448, sum from 34, field 16 behind it
  expect(headerText(v)).toBe('01014200a80522001000');
});

test('a TUN device counts from the IP header', () => {
  const { v, burst } = oneFrame();
  burst.checksum[0] = ChecksumState.partial;
  burst.checksumStart[0] = TCP_AT;
  burst.checksumOffset[0] = 16;
  burst.segmentKind[0] = SegmentKind.tcpv6;
  burst.segmentBytes[0] = 1000;
  writeVirtioHeader(v, HEADER_AT, burst, 0, 14);
  expect(headerText(v)).toBe('01043400e80314001000');
});

test('a checksum that was verified already counts as complete', () => {
  const { v, burst } = oneFrame();
  v.setUint8(HEADER_AT, 2);
  readVirtioHeader(v, HEADER_AT, burst, 0, 0);
  expect(burst.checksum[0]).toBe(ChecksumState.complete);
});

test('the ECN bit is no segment kind of its own', () => {
  const { v, burst } = oneFrame();
  v.setUint8(HEADER_AT + 1, 0x81);
  v.setUint16(HEADER_AT + 4, 1400, true);
  readVirtioHeader(v, HEADER_AT, burst, 0, 0);
  expect([burst.segmentKind[0], burst.segmentBytes[0]]).toEqual([SegmentKind.tcpv4, 1400]);
});

test.each([
  ['tcpv4', SegmentKind.tcpv4, TCP_AT + 32],
  ['tcpv6', SegmentKind.tcpv6, TCP_AT + 32],
  ['udp', SegmentKind.udp, TCP_AT + 8],
  ['udpFragments', SegmentKind.udpFragments, TCP_AT + 8],
] as const)('every segment of kind %s repeats the headers up to its payload', (_name, kind, bytes) => {
  const { v, burst } = oneFrame();
  burst.checksumStart[0] = TCP_AT;
  burst.segmentKind[0] = kind;
  expect(headerBytes(v, burst, 0)).toBe(bytes);
});

test('what is written is read again, with and without link header', () => {
  const kinds = Object.values(SegmentKind);
  const states = [ChecksumState.complete, ChecksumState.partial];
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.constantFrom(...states),
      fc.integer({ min: 14, max: 100 }),
      fc.constantFrom(6, 16),
      fc.integer({ min: 1, max: 0xffff }),
      fc.constantFrom(0, 14),
      (kind, state, start, offset, segmentBytes, linkBytes) => {
        const { v, burst } = oneFrame();
        burst.checksum[0] = state;
        burst.checksumStart[0] = start;
        burst.checksumOffset[0] = offset;
        burst.segmentKind[0] = kind;
        burst.segmentBytes[0] = segmentBytes;
        writeVirtioHeader(v, HEADER_AT, burst, 0, linkBytes);
        const again = new Burst();
        readVirtioHeader(v, HEADER_AT, again, again.push(FRAME_AT, 120), linkBytes);
        expect([again.checksum[0], again.segmentKind[0]]).toEqual([state, kind]);
        if (state === ChecksumState.partial) expect([again.checksumStart[0], again.checksumOffset[0]]).toEqual([start, offset]);
        if (kind !== SegmentKind.none) expect(again.segmentBytes[0]).toBe(segmentBytes);
      },
    ),
  );
});
