import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { NONE } from '../../src/base/terms.ts';
import { native } from '../../src/io/native.ts';
import type { XdpMode } from '../../src/io/selector.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../../src/io/xdpMemory.ts';
import { XdpPort } from '../../src/io/xdpPort.ts';
import { xdpBytes } from '../../src/io/xdpSocket.ts';
import { Burst, TAKEN } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describePort, type PortRig } from '../io/portConformance.ts';
import { describeAsRoot, makeWire, oneMillisecond, RawLink, type Wire } from './ioLinks.ts';
import { redirectEverything } from './ioXdpRedirect.ts';

function xdpRig(mode: XdpMode): PortRig {
  const wire = makeWire('x');
  const arena = new FrameArena(native().arena(xdpBytes(1)));
  const memory = new XdpMemory(arena, XDP_PORT_CHUNKS);
  const port = new XdpPort(memory, { interface: wire.near });
  const selector = redirectEverything(port, mode);
  const outside = new RawLink(wire.far);
  return {
    port,
    arena,
    sendToPort: (bytes) => outside.send(bytes),
    takeFromPort: () => outside.take(),
    wait: oneMillisecond,
    close: () => {
      selector.detach();
      port.close();
      outside.close();
      wire.remove();
    },
  };
}

describeAsRoot('AF_XDP port', () => {
  describePort('xdp, program in the driver', () => xdpRig('native'), { capacity: 1024 });
  describePort('xdp, program in the stack', () => xdpRig('generic'), { capacity: 1024 });
});

/** Two AF_XDP ports of one memory, each with an outside. */
class Pair {
  readonly arena: FrameArena;
  readonly memory: XdpMemory;
  readonly wires: readonly Wire[];
  readonly ports: readonly XdpPort[];
  readonly outsides: readonly RawLink[];
  readonly #redirects: readonly { detach(): void }[];
  /** A frame that lies in no port's memory. */
  readonly strangerAt: number;

  constructor(chunkCount: number) {
    this.arena = new FrameArena(native().arena(xdpBytes(2) + 65_536));
    this.memory = new XdpMemory(this.arena, chunkCount);
    this.wires = [makeWire('xa'), makeWire('xb')];
    this.ports = this.wires.map((wire) => new XdpPort(this.memory, { interface: wire.near }));
    this.#redirects = this.ports.map((port) => redirectEverything(port));
    this.outsides = this.wires.map((wire) => new RawLink(wire.far));
    this.strangerAt = this.arena.reserve(256) + 128;
    this.arena.bytes.set(frameOf(0xee), this.strangerAt);
  }

  /** Receives until a frame is there. */
  async receive(port: number, burst: Burst): Promise<void> {
    for (let waits = 0; waits < 200 && this.ports[port]!.receive(burst) === 0; waits++) await oneMillisecond();
  }

  /** The next frame off the wire of a port. */
  async take(port: number): Promise<Uint8Array | undefined> {
    for (let waits = 0; waits < 200; waits++) {
      const frame = this.outsides[port]!.take();
      if (frame !== undefined) return frame;
      await oneMillisecond();
    }
    return undefined;
  }

  /** Each chunk is in exactly one place, and the ports know how many they have. */
  expectNothingLost(inHand: number): void {
    let rings = 0;
    for (const [i, port] of this.ports.entries()) {
      const { receiving, transmitting } = port.frames;
      expect(this.memory.countHeldBy(i + 1)).toBe(receiving + transmitting);
      rings += receiving + transmitting;
    }
    expect(this.memory.countHeldBy(-1) + this.memory.countHeldBy(-2)).toBe(inHand);
    expect(this.memory.freeCount + rings + inHand).toBe(this.memory.chunkCount);
  }

  close(): void {
    for (const redirect of this.#redirects) redirect.detach();
    for (const port of this.ports) port.close();
    for (const outside of this.outsides) outside.close();
    for (const wire of this.wires) wire.remove();
  }
}

/** 60 bytes, of type 0x88b5, told apart by one byte. */
function frameOf(mark: number): Uint8Array {
  const frame = new Uint8Array(60).fill(mark);
  frame.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5]);
  return frame;
}

