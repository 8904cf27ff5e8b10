/** The native helper by itself: memory, sums, and wrong arguments. Needs the helper built, but no root. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interfaceFacts } from '../../src/io/interfaceFacts.ts';
import { native, nativeFailure } from '../../src/io/native.ts';

describe('arena', () => {
  test('is rounded up to whole pages, zero, and writable to its last byte', () => {
    const { pageBytes } = native();
    const bytes = new Uint8Array(native().arena(pageBytes + 1));
    expect(bytes.length).toBe(2 * pageBytes);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes[bytes.length - 1] = 7;
    expect(bytes.at(-1)).toBe(7);
  });

  test('is address space only: ten of 1 GiB cost nothing', () => {
    const before = process.memoryUsage.rss();
    const arenas = Array.from({ length: 10 }, () => native().arena(1 << 30));
    expect(arenas.at(-1)!.byteLength).toBe(1 << 30);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20);
  });

  test.each([0, -1, 2 ** 31, Number.NaN])('of %d bytes is refused', (bytes) => {
    expect(() => native().arena(bytes)).toThrow(TypeError);
  });
});

describe('checksum', () => {
  test('is the sum of 16-bit words in network order', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const where = fc.nat(7);
    fc.assert(
      fc.property(bytes, where, (data, at) => {
        const buffer = new ArrayBuffer(256);
        new Uint8Array(buffer).set(data, at);
        let sum = 0;
        for (const [i, byte] of data.entries()) sum += i % 2 === 0 ? byte << 8 : byte;
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
        expect(native().checksum(buffer, at, data.length)).toBe(sum);
      }),
    );
  });

  test.each([
    [-1, 4],
    [0, 257],
    [256, 1],
    [4, -1],
  ])('of bytes outside the buffer (%d, %d) is refused', (at, bytes) => {
    expect(() => native().checksum(new ArrayBuffer(256), at, bytes)).toThrow(TypeError);
  });
});

test('the clock counts microseconds, in whole numbers of 32 bits', () => {
  const [from, fromMs] = [native().microseconds(), performance.now()];
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  const [to, toMs] = [native().microseconds(), performance.now()];
  expect([from | 0, to | 0]).toEqual([from, to]);
  // A thread that waits for a core between two readings makes them differ.
  expect(((to - from) | 0) / 1000).toBeGreaterThan((toMs - fromMs) / 10);
  expect(((to - from) | 0) / 1000).toBeLessThan((toMs - fromMs) * 10);
});

describe('wrong arguments', () => {
  const buffer = new ArrayBuffer(4096);
  const calls: readonly (readonly [claim: string, call: () => unknown])[] = [
    ['a frame outside the arena', () => native().packetSend(0, buffer, Int32Array.of(4000, 200), 0, 1)],
    ['a frame of negative length', () => native().packetSend(0, buffer, Int32Array.of(0, -1), 0, 1)],
    ['more frames than the batch has', () => native().packetSend(0, buffer, new Int32Array(2), 0, 2)],
    ['more frames than one call takes', () => native().packetSend(0, buffer, new Int32Array(2000), 0, 1000)],
    ['a slot outside the arena', () => native().tunRead(0, buffer, Int32Array.of(4096, 1), 0, 1)],
    ['a batch that is no Int32Array', () => native().tunWrite(0, buffer, new Float64Array(2) as unknown as Int32Array, 0, 1)],
    ['too few arguments', () => (native().poll as () => unknown)()],
    ['a name with a zero byte', () => native().interfaceFacts('lo\0x')],
    ['an option that is missing', () => native().packetOpen(buffer, 0, {} as never)],
  ];
  test.each(calls)('%s: TypeError, and nothing happens', (_claim, call) => {
    expect(call).toThrow(TypeError);
  });

  test('an unknown descriptor is EBADF', () => {
    expect(() => native().closeFd(9999)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'close' }));
  });
});

describe('interface facts', () => {
  test('of the loopback interface', () => {
    const { index, mtu, receiveQueues, isEthernet, macHigh, macLow } = interfaceFacts('lo');
    expect(index).toBeGreaterThan(0);
    expect(mtu).toBeGreaterThan(1500);
    expect([receiveQueues, isEthernet, macHigh, macLow]).toEqual([1, true, 0, 0]);
  });

  test('of one that is not there: code, name and call', () => {
    const failure = expect.objectContaining({ code: 'INTERFACE_UNKNOWN', message: expect.stringContaining('uvsionone') });
    expect(() => interfaceFacts('uvsionone')).toThrow(failure);
  });

  test('an error that means nothing special keeps its words', () => {
    expect(nativeFailure(new Error('strange'), 'port x')).toMatchObject({ code: 'PORT_OPEN_FAILED', message: 'port x: strange' });
  });
});
