/**
 * How frames reach real servers, by the server's address: said once by the control side, valid for every destination of that address,
 * also for those added later.
 */
import { type Address, formatAddress, parseAddress, parseMac } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { NextHop } from './actions.ts';

/** A NextHop as the words of a row. */
export interface NextHopWords {
  readonly address: Address;
  /** Index of the port. */
  readonly port: number;
  /** High 16 and low 32 bits; both 0 while not resolved. */
  readonly macHigh: number;
  readonly macLow: number;
  readonly resolved: boolean;
  /** The director's own address on that route. */
  readonly source: readonly [number, number, number, number];
  readonly mtuBytes: number;
  /** The address is the director's own. */
  readonly local: boolean;
}

export class NextHops {
  readonly #byAddress = new Map<string, NextHopWords>();

  /** Remembers a next hop, in place of the one this address had. */
  set(nextHop: NextHop): NextHopWords {
    const address = parseAddress(nextHop.address);
    const source = parseAddress(nextHop.source);
    const mac = nextHop.mac === null ? undefined : parseMac(nextHop.mac);
    assert(address !== undefined && source !== undefined, 'addresses of actions have been checked');
    assert(nextHop.mac === null || mac !== undefined, 'MAC addresses of actions have been checked');
    const words: NextHopWords = {
      address,
      port: nextHop.port,
      macHigh: mac?.high ?? 0,
      macLow: mac?.low ?? 0,
      resolved: mac !== undefined,
      source: source.words,
      mtuBytes: nextHop.mtu,
      local: nextHop.local === true,
    };
    this.#byAddress.set(formatAddress(address), words);
    return words;
  }

  /** What `set` was told last for this address, or undefined. */
  of(address: Address): NextHopWords | undefined {
    return this.#byAddress.get(formatAddress(address));
  }
}
