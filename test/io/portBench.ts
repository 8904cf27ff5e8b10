/** One rig of the port suite, and what its tests do with it again and again. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { BURST_FRAMES, NONE } from '../../src/base/terms.ts';
import { HEADROOM } from '../../src/io/port.ts';
import { Burst } from '../../src/memory/burst.ts';
import type { FrameArena } from '../../src/memory/frameArena.ts';
import type { PortRig } from './portConformance.ts';
import { type TestFrames, withoutPadding } from './testFrames.ts';

/** With `wait`: how many times to look in vain before a frame is given up. */
const MAX_WAITS = 400;
/** And before nothing is believed to come any more. */
const QUIET_WAITS = 10;
const ETHERNET_BYTES = 14;
const LONGEST_TYPICAL = 1514;

export class PortBench {
  readonly rig: PortRig;
  /** Overwrites the headroom of every frame before the frame is read. */
  fillsHeadroom = false;
  readonly #frames: TestFrames;
  readonly #index: number;
  #sequence = 0;

  constructor(rig: PortRig, frames: TestFrames, index: number) {
    this.rig = rig;
    this.#frames = frames;
    this.#index = index;
  }

  get longestBytes(): number {
    return this.rig.port.facts.mtu + ETHERNET_BYTES;
  }

  /** Frames numbered on, of `bytes` or of various lengths. */
  makeFrames(count: number, bytes?: number): Uint8Array[] {
    const { minBytes } = this.#frames;
    const span = Math.min(this.longestBytes, LONGEST_TYPICAL) - minBytes + 1;
    return Array.from({ length: count }, () => {
      const sequence = this.#sequence++;
      return this.#frames.build(sequence, bytes ?? minBytes + ((sequence * 97) % span));
    });
  }

  /**
   * Sends the frames to the port and receives until as many are there; every burst goes home.
   * @param work what an engine would do with each burst, after its frames were read
   */
  async through(sent: readonly Uint8Array[], work?: (burst: Burst) => void): Promise<Uint8Array[]> {
    const got: Uint8Array[] = [];
    for (const frame of sent) await this.rig.sendToPort(frame);
    for (let idle = 0; got.length < sent.length && idle < this.#patience; ) {
      const received = this.receiveFrames(work);
      got.push(...received);
      if (received.length > 0) continue;
      idle++;
      await this.rig.wait?.();
    }
    return got;
  }

