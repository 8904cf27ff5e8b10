/** TOA and the other options that fullnat changes, on any options that a client may send. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChecksumState, NONE } from '../../src/base/terms.ts';
import { blankOption, lowerMss, nextOption, OptionKind, optionsEnd } from '../../src/forward/tcpOptions.ts';
import { insertToa, NO_ROOM, toaBytes } from '../../src/forward/toa.ts';
import * as checksum from '../../src/packet/checksum.ts';
import { Flow, FlowFault, parseFlow } from '../../src/packet/flow.ts';
import { frame } from '../support/frame.ts';
import { bytesOf, hexOf } from '../support/wireBytes.ts';

const HEADROOM = 64;

/** A frame in memory with headroom, and its flow. */
function place(family: 'v4' | 'v6', options: Uint8Array, payload = 'abcd'): { v: DataView; bytes: Uint8Array; flow: Flow } {
  const ip = family === 'v4' ? frame().ipv4() : frame().ipv6();
  const built = ip.tcp({ source: 40_000, target: 80, flags: 'SYN', options }).payload(new TextEncoder().encode(payload)).build();
  const bytes = new Uint8Array(HEADROOM + built.length);
  bytes.set(built, HEADROOM);
  const v = new DataView(bytes.buffer);
  const flow = new Flow();
  expect(parseFlow(v, HEADROOM, built.length, flow)).toBe(FlowFault.none);
  return { v, bytes, flow };
}

/** Kind and content of every option, as hex. */
function optionsOf(v: DataView, { l4 }: Flow): string[] {
  const found: string[] = [];
  const end = optionsEnd(v, l4);
  for (let at = nextOption(v, l4 + 20, end); at !== NONE; at = nextOption(v, at + v.getUint8(at + 1), end)) {
    found.push(hexOf(new Uint8Array(v.buffer, at, v.getUint8(at + 1))));
  }
  return found;
}

/** The frame that now begins `grown` bytes earlier is well-formed, with right checksums. */
function expectSound(bytes: Uint8Array, grown: number, flow: Flow): void {
  const at = HEADROOM - grown;
  const again = new Flow();
  const v = new DataView(bytes.buffer);
  expect(parseFlow(v, at, bytes.length - at, again)).toBe(FlowFault.none);
  expect([again.l3, again.l4, again.end]).toEqual([flow.l3, flow.l4, flow.end]);
  expect(checksum.verifyTransport(v, again)).toBe(true);
}

const someOptions = fc.oneof(
  fc.uint8Array({ minLength: 0, maxLength: 10 }).map((words) => Uint8Array.from([...words].flatMap((n) => [n, n & 7, 1, 0]))),
  fc
    .array(fc.constantFrom('01', '020405b4', '0402', '080a0000000100000002', '030307', 'fe08123401020304', '00'), {
      maxLength: 9,
    })
    .map((parts) => bytesOf(parts.join('')).slice(0, 40))
    .map((all) => Uint8Array.from([...all, ...new Array((4 - (all.length % 4)) % 4).fill(1)])),
);

describe('whatever the options', () => {
  test('with TOA the frame is sound, and every option is still there', () => {
    let without = 0;
    fc.assert(
      fc.property(fc.constantFrom('v4', 'v6'), someOptions, (family, options) => {
        const { v, bytes, flow } = place(family, options);
        const before = optionsOf(v, flow);
        const grown = insertToa(v, bytes, HEADROOM, flow, ChecksumState.complete);
        if (grown === NO_ROOM) {
          without++;
          expect(optionsOf(v, flow)).toEqual(before);
          return expectSound(bytes, 0, flow);
        }
        const [own, ...others] = optionsOf(v, flow);
        expect(own).toMatch(/^fe(08|14)9c40/);
        expect(others).toEqual(before);
        expectSound(bytes, grown, flow);
      }),
      { numRuns: 200 },
    );
    expect(without).toBeGreaterThan(0);
  });

  test('a client cannot keep an option of its own, and the frame is sound', () => {
    fc.assert(
      fc.property(fc.constantFrom('v4', 'v6'), someOptions, (family, options) => {
        const { v, bytes, flow } = place(family, options);
        blankOption(v, flow, OptionKind.toa, ChecksumState.complete);
        expect(optionsOf(v, flow).filter((option) => option.startsWith('fe'))).toEqual([]);
        lowerMss(v, flow, toaBytes(flow.family), ChecksumState.complete);
        expectSound(bytes, 0, flow);
      }),
      { numRuns: 100 },
    );
  });
});

test.each([
  ['020405b4', '020405ac'],
  ['0101020405b40101', '020405ac'],
  ['02040058', '02040058'],
])('the MSS of %s becomes %s', (options, expected) => {
  const { v, bytes, flow } = place('v4', bytesOf(options));
  lowerMss(v, flow, 8, ChecksumState.complete);
  expect(optionsOf(v, flow)).toEqual([expected]);
  expectSound(bytes, 0, flow);
});

test('a partial checksum covers the new length of the segment, and no option', () => {
  const { v, bytes, flow } = place('v4', new Uint8Array());
  v.setUint16(flow.l4 + 16, checksum.pseudoHeaderSum(flow, flow.end - flow.l4));
  const grown = insertToa(v, bytes, HEADROOM, flow, ChecksumState.partial);
  expect(grown).toBe(8);
  expect(v.getUint16(flow.l4 + 16)).toBe(checksum.pseudoHeaderSum(flow, flow.end - flow.l4));
});
