/** What a packet port does when its surroundings fail while frames are under way: counted, recovered from, never a spin or a leak. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BURST_FRAMES, ChecksumState } from '../../src/base/terms.ts';
import { native } from '../../src/io/native.ts';
import { PacketPort } from '../../src/io/packetPort.ts';
import { Waiter } from '../../src/io/waiter.ts';
import { Burst, SegmentKind } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { describeAsRoot, ip, makeWire, oneMillisecond, type Wire } from './ioLinks.ts';

const ARENA_BYTES = 32 << 20;
const SHORT = 60;
const LONG = 40_000;
const ETHERNET_IPV4_TCP_BYTES = 54;
const SEGMENT_BYTES = 1448;
const SLOTS = 256;

/** A packet port with frames of its own to send. */
class Sender {
  readonly port: PacketPort;
  readonly #arena = new FrameArena(native().arena(ARENA_BYTES));
  readonly #at: number;

  constructor(name: string) {
    this.port = new PacketPort(this.#arena, { interface: name, slots: SLOTS });
    this.#at = this.#arena.reserve(1 << 17, 64) + 128;
    const v = this.#arena.view;
    v.setUint16(this.#at + 12, 0x0800);
    v.setUint8(this.#at + 14, 0x45);
    v.setUint8(this.#at + 23, 6);
    v.setUint8(this.#at + 46, 0x50);
  }

  /** `count` times the same frame, as a super-frame when it is long. */
  send(count: number, bytes: number): void {
    const burst = new Burst();
    for (let i = 0; i < count; i++) {
      burst.push(this.#at, bytes);
      burst.output[i] = 0;
      if (bytes <= 1514) continue;
      burst.checksum[i] = ChecksumState.partial;
      burst.checksumStart[i] = 34;
      burst.checksumOffset[i] = 16;
      burst.segmentKind[i] = SegmentKind.tcpv4;
      burst.segmentBytes[i] = SEGMENT_BYTES;
    }
    this.port.transmit(burst, 0);
  }
}

/** Takes and releases until nothing comes. @returns lengths of the frames that were sent by a Sender */
async function drain(port: PacketPort): Promise<number[]> {
  const lengths: number[] = [];
  const burst = new Burst();
  for (let isOver = false; !isOver; ) {
    isOver = port.receive(burst) === 0;
    lengths.push(...burst.bytes.subarray(0, burst.count));
    port.release(burst);
    await oneMillisecond();
  }
  return lengths.filter((bytes) => bytes === SHORT || bytes === LONG);
}

/** Bytes in the queues of the AF_PACKET sockets of this namespace on one interface, as the kernel counts them. */
function queuedBytes(interfaceIndex: number): number {
  const rows = readFileSync('/proc/net/packet', 'utf8').trim().split('\n').slice(1);
  const fields = rows.map((row) => row.trim().split(/\s+/)).filter((row) => Number(row[4]) === interfaceIndex);
  return fields.reduce((sum, row) => sum + Number(row[6]), 0);
}

/** How often a wait of a millisecond has ended before its time, in 20. */
function earlyWakeUps(waiter: Waiter): number {
  return Array.from({ length: 20 }, () => waiter.wait(1)).filter(Boolean).length;
}

describeAsRoot('faults around a packet port', () => {
  let wire: Wire;
  let near: PacketPort;
  let far: Sender;
  let waiter: Waiter;

  beforeEach(() => {
    wire = makeWire('x');
    near = new PacketPort(new FrameArena(native().arena(ARENA_BYTES)), { interface: wire.near, slots: SLOTS });
    far = new Sender(wire.far);
    waiter = new Waiter([near]);
  });
  afterEach(() => {
    waiter.close();
    near.close();
    far.port.close();
    wire.remove();
  });

  test('super-frames come whole and in their place among short frames', async () => {
    for (const bytes of [SHORT, LONG, LONG, SHORT, LONG]) far.send(1, bytes);
    await oneMillisecond();
    expect(await drain(near)).toEqual([SHORT, LONG, LONG, SHORT, LONG]);
    expect(queuedBytes(near.interface.index)).toBe(0);
  });

  test('an interface that is deleted while super-frames wait: they are taken or counted, and nothing spins', async () => {
    far.send(10, LONG);
    far.send(10, SHORT);
    await oneMillisecond();
    ip('link', 'del', wire.near);
    expect(await drain(near)).toEqual([...Array(10).fill(LONG), ...Array(10).fill(SHORT)]);
    expect(earlyWakeUps(waiter)).toBeLessThanOrEqual(1);
    far.send(5, SHORT);
    expect(far.port.counters).toMatchObject({ transmitted: 20, transmitFailed: 5 });
  });

  test('a port can be opened on a new interface of the same name, beside the dead one', async () => {
    ip('link', 'del', wire.near);
    const again = makeWire('x');
    expect(again.near).toBe(wire.near);
    const port = new PacketPort(new FrameArena(native().arena(ARENA_BYTES)), { interface: again.near, slots: SLOTS });
    const sender = new Sender(again.far);
    sender.send(3, SHORT);
    await oneMillisecond();
    expect(await drain(port)).toEqual([SHORT, SHORT, SHORT]);
    expect(await drain(near)).toEqual([]);
    port.close();
    sender.port.close();
  });

  test('down and up while super-frames wait: none is lost, and the port goes on', async () => {
    far.send(BURST_FRAMES, LONG);
    await oneMillisecond();
    ip('link', 'set', wire.near, 'down');
    ip('link', 'set', wire.near, 'up');
    far.send(2, SHORT);
    await oneMillisecond();
    expect(await drain(near)).toEqual([...Array(BURST_FRAMES).fill(LONG), SHORT, SHORT]);
    expect(near.counters.receiveMissed).toBe(0);
    expect(earlyWakeUps(waiter)).toBe(0);
  });

  test('an interface that takes nothing (its other end is down): each frame is counted at once, and later ones go', async () => {
    ip('link', 'set', wire.near, 'down');
    const start = performance.now();
    for (let i = 0; i < 100; i++) far.send(BURST_FRAMES, SHORT);
    expect(performance.now() - start).toBeLessThan(1000);
    const { transmitted, transmitRingFull, transmitFailed } = far.port.counters;
    expect([transmitted, transmitRingFull + transmitFailed]).toEqual([0, 100 * BURST_FRAMES]);
    ip('link', 'set', wire.near, 'up');
    await oneMillisecond();
    far.send(4, SHORT);
    await oneMillisecond();
    expect(far.port.counters.transmitted).toBe(4);
    expect(await drain(near)).toHaveLength(4);
  });

  test('a neighbour that takes no frames off its ring blocks nobody; what it misses is counted there', async () => {
    const start = performance.now();
    for (let i = 0; i < 20; i++) far.send(BURST_FRAMES, SHORT);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(far.port.counters).toMatchObject({ transmitted: 20 * BURST_FRAMES, transmitRingFull: 0, transmitFailed: 0 });
    const taken = await drain(near);
    const { received, receiveMissed } = near.counters;
    expect([taken.length, received + receiveMissed]).toEqual([SLOTS, 20 * BURST_FRAMES]);
  });

  test('a worker that stands still under super-frames: what finds room waits, the rest is counted, and nothing stays behind', async () => {
    for (let i = 0; i < 10; i++) far.send(BURST_FRAMES, LONG);
    await oneMillisecond();
    expect(queuedBytes(near.interface.index)).toBeGreaterThan(SLOTS * LONG);
    const taken = await drain(near);
    const { received, receiveMissed } = near.counters;
    expect([taken.length, received + receiveMissed]).toEqual([SLOTS, 10 * BURST_FRAMES]);
    expect(queuedBytes(near.interface.index)).toBe(0);
    far.send(3, LONG);
    await oneMillisecond();
    expect(await drain(near)).toEqual([LONG, LONG, LONG]);
  });

  test('a port that is closed with super-frames in its queue leaves none to the kernel', async () => {
    far.send(50, LONG);
    await oneMillisecond();
    expect(queuedBytes(near.interface.index)).toBeGreaterThan(50 * LONG);
    near.close();
    expect(queuedBytes(near.interface.index)).toBe(0);
  });

  test('a super-frame whose segments do not fit the interface is refused here, not by the kernel', () => {
    ip('link', 'set', wire.far, 'mtu', '1400');
    const small = new Sender(wire.far);
    small.send(3, LONG);
    expect(small.port.counters).toMatchObject({ transmitted: 0, frameTooLong: 3 });
    expect(SEGMENT_BYTES + ETHERNET_IPV4_TCP_BYTES).toBeGreaterThan(1400 + 18);
    small.port.close();
  });
});
