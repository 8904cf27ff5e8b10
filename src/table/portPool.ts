// hot path

/**
 * The local addresses and ports that connections to one real server may have: every pair once at a time. Pairs are slots, numbered so that
 * neighbours have different addresses:
 *
 *     slot      0            1            2            3              with two addresses
 *               a : 5000     b : 5000     a : 5001     b : 5001
 *
 * Slots wait in two sets. Connections take theirs from the first, in order from a chance beginning on; a slot that comes back goes to the
 * second; when the first is empty, the two change places. So a slot is not used again before all others that were free, and whether one
 * is left is known at once and exactly.
 */
import { NONE } from '../base/terms.ts';
import { localIndexOf, localPortOf, localWord } from './localAddresses.ts';
import { SlotSet } from './slotSet.ts';

/** Which pairs there are, the same for every real server of a family. */
export interface PortGeometry {
  /** Of LocalAddresses. */
  readonly indices: readonly number[];
  /** Ports firstPort, firstPort + step and so on. */
  readonly firstPort: number;
  readonly portCount: number;
  readonly step: number;
}

export class PortPool {
  readonly name: string;
  readonly geometry: PortGeometry;
  readonly size: number;
  /** Taken and not given back. */
  used = 0;
  /** Destinations on a list whose connections get their pairs here. */
  listed = 0;
  #ready: SlotSet;
  #resting: SlotSet;
  #cursor: number;

  /** @param name protocol, address and port of the real server @param chance any int32: where the taking begins, so that not every real server is asked from the same port */
  constructor(name: string, geometry: PortGeometry, chance: number) {
    this.name = name;
    this.geometry = geometry;
    this.size = geometry.indices.length * geometry.portCount;
    this.#ready = new SlotSet(this.size);
    this.#resting = new SlotSet(this.size);
    this.#ready.fill();
    this.#cursor = this.size === 0 ? 0 : (chance >>> 0) % this.size;
  }

  /** @returns a free pair as `localWord`, which is then taken; NONE when all are */
  take(): number {
    let slot = this.#ready.next(this.#cursor);
    if (slot === NONE) slot = this.#ready.next(0);
    if (slot === NONE) {
      const empty = this.#ready;
      this.#ready = this.#resting;
      this.#resting = empty;
      slot = this.#ready.next(0);
      if (slot === NONE) return NONE;
    }
    this.#ready.delete(slot);
    this.#cursor = slot + 1;
    this.used++;
    const { indices, firstPort, step } = this.geometry;
    const row = (slot / indices.length) | 0;
    return localWord(indices[slot - row * indices.length]!, firstPort + row * step);
  }

  /** The pair is free again. One of another geometry is only no longer counted. */
  giveBack(local: number): void {
    this.used--;
    const slot = this.#slotOf(local);
    if (slot !== NONE) this.#resting.add(slot);
  }

  /** Takes this very pair, which a connection has from before. */
  occupy(local: number): void {
    this.used++;
    const slot = this.#slotOf(local);
    if (slot !== NONE) this.#ready.delete(slot);
  }

  /** NONE when the pair is not of this geometry. */
  #slotOf(local: number): number {
    const { indices, firstPort, portCount, step } = this.geometry;
    const row = (localPortOf(local) - firstPort) / step;
    const column = indices.indexOf(localIndexOf(local));
    if (column < 0 || row < 0 || row >= portCount || row !== (row | 0)) return NONE;
    return row * indices.length + column;
  }
}
