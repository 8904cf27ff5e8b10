// hot path

/**
 * The real servers of all services. Each service has a list, newest first, which is the order that every scheduler walks; a row is what
 * a packet needs to be forwarded (first line) and what scheduling needs (second line).
 *
 * A removed destination stays as trash, with its counters, while connections refer to it and some minutes longer; adding it again
 * under the same names revives the row, so that its connections go on (specs/ipvs.md section 1.2).
 */
import { type Address, formatAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { ForwardingMethod, NONE } from '../base/terms.ts';
import { type DestinationKey, type DestinationSettings, formatDestinationKey, type NextHop } from './actions.ts';
import { DestinationLoads } from './destinationLoads.ts';
import { AVAILABLE, DESTINATION, LOCAL, RESOLVED, tunnelWord } from './destinationRows.ts';
import { DestinationTrash } from './destinationTrash.ts';
import { NextHops, type NextHopWords } from './nextHops.ts';
import { expireMtu, learnMtu, setRouteMtu } from './pathMtu.ts';
import type { ServiceTable } from './services.ts';
import type { Traffic } from './traffic.ts';

export class DestinationTable {
  readonly capacity: number;
  readonly rows: Int32Array;
  /** What decides about new connections; with several workers, what all of them have. */
  readonly loads: DestinationLoads;
  /** First destination of each service. */
  readonly #firsts: Int32Array;
  readonly #services: ServiceTable;
  readonly #traffic: Traffic;
  readonly #trash = new DestinationTrash();
  readonly #nextHops = new NextHops();
  readonly #settings: (DestinationSettings | undefined)[];
  /** First free row; free rows are linked by `next`. */
  #free = 0;
  #count = 0;

  constructor(capacity: number, services: ServiceTable, traffic: Traffic) {
    assert(capacity > 0 && capacity <= 1 << 20, 'a destination table has 1 to 2^20 rows');
    this.capacity = capacity;
    this.#services = services;
    this.#traffic = traffic;
    this.rows = new Int32Array(capacity * DESTINATION.words);
    this.loads = new DestinationLoads(this.rows);
    this.#firsts = new Int32Array(services.capacity).fill(NONE);
    this.#settings = new Array<DestinationSettings | undefined>(capacity).fill(undefined);
    for (let d = 0; d < capacity; d++) this.#set(d, DESTINATION.next, d + 1 < capacity ? d + 1 : NONE);
  }

  /** Those on the list of a service. */
  get count(): number {
    return this.#count;
  }

  /** Newest destination of the service, or NONE. */
  first(service: number): number {
    return this.#firsts[service]!;
  }

  /** The one added before it to the same service, or NONE. */
  next(d: number): number {
    return this.#get(d, DESTINATION.next);
  }

  /** The destination of this name on the service's list, or NONE. */
  find(service: number, address: Address, port: number): number {
    for (let d = this.first(service); d !== NONE; d = this.next(d)) {
      if (this.port(d) === port && this.#hasAddress(d, address)) return d;
    }
    return NONE;
  }

  /**
   * Puts a destination at the head of the service's list; revives its row when connections still refer to it. The caller has seen that
   * the service has none of this name.
   * @returns its index; NONE when the table is full
   */
  add(service: number, address: Address, port: number, settings: DestinationSettings): number {
    const identity = this.#identity(service, address, port);
    const generation = this.#services.generation(service);
    const kept = this.#trash.rowOf(identity);
    const d = kept ?? this.#takeRow();
    if (d === NONE) return NONE;
    if (kept === undefined) this.#writeName(d, address, port);
    else this.#trash.take(identity);
    if (kept === undefined || this.#get(d, DESTINATION.generation) !== generation) this.#traffic.clearDestination(d);
    this.#set(d, DESTINATION.generation, generation);
    this.#set(d, DESTINATION.service, service);
    this.#set(d, DESTINATION.lastWeight, settings.weight);
    this.#setFlag(d, AVAILABLE, true);
    this.#set(d, DESTINATION.next, this.first(service));
    this.#firsts[service] = d;
    this.#count++;
    this.edit(d, settings);
    const nextHop = this.#nextHops.of(address);
    if (nextHop !== undefined) this.#writeNextHop(d, nextHop);
    return d;
  }

  edit(d: number, settings: DestinationSettings): void {
    this.#settings[d] = settings;
    this.#set(d, DESTINATION.method, ForwardingMethod[settings.method]);
    this.#set(d, DESTINATION.tunnel, tunnelWord(settings.tunnel));
    this.#set(d, DESTINATION.weight, settings.weight);
    if (settings.weight !== 0) this.#set(d, DESTINATION.lastWeight, settings.weight);
    this.#set(d, DESTINATION.upperThreshold, settings.upperThreshold);
    this.#set(d, DESTINATION.lowerThreshold, settings.lowerThreshold);
    this.loads.judge(d);
  }

  /** Takes it off its service's list; connections keep referring to it as to one that is not available. */
  remove(d: number): void {
    assert(this.available(d), 'a destination is removed once');
    const service = this.service(d);
    const next = this.next(d);
    if (this.first(service) === d) this.#firsts[service] = next;
    else {
      let newer = this.first(service);
      while (this.next(newer) !== d) newer = this.next(newer);
      this.#set(newer, DESTINATION.next, next);
    }
    this.#setFlag(d, AVAILABLE, false);
    this.#count--;
    this.#trash.put(this.#identity(service, this.address(d), this.port(d)), d);
  }

  /** Frees removed destinations that nothing has referred to for two minutes. Called about once a minute. */
  sweepTrash(nowTick: number): void {
    for (const d of this.#trash.sweep(nowTick, (row) => this.references(row) === 0)) this.#freeRow(d);
  }

  /** Remembers how frames reach an address, for every destination that has it or will have it. */
  setNextHop(nextHop: NextHop): void {
    const words = this.#nextHops.set(nextHop);
    for (let d = 0; d < this.capacity; d++) if (this.#hasAddress(d, words.address)) this.#writeNextHop(d, words);
  }

  /** Rows that additions of new names may still take. */
  get room(): number {
    let taken = 0;
    for (let d = 0; d < this.capacity; d++) if (this.available(d) || this.references(d) > 0) taken++;
    return this.capacity - taken;
  }

  /** Connections that a removed destination of this name still has: 0 also when there is no such one. */
  trashReferences(identity: string): number {
    const row = this.#trash.rowOf(identity);
    return row === undefined ? 0 : this.references(row);
  }

  /** A connection was made: counts it, and marks the destination overloaded when it was the last one allowed. */
  bind(d: number, isActive = false): void {
    this.loads.bind(d, isActive);
  }

  /** A connection has ended. @param isActive as it counted last */
  unbind(d: number, isActive: boolean): void {
    this.loads.unbind(d, isActive);
  }

  /** A bound connection has become active, or has ceased to be. */
  setActive(d: number, isActive: boolean): void {
    this.loads.setActive(d, isActive);
  }

  /** A persistence template was made: it counts by itself. */
  bindTemplate(d: number): void {
    this.#set(d, DESTINATION.templates, this.templates(d) + 1);
  }

  unbindTemplate(d: number): void {
    this.#set(d, DESTINATION.templates, this.templates(d) - 1);
  }

  /** On the list of a service. A connection to one that is not is dropped, but kept. */
  available(d: number): boolean {
    return (this.#get(d, DESTINATION.flags) & AVAILABLE) !== 0;
  }

  /** At its upper threshold, or not yet below the lower one again: gets no new connections. */
  overloaded(d: number): boolean {
    return this.loads.overloaded(d);
  }

  /** The MAC address of the next hop is known. */
  resolved(d: number): boolean {
    return (this.#get(d, DESTINATION.flags) & RESOLVED) !== 0;
  }

  /** Of an available destination. */
  service(d: number): number {
    return this.#get(d, DESTINATION.service);
  }

  /** ForwardingMethod: the one that was set, or `local` when the address is the director's own. */
  method(d: number): ForwardingMethod {
    return this.isLocal(d) ? ForwardingMethod.local : (this.#get(d, DESTINATION.method) as ForwardingMethod);
  }

  /** Its address is the director's own: the host serves its connections. */
  isLocal(d: number): boolean {
    return (this.#get(d, DESTINATION.flags) & LOCAL) !== 0;
  }

  /** How the tunnel to it is made, as `tunnelWord` of destinationRows.ts. */
  tunnel(d: number): number {
    return this.#get(d, DESTINATION.tunnel);
  }

  family(d: number): number {
    return this.#get(d, DESTINATION.family);
  }

  /** Word `i`, 0 to 3, of its address. */
  addressWord(d: number, i: number): number {
    return this.#get(d, DESTINATION.address0 + i);
  }

  /** 0 = the port that the client asked for. */
  port(d: number): number {
    return this.#get(d, DESTINATION.port);
  }

  /** 0 = quiesced. */
  weight(d: number): number {
    return this.#get(d, DESTINATION.weight);
  }

  /** The latest weight that was not 0, or the one it was added with. */
  lastWeight(d: number): number {
    return this.#get(d, DESTINATION.lastWeight);
  }

  upperThreshold(d: number): number {
    return this.#get(d, DESTINATION.upperThreshold);
  }

  lowerThreshold(d: number): number {
    return this.#get(d, DESTINATION.lowerThreshold);
  }

  active(d: number): number {
    return this.#get(d, DESTINATION.active);
  }

  inactive(d: number): number {
    return Math.max(this.total(d) - this.active(d), 0);
  }

  /** Active and inactive connections, without templates. */
  total(d: number): number {
    return this.#get(d, DESTINATION.total);
  }

  /** Persistence templates ("PersistConn"). */
  templates(d: number): number {
    return this.#get(d, DESTINATION.templates);
  }

  /** Connections and templates that refer to the row. */
  references(d: number): number {
    return this.total(d) + this.templates(d);
  }

  /** Index of the port that leads to it. */
  nextHopPort(d: number): number {
    return this.#get(d, DESTINATION.nextHopPort);
  }

  /** MTU of the route, bytes of IP packet. */
  nextHopMtu(d: number): number {
    return this.#get(d, DESTINATION.nextHopMtu);
  }

  nextHopMacHigh(d: number): number {
    return this.#get(d, DESTINATION.macHigh);
  }

  /** See `learnMtu` of pathMtu.ts. */
  learnMtu(d: number, mtuBytes: number, untilTick: number): boolean {
    return learnMtu(this.rows, d, mtuBytes, untilTick);
  }

  /** See `expireMtu` of pathMtu.ts. */
  expireMtu(d: number, nowTick: number): void {
    expireMtu(this.rows, d, nowTick);
  }

  nextHopMacLow(d: number): number {
    return this.#get(d, DESTINATION.macLow);
  }

  /** Word `i`, 0 to 3, of the director's own address on the route. */
  tunnelSourceWord(d: number, i: number): number {
    return this.#get(d, DESTINATION.source0 + i);
  }

  /** Allocates: for listings. */
  address(d: number): Address {
    const word = (i: number) => this.addressWord(d, i);
    return { family: this.family(d) as Address['family'], words: [word(0), word(1), word(2), word(3)] };
  }

  /** Allocates: for listings. */
  key(d: number): DestinationKey {
    return { address: formatAddress(this.address(d)), port: this.port(d) };
  }

  /** As they were added or edited last. */
  settings(d: number): DestinationSettings {
    const settings = this.#settings[d];
    assert(settings !== undefined, 'only a destination in use has settings');
    return settings;
  }

  #get(d: number, word: number): number {
    return this.rows[d * DESTINATION.words + word]!;
  }

  #set(d: number, word: number, value: number): void {
    this.rows[d * DESTINATION.words + word] = value;
  }

  #setFlag(d: number, flag: number, on: boolean): void {
    const flags = this.#get(d, DESTINATION.flags);
    this.#set(d, DESTINATION.flags, on ? flags | flag : flags & ~flag);
  }

  #hasAddress(d: number, address: Address): boolean {
    return this.family(d) === address.family && address.words.every((word, i) => word === this.addressWord(d, i));
  }

  /** A free row, or the oldest of the trash that nothing refers to. */
  #takeRow(): number {
    if (this.#free === NONE) {
      const idle = this.#trash.takeIdle((row) => this.references(row) === 0);
      if (idle === undefined) return NONE;
      this.#freeRow(idle);
    }
    const d = this.#free;
    this.#free = this.next(d);
    return d;
  }

  #freeRow(d: number): void {
    this.rows.fill(0, d * DESTINATION.words, (d + 1) * DESTINATION.words);
    this.#settings[d] = undefined;
    this.#set(d, DESTINATION.next, this.#free);
    this.#free = d;
  }

  #writeName(d: number, address: Address, port: number): void {
    this.#set(d, DESTINATION.family, address.family);
    for (let i = 0; i < 4; i++) this.#set(d, DESTINATION.address0 + i, address.words[i]!);
    this.#set(d, DESTINATION.port, port);
    this.#set(d, DESTINATION.nextHopPort, NONE);
  }

  #writeNextHop(d: number, words: NextHopWords): void {
    this.#set(d, DESTINATION.nextHopPort, words.port);
    setRouteMtu(this.rows, d, words.mtuBytes);
    this.#set(d, DESTINATION.macHigh, words.macHigh);
    this.#set(d, DESTINATION.macLow, words.macLow);
    for (let i = 0; i < 4; i++) this.#set(d, DESTINATION.source0 + i, words.source[i]!);
    this.#setFlag(d, RESOLVED, words.resolved && !words.local);
    this.#setFlag(d, LOCAL, words.local);
  }

  #identity(service: number, address: Address, port: number): string {
    return `${this.#services.identity(service)} ${formatDestinationKey({ address: formatAddress(address), port })}`;
  }
}