describeAsRoot('AF_XDP ports that share their memory', () => {
  let pair: Pair;
  const burst = new Burst();
  afterEach(() => pair.close());

  describe('with chunks for both', () => {
    beforeEach(() => {
      pair = new Pair(2 * XDP_PORT_CHUNKS);
    });

    test('a frame received by one leaves by the other as a descriptor, and its chunk comes back', async () => {
      pair.outsides[0]!.send(frameOf(1));
      await pair.receive(0, burst);
      burst.output[0] = 1;
      pair.ports[1]!.transmit(burst, 1);
      expect(burst.at[0]).toBe(TAKEN);
      pair.ports[0]!.release(burst);
      expect(await pair.take(1)).toEqual(frameOf(1));
      pair.ports[1]!.receive(burst);
      expect(pair.ports[1]!.frames.transmitting).toBe(0);
      pair.expectNothingLost(0);
    });

    test('a frame from elsewhere is copied and stays where it is', async () => {
      burst.count = 0;
      burst.output[burst.push(pair.strangerAt, 60)] = 1;
      pair.ports[1]!.transmit(burst, 1);
      expect(burst.at[0]).toBe(pair.strangerAt);
      expect(await pair.take(1)).toEqual(frameOf(0xee));
    });

    test('whatever the worker does with 60 bursts, no chunk is lost', async () => {
      const random = new SeededRandom(20_260_213);
      for (let step = 0; step < 60; step++) {
        const [from, to] = random.below(2) === 0 ? [0, 1] : [1, 0];
        for (let i = random.below(100); i > 0; i--) pair.outsides[from]!.send(frameOf(i));
        pair.ports[from]!.receive(burst);
        pair.expectNothingLost(burst.count);
        for (let i = 0; i < burst.count; i++) burst.output[i] = [NONE, 0, 1][random.below(3)]!;
        if (burst.count < 64) burst.output[burst.push(pair.strangerAt, 60)] = random.below(2);
        pair.ports[to]!.transmit(burst, to);
        if (random.below(2) === 0) pair.ports[from]!.transmit(burst, from);
        pair.ports[from]!.release(burst);
        pair.expectNothingLost(0);
        while (pair.outsides[to]!.take() !== undefined);
        if (random.below(4) === 0) await oneMillisecond();
      }
      pair.ports[0]!.close();
      pair.ports[1]!.close();
      expect(pair.memory.freeCount).toBe(pair.memory.chunkCount);
    });

    test('a port that closes leaves the frames of the other alone, which goes on', async () => {
      pair.outsides[1]!.send(frameOf(3));
      await pair.receive(1, burst);
      pair.ports[0]!.close();
      expect(pair.memory.countHeldBy(1)).toBe(0);
      burst.output[0] = 1;
      pair.ports[1]!.transmit(burst, 1);
      expect(await pair.take(1)).toEqual(frameOf(3));
      const third = new XdpPort(pair.memory, { interface: pair.wires[0]!.near });
      third.close();
    });

    test('a new port shares the memory also when the interface of the last one has gone', () => {
      pair.wires[1]!.remove();
      pair.ports[0]!.close();
      const again = new XdpPort(pair.memory, { interface: pair.wires[0]!.near });
      again.close();
    });
  });

  describe('with hardly any chunks', () => {
    beforeEach(() => {
      pair = new Pair(32);
    });

    test('refuses copies with transmitRingFull, and still forwards what it has by descriptor', async () => {
      burst.count = 0;
      burst.output[burst.push(pair.strangerAt, 60)] = 1;
      pair.ports[1]!.transmit(burst, 1);
      expect(pair.ports[1]!.counters).toMatchObject({ transmitted: 0, transmitRingFull: 1 });
      for (let round = 0; round < 20; round++) {
        pair.outsides[0]!.send(frameOf(round));
        await pair.receive(0, burst);
        burst.output[0] = 1;
        pair.ports[1]!.transmit(burst, 1);
        pair.ports[0]!.release(burst);
        expect(await pair.take(1)).toEqual(frameOf(round));
        pair.ports[1]!.receive(burst);
      }
      pair.expectNothingLost(0);
    });
  });
});
