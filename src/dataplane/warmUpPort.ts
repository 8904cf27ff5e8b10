/** Made-up kernels behind real ports, so that the warm-up runs the ports' own code without an interface. What all kinds of port share. */
import { constants } from 'node:os';
import { ChecksumState } from '../base/terms.ts';
import type { InterfaceFacts } from '../io/interfaceFacts.ts';
import type { Port } from '../io/port.ts';
import { Burst } from '../memory/burst.ts';
import type { MadeUpFrame } from './warmUpFrames.ts';

/** One side of a scratch director: a real port that believes in its interface. */
export interface MadeUpPort {
  readonly port: Port;
  /** The port will receive this frame. @returns false when its ring is full, or such a frame never comes by this kind of port */
  receive(frame: MadeUpFrame): boolean;
}

/** Never handed to a system call. */
export const NO_SOCKET = 1 << 20;
export const PAGE_BYTES = 4096;
export const MTU = 1500;

const { EAGAIN, EMSGSIZE, ENETDOWN } = constants.errno;
const FAILURES = [-EAGAIN, -EMSGSIZE, -ENETDOWN];
/** One call in so many fails, that the port's code for failures is known too. */
const CALLS_PER_FAILURE = 64;

/** What calls of a made-up kernel answer: a count, and now and then an error. */
export class MadeUpAnswers {
  #calls = 0;

  answer(count: number): number {
    this.#calls++;
    return this.#calls % CALLS_PER_FAILURE === 0 ? FAILURES[(this.#calls / CALLS_PER_FAILURE) % FAILURES.length]! : count;
  }
}

export function madeUpFacts(name: string): InterfaceFacts {
  const mac = { mac: Uint8Array.of(2, 0, 0, 0, 0x0d, 0), macHigh: 0x0200, macLow: 0x0d00 };
  const offloads = { txChecksum: true, tso: true, gro: true, receiveQueues: 1 };
  return { index: 1, name, mtu: MTU, ...mac, ...offloads, flags: 1, type: 1, driver: '', isUp: true, isEthernet: true };
}

const kernels: Record<string, unknown>[] = [];

/**
 * A made-up kernel that compiled code does not take for the real one. Such code remembers up to four kinds of object at a place, and one
 * function, and would be thrown away when it meets another; that which has met more asks each time. So every second kernel has functions
 * of another kind, and `changeKernels` makes objects of another kind of them all.
 */
export function unlikeOthers<Kernel extends object>(kernel: Kernel): Kernel {
  const odd: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(kernel)) {
    odd[name] = typeof value === 'function' && kernels.length % 2 === 1 ? value.bind(undefined) : value;
  }
  kernels.push(odd);
  return odd as Kernel;
}

/** Between rounds; five times are enough. @param round from 0 */
export function changeKernels(round: number): void {
  for (const kernel of kernels) kernel[`isMadeUp${round}`] = true;
}

/** A burst of one frame, as which `frame` would be received at `at`. */
export function describe(frame: MadeUpFrame, at: number): Burst {
  const burst = new Burst();
  burst.push(at, frame.bytes.length);
  burst.checksum[0] = frame.checksum;
  burst.checksumStart[0] = frame.checksum === ChecksumState.partial ? frame.transportAt : 0;
  burst.checksumOffset[0] = frame.checksumOffset;
  burst.segmentKind[0] = frame.segmentKind;
  burst.segmentBytes[0] = frame.segmentBytes;
  return burst;
}
