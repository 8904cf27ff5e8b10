import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { formatError, UvsError } from '../../src/base/errors.ts';
import { LinkType } from '../../src/io/captureRecord.ts';
import { openCapture } from '../../src/io/openCapture.ts';
import { PcapPort } from '../../src/io/pcapPort.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { classicCapture, openBytes, recordsOf } from './captures.ts';
import { describePort, type PortRig } from './portConformance.ts';
import { ethernetFrames, udpFrames } from './testFrames.ts';

const directory = mkdtempSync(join(tmpdir(), 'uvs-pcap-'));
afterAll(() => rmSync(directory, { recursive: true }));
let files = 0;
const newPath = () => join(directory, `${files++}.pcap`);

const frames = ethernetFrames();

/** Adds frames to a capture file. */
function append(path: string, times: readonly number[], list: readonly Uint8Array[], linkType: number = LinkType.ethernet): void {
  const records = list.map((frame, i) => ({ timeMs: times[i] ?? 0, frame, originalBytes: frame.length }));
  const whole = classicCapture({ isLittleEndian: true, isNanosecond: false }, linkType, records);
  appendFileSync(path, existsSync(path) ? whole.subarray(24) : whole);
}

function arenaOf(): FrameArena {
  return new FrameArena(new ArrayBuffer(1 << 20));
}

/** The outside writes to the file that the port reads, and reads the file that it writes; raw captures have no link header. */
function fileRig(linkType: number): PortRig {
  const [read, write] = [newPath(), newPath()];
  const linkBytes = linkType === LinkType.ethernet ? 0 : 14;
  append(read, [], [], linkType);
  const arena = arenaOf();
  const port = new PcapPort(arena, { read, write, writeLinkType: linkType });
  port.flush();
  const written = openSync(write, 'r');
  const reader = openCapture(write, (into, at, length) => readSync(written, into, at, length, null));
  return {
    port,
    arena,
    sendToPort: (frame) => append(read, [0], [frame.subarray(linkBytes)], linkType),
    takeFromPort: () => {
      port.flush();
      const [first] = recordsOf(reader, 1);
      if (first === undefined) return undefined;
      const frame = new Uint8Array(linkBytes + first.frame.length);
      if (linkBytes > 0) frame.set([8, 0], 12);
      frame.set(first.frame, linkBytes);
      return frame;
    },
    close: () => {
      port.close();
      closeSync(written);
    },
  };
}

describePort('pcap, Ethernet', () => fileRig(LinkType.ethernet), { capacity: 64 });
describePort('pcap, raw IP', () => fileRig(LinkType.raw), {
  capacity: 64,
  frames: udpFrames({ source: [10, 0, 0, 1], destination: [10, 0, 0, 2], port: 80 }),
});

