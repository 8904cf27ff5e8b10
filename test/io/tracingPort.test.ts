import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { MemoryPort } from '../../src/io/memoryPort.ts';
import { Direction, TracingPort } from '../../src/io/tracingPort.ts';
import { Burst, TAKEN } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort } from './portConformance.ts';
import { ethernetFrames } from './testFrames.ts';

interface Seen {
  readonly direction: Direction;
  readonly timeMs: number;
  readonly number: number;
}

const frames = ethernetFrames();

function tracedRig() {
  const arena = new FrameArena(new ArrayBuffer(2 << 20));
  const inner = new MemoryPort(arena, { receiveFrames: 128, transmitFrames: 128 });
  const clock = new ManualClock(1000);
  const seen: Seen[] = [];
  const port = new TracingPort(inner, arena, clock, (direction, timeMs, v, at, bytes) => {
    seen.push({ direction, timeMs, number: frames.sequenceOf(new Uint8Array(v.buffer, at, bytes)) });
    if (seen.length > 1000) seen.length = 0;
  });
  const outside = {
    sendToPort: (bytes: Uint8Array) => inner.inject(bytes),
    takeFromPort: () => inner.take(),
    close: () => port.close(),
  };
  return { port, arena, inner, clock, seen, ...outside };
}

describePort('traced', tracedRig, { capacity: 128 });

describe('TracingPort', () => {
  test('shows what comes in and what is to go out, with the time', () => {
    const { port, inner, clock, seen } = tracedRig();
    for (let i = 0; i < 3; i++) inner.inject(frames.build(i, 60));
    const burst = new Burst();
    port.receive(burst);
    clock.advance(5);
    burst.output[0] = 1;
    burst.output[1] = 0;
    burst.output[2] = 1;
    burst.at[2] = TAKEN;
    port.transmit(burst, 1);
    expect(seen).toEqual([
      { direction: Direction.receive, timeMs: 1000, number: 0 },
      { direction: Direction.receive, timeMs: 1000, number: 1 },
      { direction: Direction.receive, timeMs: 1000, number: 2 },
      { direction: Direction.transmit, timeMs: 1005, number: 0 },
    ]);
  });

  test('is silent while it is switched off', () => {
    const { port, inner, seen } = tracedRig();
    const burst = new Burst();
    port.enabled = false;
    inner.inject(frames.build(1, 60));
    port.receive(burst);
    burst.output.fill(0);
    port.transmit(burst, 0);
    expect(seen).toEqual([]);
    expect(inner.pending).toBe(1);
    port.enabled = true;
    inner.inject(frames.build(2, 60));
    port.receive(burst);
    expect(seen.map(({ number }) => number)).toEqual([2]);
  });

  test('lends the facts and counters of the port it wraps', () => {
    const { port, inner } = tracedRig();
    expect(port.facts).toBe(inner.facts);
    expect(port.counters).toBe(inner.counters);
    expect(port.fileDescriptor).toBe(inner.fileDescriptor);
  });
});
