/**
 * What the lab tests of src/io stand on: veth pairs of their own names, and an outside that shares no code with the ports but the
 * system calls: a plain AF_PACKET socket, read straight from its ring.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { describe } from 'vitest';
import { native } from '../../src/io/native.ts';

/** `describe` for tests that need root; without, says why they are left out. */
export function describeAsRoot(name: string, tests: () => void): void {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) process.stderr.write(`left out, needs root: ${name}\n`);
  describe.skipIf(!isRoot)(name, tests);
}

/** Runs `ip` with these words. */
export function ip(...words: readonly string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Two ends of one wire in this network namespace, up, silent (no IPv6), without addresses. */
export interface Wire {
  readonly near: string;
  readonly far: string;
  remove(): void;
}

/** In every name, so that two runs at a time do not meet. */
export const RUN = process.pid.toString(36);

/** @param tag one or two letters */
export function makeWire(tag: string, mtu = 1500): Wire {
  const near = `uvsio${RUN}${tag}n`;
  const far = `uvsio${RUN}${tag}f`;
  removeLink(near);
  ip('link', 'add', near, 'mtu', String(mtu), 'type', 'veth', 'peer', 'name', far, 'mtu', String(mtu));
  for (const name of [near, far]) {
    silence(name);
    ip('link', 'set', name, 'up');
  }
  return { near, far, remove: () => removeLink(near) };
}

/** No IPv6 on it, so that the host says nothing there by itself; nothing to do where the kernel has none. */
function silence(name: string): void {
  const option = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  if (existsSync(option)) writeFileSync(option, '1');
}

/** Deletes an interface if it is there. */
export function removeLink(name: string): void {
  try {
    ip('link', 'del', name);
  } catch {
    // It was not there.
  }
}

const SLOT_BYTES = 2048;
const BIG_SLOT_BYTES = 16_384;
const SLOTS_PER_BLOCK = 16;
const STATUS_USER = 1;

export interface RawLinkOptions {
  readonly slots?: number;
  /** For interfaces with a large MTU. */
  readonly isBig?: boolean;
  /** Added to what is received and left out of what is sent: the link header that a TUN device has not. */
  readonly linkHeader?: Uint8Array;
}

/** The far side of a port: whole frames in and out of an interface. */
export class RawLink {
  readonly fd: number;
  readonly #arena: ArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #slots: number;
  readonly #slotBytes: number;
  readonly #linkHeader: Uint8Array;
  readonly #scratchAt: number;
  #next = 0;

  constructor(name: string, { slots = 1024, isBig = false, linkHeader = new Uint8Array(0) }: RawLinkOptions = {}) {
    this.#slots = slots;
    this.#slotBytes = isBig ? BIG_SLOT_BYTES : SLOT_BYTES;
    this.#linkHeader = linkHeader;
    this.#scratchAt = slots * this.#slotBytes;
    this.#arena = native().arena(this.#scratchAt + 65_536);
    this.#words = new Int32Array(this.#arena);
    this.#bytes = new Uint8Array(this.#arena);
    this.fd = native().packetOpen(this.#arena, 0, {
      interfaceIndex: native().interfaceFacts(name).index,
      slotBytes: this.#slotBytes,
      slots,
      slotsPerBlock: SLOTS_PER_BLOCK,
      reserveBytes: 0,
      vnetHeader: false,
      dropAll: false,
      sendBufferBytes: 16 << 20,
      receiveBufferBytes: 0,
    });
  }

  /** @returns 1, or minus the errno */
  send(frame: Uint8Array): number {
    const body = frame.subarray(this.#linkHeader.length);
    this.#bytes.set(body, this.#scratchAt);
    return native().packetSend(this.fd, this.#arena, Int32Array.of(this.#scratchAt, body.length), 0, 1);
  }

  /** The oldest frame that waits; undefined when there is none. */
  take(): Uint8Array | undefined {
    const slotAt = this.#next * this.#slotBytes;
    const word = slotAt >> 2;
    if ((this.#words[word]! & STATUS_USER) === 0) return undefined;
    const at = slotAt + (this.#words[word + 3]! & 0xffff);
    const bytes = this.#words[word + 2]!;
    const frame = new Uint8Array(this.#linkHeader.length + bytes);
    frame.set(this.#linkHeader);
    frame.set(this.#bytes.subarray(at, at + bytes), this.#linkHeader.length);
    this.#words[word] = 0;
    this.#next = (this.#next + 1) % this.#slots;
    return frame;
  }

  close(): void {
    native().closeFd(this.fd);
  }
}

/** Lets frames travel. */
export function oneMillisecond(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