describe('PcapPort', () => {
  test('shows the time of the capture, and stamps what it sends with it', () => {
    const [read, write] = [newPath(), newPath()];
    append(
      read,
      [1000.5, 2000.25, 1500],
      [1, 2, 3].map((i) => frames.build(i, 60)),
    );
    const port = new PcapPort(arenaOf(), { read, write, frames: 1 });
    const burst = new Burst();
    const times: number[] = [];
    while (port.receive(burst) > 0) {
      times.push(port.clock.now());
      burst.output.fill(0);
      port.transmit(burst, 0);
      port.release(burst);
    }
    port.close();
    expect(times).toEqual([1000.5, 2000.25, 2000.25]);
    expect(port.isAtEnd).toBe(true);
    expect(recordsOf(openBytes(readFileSync(write))).map(({ timeMs }) => timeMs)).toEqual(times);
  });

  test('stamps what it sends with the clock that it is given', () => {
    const [read, write] = [newPath(), newPath()];
    append(read, [77], [frames.build(1, 60)]);
    const port = new PcapPort(arenaOf(), { read, write, clock: new ManualClock(1_700_000_000_123.25) });
    const burst = new Burst();
    port.receive(burst);
    burst.output.fill(0);
    port.transmit(burst, 0);
    port.close();
    expect(recordsOf(openBytes(readFileSync(write))).map(({ timeMs }) => timeMs)).toEqual([1_700_000_000_123.25]);
  });

  test('writes IPv6 without a link header to a raw capture, and reads it back with one', () => {
    const path = newPath();
    const packet = new Uint8Array(48).fill(0x60);
    append(path, [0, 0], [packet, new Uint8Array(20)], LinkType.raw);
    const arena = arenaOf();
    const port = new PcapPort(arena, { read: path });
    const burst = new Burst();
    expect(port.receive(burst)).toBe(2);
    expect(arena.view.getUint16(burst.at[0]! + 12)).toBe(0x86dd);
    expect(arena.view.getUint16(burst.at[1]! + 12)).toBe(0);
    expect(arena.bytes.slice(burst.at[0]! + 14, burst.at[0]! + burst.bytes[0]!)).toEqual(packet);
  });

  test('passes over frames that are too long, and counts them', () => {
    const read = newPath();
    append(read, [], [frames.build(1, 9000), frames.build(2, 60)]);
    const port = new PcapPort(arenaOf(), { read });
    const burst = new Burst();
    expect(port.receive(burst)).toBe(1);
    expect(port.counters).toMatchObject({ received: 1, frameTooLong: 1 });
  });

  test('delivers what stands before a broken record, then says once what is broken', () => {
    const read = newPath();
    append(read, [], [frames.build(1, 60), frames.build(2, 60)]);
    writeFileSync(read, readFileSync(read).subarray(0, 24 + 76 + 16 + 30));
    const port = new PcapPort(arenaOf(), { read });
    const burst = new Burst();
    expect(port.receive(burst)).toBe(1);
    port.release(burst);
    expect(textOf(() => port.receive(burst))).toBe(
      `${read}: byte 100: the file ends in a record: 60 bytes announced, 30 there [CAPTURE_INVALID]\n  The capture was cut off; ` +
        '`editcap` (Debian package wireshark-common) writes the whole records to a new file.',
    );
    expect(port.isAtEnd).toBe(true);
    expect(port.receive(burst)).toBe(0);
  });

  test.each([
    ['a file that is not there', () => ({ read: join(directory, 'none') }), /cannot read the capture: ENOENT/],
    ['a directory', () => ({ read: directory }), /cannot read the capture: EISDIR/],
    [
      'a place where it may not write',
      () => ({ write: join(directory, 'none', 'out.pcap') }),
      /cannot write the capture: ENOENT/,
    ],
    ['an empty file', () => ({ read: fileWith('') }), /byte 0: the file ends before its magic number/],
    ['a text', () => ({ read: fileWith('hello world') }), /byte 0: 0x68656c6c begins neither a pcap nor a pcapng file/],
  ] as const)('refuses %s with a message for people', (_name, options, message) => {
    expect(textOf(() => new PcapPort(arenaOf(), options()))).toMatch(message);
  });

  test('does not overwrite the capture that it reads', () => {
    const read = newPath();
    append(read, [], [frames.build(1, 60)]);
    const before = readFileSync(read);
    expect(textOf(() => new PcapPort(arenaOf(), { read, write: read }))).toMatch(/the capture to write is the one to read/);
    expect(readFileSync(read)).toEqual(before);
  });

  test('replaces a capture that was there before', () => {
    const write = newPath();
    append(write, [], [frames.build(1, 60), frames.build(2, 60)]);
    new PcapPort(arenaOf(), { write }).close();
    expect(readFileSync(write).length).toBe(24);
  });

  test('reads a file of many windows with the same few slots', () => {
    const read = newPath();
    const count = 3000;
    append(
      read,
      [],
      Array.from({ length: count }, (_, i) => frames.build(i, 60 + ((i * 31) % 1400))),
    );
    const arena = arenaOf();
    const port = new PcapPort(arena, { read });
    const burst = new Burst();
    const numbers: number[] = [];
    while (port.receive(burst) > 0) {
      for (let i = 0; i < burst.count; i++)
        numbers.push(frames.sequenceOf(arena.bytes.subarray(burst.at[i]!, burst.at[i]! + 60)));
      port.release(burst);
    }
    expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i));
  });
});

function fileWith(text: string): string {
  const path = newPath();
  writeFileSync(path, text);
  return path;
}

/** What a person sees of the UvsError that `action` throws. */
function textOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UvsError) return formatError(error);
    throw error;
  }
  throw new Error('nothing was thrown');
}
