import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Flow, FlowFault, parseFlow } from '../../src/packet/flow.ts';
import { areAcceptable, hasOptions, recordRoute } from '../../src/packet/ipv4Options.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { frame } from '../support/frame.ts';
import { viewOf } from '../support/wireBytes.ts';

const VIP = '192.168.100.1';
const VIP_BYTES = [192, 168, 100, 1];

function packetWith(options: readonly number[]): { bytes: Uint8Array; flow: Flow } {
  const padded = Uint8Array.from({ length: Math.ceil(options.length / 4) * 4 }, (_, i) => options[i] ?? 0);
  const bytes = frame().ipv4({ target: VIP, options: padded }).tcp().build();
  const flow = new Flow();
  expect(parseFlow(viewOf(bytes), 0, bytes.length, flow)).toBe(FlowFault.none);
  return { bytes, flow };
}

/** The options of a packet after it has come by. */
function recorded(options: readonly number[]): number[] {
  const { bytes, flow } = packetWith(options);
  recordRoute(viewOf(bytes), flow);
  expectFrame(bytes).checksumsAreRight();
  return [...bytes.slice(flow.l3 + 20, flow.l4)];
}

describe('a host that gets a packet with options', () => {
  test.each([
    ['a recorded route with room', true, [7, 7, 4, 0, 0, 0, 0]],
    ['a recorded route that is full', true, [7, 7, 8, 1, 2, 3, 4]],
    ['a recorded route whose pointer is too small', false, [7, 7, 3, 0, 0, 0, 0]],
    ['a recorded route with room for half an address', false, [7, 6, 4, 0, 0, 0]],
    ['two recorded routes', false, [7, 3, 4, 7, 3, 4]],
    ['a loose source route', false, [131, 7, 4, 10, 0, 0, 1]],
    ['a strict source route at its end', false, [137, 7, 8, 10, 0, 0, 1]],
    ['a time stamp', true, [68, 8, 5, 0, 0, 0, 0, 0]],
    ['a router alert', true, [148, 4, 0, 0]],
    ['no-operations and an end', true, [1, 1, 1, 0]],
    ['an option longer than the header', false, [7, 27, 4, 0]],
    ['an option of length 1', false, [68, 1, 5, 0]],
  ] as const)('%s: takes it in is %s', (_name, accepts, options) => {
    const { bytes, flow } = packetWith(options);
    expect(hasOptions(flow)).toBe(true);
    expect(areAcceptable(viewOf(bytes), flow)).toBe(accepts);
  });

  test('adds the virtual address to a recorded route, as the kernel does', () => {
    expect(recorded([7, 7, 4, 0, 0, 0, 0])).toEqual([7, 7, 8, ...VIP_BYTES, 0]);
    expect(recorded([1, 7, 11, 8, 9, 9, 9, 9, 0, 0, 0, 0])).toEqual([1, 7, 11, 12, 9, 9, 9, 9, ...VIP_BYTES]);
  });

  test('leaves a full route and other options alone', () => {
    expect(recorded([7, 7, 8, 1, 2, 3, 4])).toEqual([7, 7, 8, 1, 2, 3, 4, 0]);
    expect(recorded([148, 4, 0, 0])).toEqual([148, 4, 0, 0]);
  });
});

test('no bytes lead outside the header', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }), (options) => {
      const { bytes, flow } = packetWith(options);
      const behind = bytes.slice(flow.l4);
      if (areAcceptable(viewOf(bytes), flow)) recordRoute(viewOf(bytes), flow);
      expect(bytes.slice(flow.l4)).toEqual(behind);
      expectFrame(bytes).checksumsAreRight();
    }),
    { numRuns: 300 },
  );
});
