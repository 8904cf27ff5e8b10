// hot path

/** Where our tunnels end, by address, kind and port: who is meant when an ICMP error quotes a tunnel packet. */
import { finish, mix } from '../base/hash.ts';
import { Family, ForwardingMethod, NONE } from '../base/terms.ts';
import { TUNNEL_CHECKSUM } from '../table/destinationRows.ts';
import type { FlowKey } from '../table/flowKey.ts';
import type { Tables } from '../table/tables.ts';

export class TunnelIndex {
  /** Open addressing: destination indices, at most half of the slots taken. */
  #slots = new Int32Array(2).fill(NONE);
  #families = 0;

  /** Takes up all tunnel destinations that are on a list. After each change of the tables; not on the hot path. */
  rebuild({ services, destinations }: Tables): void {
    this.#families = 0;
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(destinations.count * 2 + 2))).fill(NONE);
    for (let service = services.first(); service !== NONE; service = services.next(service)) {
      for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) {
        if (destinations.method(d) !== ForwardingMethod.tunnel) continue;
        this.#families |= 1 << destinations.family(d);
        put(
          this.#slots,
          hashOf(destinations.addressWord(d, 0), destinations.addressWord(d, 3), kindOf(destinations.tunnel(d))),
          d,
        );
      }
    }
  }

  /** Whether there are tunnels over that family, of services of whichever. */
  has(family: number): boolean {
    return (this.#families & (1 << family)) !== 0;
  }

  /**
   * A destination whose tunnel ends at the target of this packet, or NONE.
   * @param kind word `tunnel` of destinationRows.ts; whether there are checksums makes no difference
   */
  endingAt({ destinations }: Tables, key: FlowKey, kind: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(key.family === Family.v6 ? key.target0 : 0, key.target3, kind) & mask;
    // Bound: a slot is free.
    for (let d = slots[slot]!; d !== NONE; d = slots[slot]!) {
      if (
        kindOf(destinations.tunnel(d)) === kind &&
        destinations.family(d) === key.family &&
        destinations.addressWord(d, 3) === key.target3 &&
        destinations.addressWord(d, 2) === key.target2 &&
        destinations.addressWord(d, 1) === key.target1 &&
        destinations.addressWord(d, 0) === key.target0
      ) {
        return d;
      }
      slot = (slot + 1) & mask;
    }
    return NONE;
  }
}

/** Type and port. */
function kindOf(tunnel: number): number {
  return tunnel & ~TUNNEL_CHECKSUM;
}

function hashOf(word0: number, word3: number, kind: number): number {
  return finish(mix(mix(word0, word3), kind));
}

function put(slots: Int32Array, hash: number, d: number): void {
  const mask = slots.length - 1;
  let slot = hash & mask;
  while (slots[slot] !== NONE) slot = (slot + 1) & mask;
  slots[slot] = d;
}
