import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BURST_FRAMES, NONE } from '../../src/base/terms.ts';
import { RECEIVE_FRAMES, TRANSMIT_FRAMES, XDP_PORT_CHUNKS, XdpMemory } from '../../src/io/xdpMemory.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { FakeXdpKernel, FRAME_BYTES, writeFrame } from './fakeXdpKernel.ts';

const { ENETDOWN, ENXIO, ENODEV, EBUSY, ENOBUFS } = constants.errno;
const ERRNOS = [0, 0, 0, EBUSY, ENOBUFS, ENETDOWN, ENXIO, ENODEV] as const;

/** Two ports of one memory, their kernels, and a frame that lies elsewhere. */
class Pair {
  readonly memory: XdpMemory;
  readonly kernels: readonly [FakeXdpKernel, FakeXdpKernel];
  readonly strangerAt: number;
  readonly burst = new Burst();

  constructor(chunkCount: number) {
    const arena = new FrameArena(new ArrayBuffer((chunkCount * 2048 + (1 << 20)) & ~0xffff));
    this.memory = new XdpMemory(arena, chunkCount);
    this.kernels = [new FakeXdpKernel(this.memory), new FakeXdpKernel(this.memory)];
    this.strangerAt = arena.reserve(256) + 128;
    writeFrame(arena.bytes, this.strangerAt, 0xee);
  }

  /** Replaces the burst by `count` frames that lie in no port's memory, for port `to`. */
  strangers(count: number, to: number): Burst {
    this.burst.count = 0;
    for (let i = 0; i < count; i++) this.burst.output[this.burst.push(this.strangerAt, FRAME_BYTES)] = to;
    return this.burst;
  }

  /** Each chunk is in exactly one place, and ports, memory and kernels agree where. @param inHand frames that the worker has */
  expectNothingLost(inHand: number): void {
    const all: number[] = [];
    for (const { port, ...kernel } of this.kernels.map((k) => ({ port: k.port, ...k.chunks() }))) {
      expect(port.frames).toEqual({ receiving: kernel.receiving.length, transmitting: kernel.transmitting.length });
      all.push(...kernel.receiving, ...kernel.transmitting);
    }
    expect(new Set(all).size).toBe(all.length);
    expect(this.memory.countHeldBy(-1) + this.memory.countHeldBy(-2)).toBe(inHand);
    expect(this.memory.freeCount + all.length + inHand).toBe(this.memory.chunkCount);
  }
}

