/**
 * What every Port does, whatever is behind it. A port's test gives a rig: the port and the outside of its wire.
 *
 *     describePort('memory', () => memoryRig());
 *
 * Made for kernels too: the rig's functions may be asynchronous, frames may arrive late, padded to 60 bytes, or among noise that is no
 * test frame. Nothing waits when the rig has no `wait`.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BURST_FRAMES, NONE } from '../../src/base/terms.ts';
import { HEADROOM, type Port } from '../../src/io/port.ts';
import { Burst, SegmentKind, TAKEN } from '../../src/memory/burst.ts';
import type { FrameArena } from '../../src/memory/frameArena.ts';
import { bytesAfterCollection, expectFrames, PortBench } from './portBench.ts';
import { ethernetFrames, type TestFrames } from './testFrames.ts';

type Awaitable<T> = T | Promise<T>;

/** A port and the outside of its wire. */
export interface PortRig {
  readonly port: Port;
  readonly arena: FrameArena;
  /** From outside: puts a frame, Ethernet header included, on the wire towards the port. The result is not looked at. */
  sendToPort(bytes: Uint8Array): Awaitable<unknown>;
  /** Outside receives: the next frame off the wire, noise included, or undefined when there is none now. */
  takeFromPort(): Awaitable<Uint8Array | undefined>;
  /** Lets frames travel, a millisecond or so. Without it, frames arrive at once. */
  wait?(): Promise<void>;
  /** Frees what the rig made. The port may be closed already. */
  close(): Awaitable<void>;
}

export interface PortTraits {
  /** Frames that wait in the port at most, more or less; ten times as many pass through. Default 256. */
  readonly capacity?: number;
  /** What is sent; default Ethernet frames of type 0x88b5. */
  readonly frames?: TestFrames;
  /** False when what the kernel lost does not show in receiveMissed. Default true. */
  readonly countsMissed?: boolean;
  /** Index of the port in `output`. Default 3, for it is not always 0. */
  readonly index?: number;
}

/** The suite. `makeRig` is called for each test, and its rig closed after it. */
export function describePort(name: string, makeRig: () => PortRig | Promise<PortRig>, traits: PortTraits = {}): void {
  const frames = traits.frames ?? ethernetFrames();
  const index = traits.index ?? 3;
  const capacity = traits.capacity ?? 256;
  describe(`port ${name}`, () => {
    let bench: PortBench;
    beforeEach(async () => {
      bench = new PortBench(await makeRig(), frames, index);
    });
    afterEach(() => bench.rig.close());

    describeReceive(() => bench, frames);
    describeTransmit(() => bench, frames, index);
    describeLimits(() => bench, frames, { capacity, index, countsMissed: traits.countsMissed ?? true });

    test('closes once, and then does nothing', async () => {
      const { rig } = bench;
      await rig.sendToPort(bench.makeFrames(1)[0]!);
      const open = await bench.receiveBurst();
      rig.port.close();
      rig.port.close();
      open.output.fill(index);
      const { transmitted } = rig.port.counters;
      rig.port.transmit(open, index);
      rig.port.release(open);
      const burst = new Burst();
      expect([rig.port.receive(burst), burst.count]).toEqual([0, 0]);
      expect(rig.port.counters.transmitted).toBe(transmitted);
    });
  });
}

