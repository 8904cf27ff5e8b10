// hot path

/** The masq real servers by protocol, address and port: who is meant when a packet of theirs belongs to no connection (nat_icmp_send). */
import { finish, mix } from '../base/hash.ts';
import { Family, ForwardingMethod, NONE } from '../base/terms.ts';
import type { FlowKey } from '../table/flowKey.ts';
import type { Tables } from '../table/tables.ts';

export class RealServerIndex {
  /** Open addressing: destination indices, at most half of the slots taken. */
  #slots = new Int32Array(2).fill(NONE);

  /** Takes up all masq destinations that are on a list. After each change of the tables; not on the hot path. */
  rebuild({ services, destinations }: Tables): void {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(destinations.count * 2 + 2))).fill(NONE);
    for (let service = services.first(); service !== NONE; service = services.next(service)) {
      for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) {
        if (destinations.method(d) !== ForwardingMethod.masq) continue;
        const hash = hashOf(destinations.addressWord(d, 0), destinations.addressWord(d, 3), destinations.port(d));
        put(this.#slots, hash, d);
      }
    }
  }

  /** The masq destination that a packet comes from, or NONE. One of a firewall-mark service is meant whatever the protocol. */
  ofSource(tables: Tables, key: FlowKey): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const isV6 = key.family === Family.v6;
    let slot = hashOf(isV6 ? key.source0 : 0, key.source3, key.sourcePort) & mask;
    // Bound: a slot is free.
    for (let d = slots[slot]!; d !== NONE; d = slots[slot]!) {
      if (isSource(tables, d, key)) return d;
      slot = (slot + 1) & mask;
    }
    return NONE;
  }
}

function isSource({ destinations, services }: Tables, d: number, key: FlowKey): boolean {
  if (destinations.family(d) !== key.family || destinations.port(d) !== key.sourcePort) return false;
  if (destinations.addressWord(d, 3) !== key.source3) return false;
  if (key.family === Family.v6) {
    if (destinations.addressWord(d, 2) !== key.source2 || destinations.addressWord(d, 1) !== key.source1) return false;
    if (destinations.addressWord(d, 0) !== key.source0) return false;
  }
  const service = destinations.service(d);
  return services.firewallMark(service) !== 0 || services.protocol(service) === key.protocol;
}

function hashOf(word0: number, word3: number, port: number): number {
  return finish(mix(mix(word0, word3), port));
}

function put(slots: Int32Array, hash: number, d: number): void {
  const mask = slots.length - 1;
  let slot = hash & mask;
  while (slots[slot] !== NONE) slot = (slot + 1) & mask;
  slots[slot] = d;
}
