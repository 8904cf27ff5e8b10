/** AF_XDP ports when what they stand on fails: counted, recovered, no spinning, no chunk lost. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { native } from '../../src/io/native.ts';
import { Waiter } from '../../src/io/waiter.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../../src/io/xdpMemory.ts';
import { XdpPort } from '../../src/io/xdpPort.ts';
import { xdpBytes } from '../../src/io/xdpSocket.ts';
import { Burst } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describeAsRoot, ip, makeWire, oneMillisecond, RawLink, type Wire } from './ioLinks.ts';
import { redirectEverything } from './ioXdpRedirect.ts';

const FRAME_BYTES = 60;
/** Waits of a worker that must not spin: far fewer of them end early than there are. */
const WAITS = 10;
const WAIT_MS = 5;

function frameOf(mark: number): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES).fill(mark);
  frame.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5]);
  return frame;
}

/** Two ports of one memory, from one to the other, and what is outside of both. */
class Forwarder {
  readonly memory: XdpMemory;
  readonly wires: readonly [Wire, Wire];
  readonly ports: readonly [XdpPort, XdpPort];
  readonly source: RawLink;
  readonly burst = new Burst();
  readonly #redirects: readonly { detach(): void }[];

  constructor() {
    this.memory = new XdpMemory(new FrameArena(native().arena(xdpBytes(2))), 2 * XDP_PORT_CHUNKS);
    this.wires = [makeWire('fa'), makeWire('fb')];
    const open = ({ near }: Wire) => new XdpPort(this.memory, { interface: near });
    this.ports = [open(this.wires[0]), open(this.wires[1])];
    this.#redirects = this.ports.map((port) => redirectEverything(port));
    this.source = new RawLink(this.wires[0].far);
  }

  /** Sends `count` frames in from the first wire, and forwards what has come to the second port. @returns how many it took */
  async forward(count: number): Promise<number> {
    for (let i = 0; i < count; i++) this.source.send(frameOf(i & 0xff));
    let taken = 0;
    for (let looks = 0; looks < 100 && taken < count; looks++) {
      const got = this.ports[0].receive(this.burst);
      this.burst.output.fill(1, 0, got);
      this.ports[1].transmit(this.burst, 1);
      this.ports[0].release(this.burst);
      this.ports[1].receive(this.burst);
      this.ports[1].release(this.burst);
      taken += got;
      if (got === 0) await oneMillisecond();
    }
    return taken;
  }

  expectNothingLost(): void {
    const held = this.ports.reduce((sum, { frames }) => sum + frames.receiving + frames.transmitting, 0);
    expect(this.memory.freeCount + held).toBe(this.memory.chunkCount);
  }

  close(): void {
    for (const redirect of this.#redirects) redirect.detach();
    for (const port of this.ports) port.close();
    this.source.close();
    for (const wire of this.wires) wire.remove();
  }
}

describeAsRoot('AF_XDP ports in trouble', () => {
  let way: Forwarder;
  beforeEach(() => {
    way = new Forwarder();
  });
  afterEach(() => way.close());

  test('an interface that is deleted under load costs its frames and no others', async () => {
    expect(await way.forward(100)).toBe(100);
    way.wires[1].remove();
    expect(await way.forward(100)).toBe(100);
    expect(way.ports[1].counters).toMatchObject({ transmitted: 100, transmitFailed: 100, transmitRingFull: 0 });
    way.expectNothingLost();
    way.ports[1].close();
    way.ports[0].close();
    expect(way.memory.freeCount).toBe(way.memory.chunkCount);
  });

  test('a deleted interface does not keep a worker awake', () => {
    const waiter = new Waiter(way.ports);
    way.wires[1].remove();
    let early = 0;
    for (let i = 0; i < WAITS; i++) if (waiter.wait(WAIT_MS)) early++;
    waiter.close();
    expect(early).toBeLessThanOrEqual(1);
  });

  test('an interface that was down sends again, with all its chunks', async () => {
    ip('link', 'set', way.wires[1].near, 'down');
    expect(await way.forward(2000)).toBeGreaterThan(500);
    const { transmitFailed } = way.ports[1].counters;
    expect(transmitFailed).toBe(way.ports[0].counters.received);
    way.expectNothingLost();
    ip('link', 'set', way.wires[1].near, 'up');
    const sink = new RawLink(way.wires[1].far);
    expect(await way.forward(100)).toBe(100);
    const frames = await takeAll(sink, 100);
    sink.close();
    expect(frames).toBe(100);
    expect(way.ports[1].counters).toMatchObject({ transmitted: 100, transmitFailed });
    way.expectNothingLost();
  });

  test('a neighbour that reads nothing loses its own frames: the port sends on and keeps none', async () => {
    const sink = new RawLink(way.wires[1].far, { slots: 16 });
    let sent = 0;
    for (let round = 0; round < 50; round++) sent += await way.forward(64);
    expect(sent).toBe(50 * 64);
    expect(way.ports[1].counters).toMatchObject({ transmitted: sent, transmitRingFull: 0, transmitFailed: 0 });
    for (let looks = 0; looks < 100 && way.ports[1].frames.transmitting > 0; looks++) {
      await oneMillisecond();
      way.ports[1].receive(way.burst);
    }
    expect(way.ports[1].frames.transmitting).toBe(0);
    way.expectNothingLost();
    expect(await takeAll(sink, 16)).toBe(16);
    sink.close();
  });

  test('a worker that does not look for a while loses what its ring cannot hold, counted, and goes on', async () => {
    for (let i = 0; i < 5000; i++) way.source.send(frameOf(i & 0xff));
    for (let looks = 0; looks < 200 && way.ports[0].counters.receiveMissed === 0; looks++) await oneMillisecond();
    const taken = (await way.forward(0)) + (await drain(way));
    expect(taken).toBeGreaterThanOrEqual(2048);
    expect(way.ports[0].counters.receiveMissed).toBeGreaterThan(0);
    expect(await way.forward(100)).toBe(100);
    way.expectNothingLost();
  });
});

/** Gives back whatever waits. @returns how many frames */
async function drain(way: Forwarder): Promise<number> {
  let frames = 0;
  for (let idle = 0; idle < 3; ) {
    const got = way.ports[0].receive(way.burst);
    way.ports[0].release(way.burst);
    frames += got;
    if (got > 0) continue;
    idle++;
    await oneMillisecond();
  }
  return frames;
}

/** @returns how many frames of ours came within a moment, at most `most` */
async function takeAll(link: RawLink, most: number): Promise<number> {
  let frames = 0;
  for (let looks = 0; looks < 100 && frames < most; looks++) {
    for (let frame = link.take(); frame !== undefined; frame = link.take())
      if (frame[12] === 0x88 && frame[13] === 0xb5) frames++;
    if (frames < most) await oneMillisecond();
  }
  return frames;
}