function describeReceive(bench: () => PortBench, frames: TestFrames): void {
  test('has nothing to receive at first, and says so at once', () => {
    const start = performance.now();
    for (let i = 0; i < 100; i++) expect(bench().receiveFrames()).toEqual([]);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('delivers frames byte for byte and in order', async () => {
    const sent = bench().makeFrames(BURST_FRAMES + 3);
    expectFrames(await bench().through(sent), sent);
    expect(bench().rig.port.counters.received).toBeGreaterThanOrEqual(sent.length);
  });

  test('delivers the shortest and the longest frame', async () => {
    const { longestBytes } = bench();
    const sent = [frames.build(1, frames.minBytes), frames.build(2, longestBytes), frames.build(3, longestBytes - 1)];
    expectFrames(await bench().through(sent), sent);
  });

  test('delivers a frame with no output, no segments and room in front', async () => {
    await bench().rig.sendToPort(bench().makeFrames(1)[0]!);
    const burst = await bench().receiveBurst();
    const i = bench().firstTestFrame(burst);
    expect(burst.output[i]).toBe(NONE);
    expect(burst.segmentKind[i]).toBe(SegmentKind.none);
    expect(burst.at[i]).toBeGreaterThanOrEqual(HEADROOM);
    bench().rig.port.release(burst);
  });

  test('lets the engine overwrite the HEADROOM in front of each frame', async () => {
    bench().fillsHeadroom = true;
    for (let round = 0; round < 3; round++) {
      const sent = bench().makeFrames(BURST_FRAMES);
      expectFrames(await bench().through(sent), sent);
    }
  });
}

function describeTransmit(bench: () => PortBench, frames: TestFrames, index: number): void {
  test('transmits the frames whose output it is, in order, and no others', async () => {
    const sent = bench().makeFrames(9);
    await bench().through(sent, (burst) => {
      for (let i = 0; i < burst.count; i++) burst.output[i] = bench().numberAt(burst, i) % 3 === 0 ? index : index + 1;
      bench().rig.port.transmit(burst, index);
    });
    const wanted = sent.filter((frame) => bench().numberOf(frame) % 3 === 0);
    expectFrames(await bench().takeFrames(wanted.length), wanted);
    expect(bench().rig.port.counters.transmitted).toBe(wanted.length);
  });

  test('does not transmit what another port has TAKEN', async () => {
    const { port } = bench().rig;
    const outcome = () => port.counters.transmitted + port.counters.transmitFailed + port.counters.frameTooLong;
    const before = outcome();
    const sent = bench().makeFrames(4);
    await bench().through(sent, (burst) => {
      const taken = new Map<number, number>();
      for (let i = 0; i < burst.count; i++) {
        const number = bench().numberAt(burst, i);
        if (number === NONE) continue;
        burst.output[i] = index;
        if (number % 2 === 0) continue;
        taken.set(i, burst.at[i]!);
        burst.at[i] = TAKEN;
      }
      port.transmit(burst, index);
      for (const [i, at] of taken) burst.at[i] = at;
    });
    const wanted = sent.filter((frame) => bench().numberOf(frame) % 2 === 0);
    expectFrames(await bench().takeFrames(wanted.length), wanted);
    expect(outcome() - before).toBe(wanted.length);
  });

  test('transmits a frame that has grown into its headroom', async () => {
    const grown = frames.build(77, 100 + HEADROOM);
    await bench().through(bench().makeFrames(1, 100), (burst) => {
      const i = bench().firstTestFrame(burst);
      if (i !== NONE) bench().grow(burst, i, grown);
      bench().rig.port.transmit(burst, index);
    });
    expectFrames(await bench().takeFrames(1), [grown]);
  });

  test('counts a frame that is too long, and sends the one behind it', async () => {
    const { port } = bench().rig;
    const refused = () => port.counters.frameTooLong + port.counters.transmitFailed;
    const before = refused();
    const { longestBytes } = bench();
    const behind = frames.build(2, 200);
    await bench().through([frames.build(1, longestBytes), behind], (burst) => {
      for (let i = 0; i < burst.count; i++) {
        const number = bench().numberAt(burst, i);
        if (number === 1) bench().grow(burst, i, frames.build(1, longestBytes + 20));
        if (number === 2) burst.output[i] = index;
      }
      port.transmit(burst, index);
    });
    expectFrames(await bench().takeFrames(1), [behind]);
    expect(refused()).toBe(before + 1);
  });
}

function describeLimits(
  bench: () => PortBench,
  frames: TestFrames,
  { capacity, index, countsMissed }: { capacity: number; index: number; countsMissed: boolean },
): void {
  test('lets ten times its capacity through, there and back', async () => {
    const perRound = Math.min(BURST_FRAMES, capacity);
    for (let count = 0; count < 10 * capacity; count += perRound) {
      const sent = bench().makeFrames(perRound);
      expectFrames(await bench().echo(sent), sent);
      expectFrames(await bench().takeFrames(perRound), sent);
    }
  });

  test('counts what a full receive ring loses, keeps the order, and recovers', async () => {
    const { port, sendToPort } = bench().rig;
    const { receiveMissed } = port.counters;
    const sent = bench().makeFrames(3 * capacity, frames.minBytes);
    for (const frame of sent) await sendToPort(frame);
    const got = await bench().drain();
    expect(got.length).toBeGreaterThan(0);
    expect(got).toEqual([...got].sort((a, b) => a - b));
    if (countsMissed) expect(got.length + port.counters.receiveMissed - receiveMissed).toBeGreaterThanOrEqual(sent.length);
    const after = bench().makeFrames(5);
    expectFrames(await bench().through(after), after);
  });

  test('counts what a full transmit ring refuses, and recovers', async () => {
    const { port } = bench().rig;
    const outcome = () => port.counters.transmitted + port.counters.transmitRingFull + port.counters.transmitFailed;
    const before = outcome();
    let offered = 0;
    while (offered < 3 * capacity) {
      const flood = bench().makeFrames(Math.min(BURST_FRAMES, capacity), frames.minBytes);
      const got = await bench().through(flood, (burst) => {
        for (let i = 0; i < burst.count; i++) burst.output[i] = bench().numberAt(burst, i) === NONE ? NONE : index;
        port.transmit(burst, index);
      });
      expect(got.length).toBe(flood.length);
      offered += got.length;
    }
    expect(outcome() - before).toBe(offered);
    await bench().discardTransmitted();
    const after = bench().makeFrames(5);
    await bench().echo(after);
    expectFrames(await bench().takeFrames(after.length), after);
  });

  test('keeps no memory from burst to burst', async () => {
    // A leak grows every time; compilation and the test's own memory only at times.
    let growth = Number.POSITIVE_INFINITY;
    for (let window = 0; window < 30 && growth > 20_000; window++) {
      const before = bytesAfterCollection();
      await bench().echoRounds(60);
      growth = bytesAfterCollection() - before;
    }
    expect(growth).toBeLessThanOrEqual(20_000);
  });
}
