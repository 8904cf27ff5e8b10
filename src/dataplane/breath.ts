// hot path

/**
 * One breath of a worker: for each port receive a burst, decide about each frame, transmit, give the frames back. The same for real
 * ports, memory ports and pcap files.
 */
import { NONE } from '../base/terms.ts';
import type { Director } from '../engine/director.ts';
import type { Port } from '../io/port.ts';
import { Burst } from '../memory/burst.ts';

export class Breath {
  readonly #director: Director;
  readonly #ports: readonly Port[];
  readonly #burst = new Burst();

  /** @param ports in the order of the director's links; the host port, if any, among them */
  constructor(director: Director, ports: readonly Port[]) {
    this.#director = director;
    this.#ports = ports;
  }

  /**
   * Serves every port once, then ends what is over.
   * @param looksAtHost whether the host's device is served, too: a system call, and hardly a frame comes from there
   * @returns frames received; 0 = nothing to do
   */
  breathe(looksAtHost = true): number {
    this.#director.setTime();
    const { hostPort } = this.#director.state;
    let frames = 0;
    for (let p = 0; p < this.#ports.length; p++) if (p !== hostPort || looksAtHost) frames += this.#serve(p);
    this.#director.expire();
    if (this.#director.state.scratch.used > 0) this.#sendScratch();
    return frames;
  }

  #serve(p: number): number {
    const port = this.#ports[p]!;
    const burst = this.#burst;
    const count = port.receive(burst);
    if (count === 0) return 0;
    const scratch = this.#director.state.scratch;
    for (let i = 0; i < count; ) {
      i = this.#director.handleBurst(burst, i, p);
      if (scratch.used > 0) this.#flush(burst, i - 1);
    }
    this.#transmit(burst);
    port.release(burst);
    return count;
  }

  /** Sends what is decided so far, then the scratch frames that frame `last` made: order within a flow stays. */
  #flush(burst: Burst, last: number): void {
    this.#transmit(burst);
    for (let i = 0; i <= last; i++) burst.output[i] = NONE;
    this.#sendScratch();
  }

  #sendScratch(): void {
    const { scratch } = this.#director.state;
    for (let b = 0; b < scratch.used; b++) this.#transmit(scratch.bursts[b]!);
    scratch.clear();
  }

  #transmit(burst: Burst): void {
    for (let p = 0; p < this.#ports.length; p++) {
      if (wanted(burst, p)) this.#ports[p]!.transmit(burst, p);
    }
  }
}

function wanted(burst: Burst, port: number): boolean {
  for (let i = 0; i < burst.count; i++) if (burst.output[i] === port) return true;
  return false;
}
