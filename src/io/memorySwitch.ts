// hot path

/**
 * A learning Ethernet switch (IEEE 802.1D without spanning tree) between memory ports: clients, directors and real servers run in
 * one process, and the same order of calls gives the same order of frames. Plug in each host's port, then call `step` between the
 * hosts' breaths; it allocates nothing when all ports share one arena.
 */
import { assert } from '../base/assert.ts';
import { NONE } from '../base/terms.ts';
import type { MemoryPort } from './memoryPort.ts';

/** What a switch has done; frames as they leave a host count once, copies of floods separately. */
export interface MemorySwitchCounters {
  /** To the one port behind which the destination was seen. */
  forwarded: number;
  /** Broadcast, multicast, or a destination never seen: sent to every other port. */
  flooded: number;
  /** The destination is behind the port that the frame came from. */
  filtered: number;
  /** Copies that a port took, of forwarded and flooded frames. */
  delivered: number;
  /** Copies that a port refused (no free slot, too long). */
  lost: number;
}

/** Hosts that a switch remembers; a further one is flooded to. */
export const MAX_SWITCH_ADDRESSES = 1024;

const SOURCE_HIGH = 6;
const SOURCE_LOW = 8;
const GROUP_BIT = 0x0100;

export class MemorySwitch {
  readonly counters: MemorySwitchCounters = { forwarded: 0, flooded: 0, filtered: 0, delivered: 0, lost: 0 };
  readonly #ports: MemoryPort[] = [];
  readonly #macHigh = new Int32Array(MAX_SWITCH_ADDRESSES);
  readonly #macLow = new Int32Array(MAX_SWITCH_ADDRESSES);
  readonly #macPort = new Int32Array(MAX_SWITCH_ADDRESSES);
  #addressCount = 0;

  /** @param ports all with offloads or all without: the switch neither completes checksums nor cuts super-frames */
  constructor(...ports: readonly MemoryPort[]) {
    for (const port of ports) this.plug(port);
  }

  /** Connects one more port. Frames that it has transmitted already are carried by the next `step`. */
  plug(port: MemoryPort): void {
    const first = this.#ports[0] ?? port;
    assert(first.facts.offloads === port.facts.offloads, 'ports of one switch agree about offloads');
    this.#ports.push(port);
  }

  /** Carries every frame that has been transmitted by now, port by port in the order of plugging. @returns how many there were */
  step(): number {
    let frames = 0;
    for (let from = 0; from < this.#ports.length; from++) {
      const count = this.#ports[from]!.pending;
      for (let i = 0; i < count; i++) this.#carryOldest(from);
      frames += count;
    }
    return frames;
  }

  #carryOldest(from: number): void {
    const port = this.#ports[from]!;
    const v = port.arena.view;
    const at = port.oldestAt;
    this.#learn(v.getUint16(at + SOURCE_HIGH), v.getInt32(at + SOURCE_LOW), from);
    const high = v.getUint16(at);
    const entry = (high & GROUP_BIT) === 0 ? this.#find(high, v.getInt32(at + 2)) : NONE;
    if (entry === NONE) {
      this.counters.flooded++;
      for (let to = 0; to < this.#ports.length; to++) if (to !== from) this.#deliver(port, to);
    } else if (this.#macPort[entry] === from) {
      this.counters.filtered++;
    } else {
      this.counters.forwarded++;
      this.#deliver(port, this.#macPort[entry]!);
    }
    port.dropOldest();
  }

  #deliver(port: MemoryPort, to: number): void {
    if (port.copyOldestTo(this.#ports[to]!)) this.counters.delivered++;
    else this.counters.lost++;
  }

  /** A host that moved is found behind its new port at once. */
  #learn(high: number, low: number, port: number): void {
    if ((high & GROUP_BIT) !== 0) return;
    const known = this.#find(high, low);
    if (known === NONE && this.#addressCount === MAX_SWITCH_ADDRESSES) return;
    const entry = known === NONE ? this.#addressCount++ : known;
    this.#macHigh[entry] = high;
    this.#macLow[entry] = low;
    this.#macPort[entry] = port;
  }

  /** A plain search: the hosts of a simulation are few. */
  #find(high: number, low: number): number {
    for (let i = 0; i < this.#addressCount; i++) {
      if (this.#macLow[i] === low && this.#macHigh[i] === high) return i;
    }
    return NONE;
  }
}
