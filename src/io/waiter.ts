/**
 * Sleep of a worker until a port has frames, another thread calls, or time is up. Blocks the thread: a data-plane worker has nothing
 * else to do. Allocates nothing per wait.
 */
import { NONE } from '../base/terms.ts';
import { asking, type NativeAddon, native } from './native.ts';
import type { Port } from './port.ts';

export class Waiter {
  /** For `wake` from another thread, valid until `close`. */
  readonly wakeDescriptor: number;
  readonly #native: NativeAddon;
  /** The wake descriptor, then those of the ports; the helper writes -1 over one that will never be readable again. */
  readonly #descriptors: Int32Array;
  #isOpen = true;

  /** @param ports at most 63; those without a descriptor are left out: their frames are seen when the wait ends otherwise */
  constructor(ports: readonly Port[]) {
    this.#native = native();
    this.wakeDescriptor = asking('wake-up call', () => this.#native.eventFd());
    const waitable = ports.map((port) => port.fileDescriptor).filter((fd) => fd !== NONE);
    this.#descriptors = Int32Array.of(this.wakeDescriptor, ...waitable);
  }

  /**
   * Returns as soon as one of the ports may have frames or `wake` was called, after `timeoutMs` at the latest.
   * @returns whether there was a reason other than the time
   */
  wait(timeoutMs: number): boolean {
    if (!this.#isOpen) return false;
    const ready = this.#native.poll(this.#descriptors, this.#descriptors.length, timeoutMs);
    if (ready > 0) this.#native.eventFdClear(this.wakeDescriptor);
    return ready > 0;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#native.closeFd(this.wakeDescriptor);
  }
}

/** Ends the wait that goes on, or the next one, of the Waiter with this descriptor; from any thread, while that Waiter is open. */
export function wake(wakeDescriptor: number): void {
  native().eventFdSignal(wakeDescriptor);
}
