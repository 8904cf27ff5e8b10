// hot path

/**
 * The director's own addresses that stand for its clients towards fullnat real servers. A connection remembers its address by a small
 * index, so an address that is configured no longer keeps its place at least until the last connection has let go of it.
 */
import { type Address, formatAddress } from '../base/address.ts';
import type { Family } from '../base/terms.ts';
import type { PortRange } from './actions.ts';

/** Both families together; the index of one fits beside a port in a word. */
export const MAX_LOCAL_ADDRESSES = 256;

/** Word of a connection: index of its local address << 16 | local port. No port is 0, so 0 means "none". */
export function localWord(index: number, port: number): number {
  return (index << 16) | port;
}

export function localIndexOf(local: number): number {
  return local >>> 16;
}

export function localPortOf(local: number): number {
  return local & 0xffff;
}

export class LocalAddresses {
  /** Four words for each index. Beside this class the connection table and engine/fastPath.ts read them. */
  readonly words = new Int32Array(MAX_LOCAL_ADDRESSES * 4);
  /** Family, or 0 = the place is free. */
  readonly #families = new Uint8Array(MAX_LOCAL_ADDRESSES);
  readonly #connections = new Int32Array(MAX_LOCAL_ADDRESSES);
  /** All ports that connections of the address may have: first << 16 | last. */
  readonly #ranges = new Uint32Array(MAX_LOCAL_ADDRESSES);
  #configured: readonly number[] = [];

  /** Whether `configure` would find room for these. */
  fits(addresses: readonly Address[]): boolean {
    const wanted = new Set(addresses.map((address) => formatAddress(address)));
    let held = 0;
    for (let i = 0; i < MAX_LOCAL_ADDRESSES; i++) if (this.#connections[i]! > 0 && !wanted.has(this.#name(i))) held++;
    return wanted.size + held <= MAX_LOCAL_ADDRESSES;
  }

  /** Replaces those that new connections get; the caller has asked `fits`. Not on the hot path. */
  configure(addresses: readonly Address[], ports: PortRange): void {
    const wanted = new Set(addresses.map((address) => formatAddress(address)));
    this.#configured = [...new Set(addresses.map((address) => this.#indexOf(address, ports, wanted)))];
  }

  /**
   * Every address that a connection may still have, also of another worker, with all of its ports: one that is configured no longer is
   * forgotten only when its place is needed. Allocates: not on the hot path.
   */
  ranges(): readonly { readonly address: string; readonly ports: PortRange }[] {
    return [...this.#ranges].flatMap((range, i) =>
      this.#families[i] === 0 ? [] : [{ address: this.#name(i), ports: [range >>> 16, range & 0xffff] as const }],
    );
  }

  /** Indices of the configured addresses of a family, in their order. */
  configuredOf(family: number): readonly number[] {
    return this.#configured.filter((index) => this.#families[index] === family);
  }

  /** Word `i`, 0 to 3, of the address. */
  word(index: number, i: number): number {
    return this.words[index * 4 + i]!;
  }

  /** A connection has taken a port of this address. */
  hold(index: number): void {
    this.#connections[index]!++;
  }

  /** A connection has given its port back. */
  letGo(index: number): void {
    this.#connections[index]!--;
  }

  /** @param wanted names of all that are configured now */
  #indexOf(address: Address, [first, last]: PortRange, wanted: ReadonlySet<string>): number {
    const name = formatAddress(address);
    const names = Array.from(this.#families, (_family, i) => this.#name(i));
    const known = names.indexOf(name);
    if (known >= 0) {
      const range = this.#ranges[known]!;
      this.#ranges[known] = (Math.min(first, range >>> 16) << 16) | Math.max(last, range & 0xffff);
      return known;
    }
    const free = names.indexOf('');
    const index = free >= 0 ? free : names.findIndex((each, i) => this.#connections[i] === 0 && !wanted.has(each));
    this.#families[index] = address.family;
    this.#ranges[index] = (first << 16) | last;
    for (let i = 0; i < 4; i++) this.words[index * 4 + i] = address.words[i]!;
    return index;
  }

  #name(index: number): string {
    const family = this.#families[index];
    if (family === 0) return '';
    const [a, b, c, d] = this.words.subarray(index * 4, index * 4 + 4);
    return formatAddress({ family: family as Family, words: [a!, b!, c!, d!] });
  }
}