/** What the network and the worker may do in one step. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('arrive' as const), port: fc.nat(1), count: fc.nat(40) }),
  fc.record({ kind: fc.constant('complete' as const), port: fc.nat(1), count: fc.nat(40) }),
  fc.record({ kind: fc.constant('answer' as const), port: fc.nat(1), errno: fc.constantFrom(...ERRNOS), frames: fc.nat(8) }),
  fc.record({ kind: fc.constant('breathe' as const), port: fc.nat(1), outputs: fc.array(fc.constantFrom(NONE, 0, 1)) }),
  fc.record({ kind: fc.constant('send' as const), port: fc.nat(1), count: fc.nat(BURST_FRAMES) }),
);

test.each([
  ['fewer than one port would like', 32, 120],
  ['hardly more than wait to be received', 2 * RECEIVE_FRAMES + 70, 8],
])(
  'whatever network and worker do with %s chunks, none is lost, given twice, or changed while it is sent',
  (_name, chunks, runs) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pair = new Pair(chunks);
        const offered = [0, 0];
        for (const one of steps) {
          const kernel = pair.kernels[one.port]!;
          if (one.kind === 'arrive') for (let i = 0; i < one.count; i++) kernel.deliver(i);
          else if (one.kind === 'complete') kernel.complete(one.count);
          else if (one.kind === 'answer') Object.assign(kernel, { errno: one.errno, framesPerCall: one.frames });
          else if (one.kind === 'send') {
            offered[one.port]! += one.count;
            kernel.port.transmit(pair.strangers(one.count, one.port), one.port);
          } else {
            const burst = pair.burst;
            const count = kernel.port.receive(burst);
            pair.expectNothingLost(count);
            for (let i = 0; i < count; i++) burst.output[i] = one.outputs[i] ?? NONE;
            for (const to of [0, 1]) offered[to]! += burst.output.subarray(0, count).filter((output) => output === to).length;
            for (const to of [0, 1]) pair.kernels[to]!.port.transmit(burst, to);
            kernel.port.release(burst);
          }
          pair.expectNothingLost(0);
        }
        for (const [i, { port }] of pair.kernels.entries()) {
          const { transmitted, transmitFailed, transmitRingFull } = port.counters;
          expect(transmitted + transmitFailed + transmitRingFull).toBe(offered[i]);
          port.close();
        }
        expect(pair.memory.freeCount).toBe(pair.memory.chunkCount);
      }),
      { numRuns: runs },
    );
  },
);

describe('a full transmit ring', () => {
  const fill = (pair: Pair) => {
    for (let sent = 0; sent < TRANSMIT_FRAMES; sent += BURST_FRAMES) {
      pair.kernels[1].port.transmit(pair.strangers(BURST_FRAMES, 1), 1);
    }
  };

  test('refuses what is too much, counted, and goes on when frames have left', () => {
    const pair = new Pair(2 * XDP_PORT_CHUNKS);
    const { port } = pair.kernels[1];
    fill(pair);
    expect(port.counters).toMatchObject({ transmitted: TRANSMIT_FRAMES, transmitRingFull: 0 });
    port.transmit(pair.strangers(BURST_FRAMES, 1), 1);
    expect(port.counters).toMatchObject({ transmitted: TRANSMIT_FRAMES, transmitRingFull: BURST_FRAMES });
    pair.kernels[1].complete(10);
    port.transmit(pair.strangers(BURST_FRAMES, 1), 1);
    expect(port.counters).toMatchObject({ transmitted: TRANSMIT_FRAMES + 10, transmitRingFull: 2 * BURST_FRAMES - 10 });
  });

  test('costs the other port nothing: it still receives all that its ring holds', () => {
    const pair = new Pair(2 * XDP_PORT_CHUNKS);
    fill(pair);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < BURST_FRAMES; i++) expect(pair.kernels[0].deliver(i)).toBe(true);
      expect(pair.kernels[0].port.receive(pair.burst)).toBe(BURST_FRAMES);
      pair.kernels[0].port.release(pair.burst);
    }
  });
});

describe('a kernel that does not send', () => {
  test.each([
    ['that is busy', EBUSY],
    ['without memory', ENOBUFS],
  ])('%s is asked again at the next look, a bounded number of times', (_name, errno) => {
    const pair = new Pair(2 * XDP_PORT_CHUNKS);
    const [, kernel] = pair.kernels;
    kernel.errno = errno;
    kernel.port.transmit(pair.strangers(10, 1), 1);
    expect([kernel.kicks, kernel.sent.length]).toEqual([1, 0]);
    for (let look = 0; look < 5; look++) kernel.port.receive(pair.burst);
    expect(kernel.kicks).toBe(6);
    kernel.errno = 0;
    kernel.port.receive(pair.burst);
    expect(kernel.sent).toHaveLength(10);
    expect(kernel.port.counters).toMatchObject({ transmitted: 10, transmitFailed: 0 });
  });

  test.each([
    ['is down', ENETDOWN],
    ['has no socket any more', ENXIO],
    ['is gone', ENODEV],
  ])('whose interface %s gives the frames back, counted as failed, and is not asked again', (_name, errno) => {
    const pair = new Pair(2 * XDP_PORT_CHUNKS);
    const [, kernel] = pair.kernels;
    kernel.errno = errno;
    kernel.port.transmit(pair.strangers(10, 1), 1);
    expect(kernel.port.counters).toMatchObject({ transmitted: 0, transmitFailed: 10 });
    for (let look = 0; look < 5; look++) kernel.port.receive(pair.burst);
    expect(kernel.kicks).toBe(1);
    kernel.errno = 0;
    kernel.port.transmit(pair.strangers(3, 1), 1);
    expect(kernel.sent).toEqual([0xee, 0xee, 0xee]);
  });
});

test('a burst is one system call, also when the kernel sends 32 frames per call', () => {
  const pair = new Pair(2 * XDP_PORT_CHUNKS);
  const [, kernel] = pair.kernels;
  kernel.port.transmit(pair.strangers(BURST_FRAMES, 1), 1);
  expect([kernel.kicks, kernel.sent.length]).toEqual([1, BURST_FRAMES]);
});