  /** As `through`, with every test frame sent back where it came from. */
  echo(sent: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return this.through(sent, (burst) => {
      for (let i = 0; i < burst.count; i++) burst.output[i] = this.numberAt(burst, i) === NONE ? NONE : this.#index;
      this.rig.port.transmit(burst, this.#index);
    });
  }

  /** Receives one burst and gives it back. @returns its test frames */
  receiveFrames(work?: (burst: Burst) => void): Uint8Array[] {
    const burst = new Burst();
    const count = this.rig.port.receive(burst);
    if (count !== burst.count || count > BURST_FRAMES)
      expect.fail(`receive returned ${count} and left a count of ${burst.count}`);
    if (this.fillsHeadroom) fillHeadroom(burst, this.rig.arena);
    const got: Uint8Array[] = [];
    for (let i = 0; i < burst.count; i++) {
      const frame = this.rig.arena.bytes.slice(burst.at[i]!, burst.at[i]! + burst.bytes[i]!);
      if (this.#frames.sequenceOf(frame) !== NONE) got.push(withoutPadding(frame, this.#frames.minBytes));
    }
    if (burst.count > 0) work?.(burst);
    this.rig.port.release(burst);
    return got;
  }

  /** A burst with a test frame in it, not given back; noise before it is. */
  async receiveBurst(): Promise<Burst> {
    const burst = new Burst();
    for (let idle = 0; idle < this.#patience; idle++) {
      this.rig.port.receive(burst);
      if (this.firstTestFrame(burst) !== NONE) return burst;
      this.rig.port.release(burst);
      await this.rig.wait?.();
    }
    throw new Error('the frame did not arrive');
  }

  /** Index of the first test frame of a burst, or NONE. */
  firstTestFrame(burst: Burst): number {
    for (let i = 0; i < burst.count; i++) if (this.numberAt(burst, i) !== NONE) return i;
    return NONE;
  }

  /** The number of test frame `i`; NONE when it is noise. */
  numberAt(burst: Burst, i: number): number {
    return this.#frames.sequenceOf(this.rig.arena.bytes.subarray(burst.at[i]!, burst.at[i]! + burst.bytes[i]!));
  }

  numberOf(frame: Uint8Array): number {
    return this.#frames.sequenceOf(frame);
  }

  /** Replaces frame `i` by one that ends where it ended and begins in its headroom, and gives it our output. */
  grow(burst: Burst, i: number, frame: Uint8Array): void {
    burst.at[i] = burst.at[i]! + burst.bytes[i]! - frame.length;
    burst.bytes[i] = frame.length;
    burst.output[i] = this.#index;
    this.rig.arena.bytes.set(frame, burst.at[i]!);
  }

  /** The next `count` test frames from outside, or one more, if there are too many. */
  async takeFrames(count: number): Promise<Uint8Array[]> {
    const got: Uint8Array[] = [];
    for (let idle = 0; got.length <= count && idle < (got.length < count ? this.#patience : 3); ) {
      const frame = await this.rig.takeFromPort();
      if (frame === undefined) {
        idle++;
        await this.rig.wait?.();
      } else if (this.#frames.sequenceOf(frame) !== NONE) {
        got.push(withoutPadding(frame, this.#frames.minBytes));
        idle = 0;
      }
    }
    return got;
  }

  /** Receives and gives back until nothing comes any more. @returns the numbers of the test frames */
  async drain(): Promise<number[]> {
    const numbers: number[] = [];
    for (let idle = 0; idle < QUIET_WAITS; idle++) {
      const got = this.receiveFrames();
      numbers.push(...got.map((frame) => this.#frames.sequenceOf(frame)));
      if (got.length > 0) idle = 0;
      await this.rig.wait?.();
    }
    return numbers;
  }

  /** Empties the outside. */
  async discardTransmitted(): Promise<void> {
    for (let idle = 0; idle < QUIET_WAITS; ) {
      if ((await this.rig.takeFromPort()) !== undefined) continue;
      idle++;
      await this.rig.wait?.();
    }
  }

  /** Sends frames there and back, in bursts of 16, and forgets them. */
  async echoRounds(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const sent = this.makeFrames(16, 200);
      await this.echo(sent);
      for (let i = 0; i < sent.length; i++) await this.rig.takeFromPort();
    }
  }

  get #patience(): number {
    return this.rig.wait === undefined ? 2 : MAX_WAITS;
  }
}

/** Fails on the first frame that differs, and shows where. */
export function expectFrames(got: readonly Uint8Array[], wanted: readonly Uint8Array[]): void {
  for (const [i, frame] of wanted.entries()) {
    const instead = got[i];
    if (instead !== undefined && Buffer.compare(instead, frame) === 0) continue;
    const at = instead?.findIndex((byte, j) => byte !== frame[j]) ?? NONE;
    const what = instead === undefined ? 'is missing' : `of ${instead.length} bytes differs at ${at}: ${excerpt(instead, at)}`;
    expect.fail(`frame ${i} of ${wanted.length} ${what}; wanted ${frame.length} bytes: ${excerpt(frame, at)}`);
  }
  expect(got.length).toBe(wanted.length);
}

/** Bytes in use once everything is collected that can be. */
export function bytesAfterCollection(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Some bytes around the place, and the head, where the number stands. */
function excerpt(frame: Uint8Array, at: number): string {
  const hex = (from: number, to: number) => Buffer.from(frame.subarray(Math.max(0, from), Math.max(0, to))).toString('hex');
  return `${hex(0, 24)}...${hex(at - 4, at + 8)}`;
}

function fillHeadroom(burst: Burst, arena: FrameArena): void {
  for (let i = 0; i < burst.count; i++) arena.bytes.fill(0xaa, burst.at[i]! - HEADROOM, burst.at[i]!);
}
