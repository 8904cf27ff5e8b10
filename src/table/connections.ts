// hot path

/**
 * All connections of one worker, found from either direction by one lookup (connectionRows.ts draws how), with their timers. Rows are
 * made at start; a full table refuses. A connection is a small integer, valid until `remove`.
 */
import { assert } from '../base/assert.ts';
import { Family, NONE } from '../base/terms.ts';
import { type Allocate, plainMemory } from '../memory/allocate.ts';
import { TimerWheel } from '../memory/timerWheel.ts';
import { needsLocalPort } from './connectionFlags.ts';
import {
  CONN,
  FAMILY_BITS,
  GAVE_UP,
  hashKey,
  identityBits,
  linkReply,
  linkRow,
  search,
  TEMPLATE_BIT,
  unlinkRow,
  writeRequest,
} from './connectionRows.ts';
import { connectionOf, type FlowKey } from './flowKey.ts';

/** Both ports of a template that is to attract nobody any more (specs/ipvs.md section 5.3). */
const NEUTRAL_PORT = 0xffff;

/** Entries that one call of `expire` puts back at most, before it leaves the rest to the next call. */
const MAX_PUT_BACK = 256;

const STATE_BITS = 0xff;

export class ConnectionTable {
  readonly capacity: number;
  /** Rows of CONN and heads of the hash chains. Beside this class engine/fastPath.ts uses them (decision 0010), and expectedConnections.ts. */
  readonly rows: Int32Array;
  readonly heads: Int32Array;
  /** Of the hash. */
  readonly seed: number;
  /** Words of LocalAddresses. */
  readonly locals: Int32Array;
  readonly #wheel: TimerWheel;
  /** First free row; free rows are linked by `nextRequest`. */
  #free = 0;
  #count = 0;
  #exhausted = 0;

  /**
   * @param seed of the hash; secret, random per start outside tests
   * @param allocate where the rows and chains are to lie, zeroed: a million connections need 128 MB, on huge pages if there are any
   * @param locals words of LocalAddresses
   */
  constructor(capacity: number, seed: number, allocate: Allocate = plainMemory, locals: Int32Array = new Int32Array(4)) {
    assert(capacity > 0 && capacity <= 1 << 24, 'a connection table has 1 to 2^24 rows');
    this.capacity = capacity;
    this.locals = locals;
    const slots = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.rows = new Int32Array(allocate(capacity * CONN.words * 4), 0, capacity * CONN.words);
    this.heads = new Int32Array(allocate(slots * 4), 0, slots).fill(NONE);
    this.#wheel = new TimerWheel(capacity);
    this.seed = seed | 0;
    for (let conn = 0; conn < capacity; conn++) this.#set(conn, CONN.nextRequest, conn + 1 < capacity ? conn + 1 : NONE);
  }

  get count(): number {
    return this.#count;
  }

  /** Lookups that gave up after MAX_PROBES nodes. */
  get probesExhausted(): number {
    return this.#exhausted;
  }

  /** @returns connection * 2 + direction of the newest connection that this packet belongs to, or NONE */
  find(key: FlowKey): number {
    return this.#find((key.protocol << 8) | key.family, key, false);
  }

  /** `find` for the packet that goes the opposite way: source and target of `key` are exchanged. For packets quoted in ICMP errors. */
  findReversed(key: FlowKey): number {
    return this.#find((key.protocol << 8) | key.family, key, true);
  }

  /** @returns the template with exactly this key (specs 5.3: client port 0), or NONE */
  findTemplate(key: FlowKey): number {
    const node = this.#find((key.protocol << 8) | TEMPLATE_BIT | key.family, key, false);
    return node === NONE ? NONE : connectionOf(node);
  }

  /**
   * Adds a connection in state 0. A template can be found by `findTemplate` only, a one-packet connection not at all, and one by fullnat
   * from its real server's side from `setLocal` on.
   * @param key the request: source is the client, target the virtual address
   * @param replySource0 the address that replies come from, four words, with `replyPort`
   * @param destination index in the table of destinations, or NONE
   * @param flags bits of ConnectionFlag
   * @returns its index, or NONE when the table is full
   */
  insert(
    key: FlowKey,
    replySource0: number,
    replySource1: number,
    replySource2: number,
    replySource3: number,
    replyPort: number,
    service: number,
    destination: number,
    flags: number,
    nowTick: number,
    timeoutTicks: number,
  ): number {
    const conn = this.#free;
    if (conn === NONE) return NONE;
    const rows = this.rows;
    const at = conn * CONN.words;
    this.#free = rows[at + CONN.nextRequest]!;
    this.#count++;
    rows.fill(0, at, at + CONN.words);
    const identity = (key.protocol << 8) | identityBits(flags) | key.family;
    writeRequest(rows, at, key);
    rows[at + CONN.replyPortAndIdentity] = (replyPort << 16) | identity;
    rows[at + CONN.replySource3] = replySource3;
    if (key.family === Family.v6) {
      rows[at + CONN.replySource0] = replySource0;
      rows[at + CONN.replySource1] = replySource1;
      rows[at + CONN.replySource2] = replySource2;
    }
    rows[at + CONN.service] = service;
    rows[at + CONN.destination] = destination;
    rows[at + CONN.controller] = NONE;
    rows[at + CONN.flagsAndState] = flags << 8;
    linkRow(rows, this.heads, this.locals, this.seed, conn);
    rows[at + CONN.expiresAtTick] = (nowTick + timeoutTicks) | 0;
    this.#wheel.place(conn, rows[at + CONN.expiresAtTick]!, nowTick);
    return conn;
  }

  /** Forgets the connection and lets go of its controller. It controls no other. */
  remove(conn: number): void {
    const rows = this.rows;
    const at = conn * CONN.words;
    assert(this.inUse(conn), 'a connection is removed once');
    assert(rows[at + CONN.controlledCount] === 0, 'a controller outlives what it controls');
    this.setController(conn, NONE);
    unlinkRow(rows, this.heads, conn);
    this.#wheel.remove(conn);
    rows[at + CONN.replyPortAndIdentity] = 0;
    rows[at + CONN.nextRequest] = this.#free;
    this.#free = conn;
    this.#count--;
  }

  /** Starts the timer anew. */
  touch(conn: number, timeoutTicks: number, nowTick: number): void {
    const at = conn * CONN.words + CONN.expiresAtTick;
    const expiresAtTick = (nowTick + timeoutTicks) | 0;
    const earlier = ((expiresAtTick - this.rows[at]!) | 0) < 0;
    this.rows[at] = expiresAtTick;
    // The wheel never looks later than the old expiry, so only an earlier one can be missed.
    if (earlier && ((expiresAtTick - this.#wheel.dueTick(conn)) | 0) < 0) this.#wheel.place(conn, expiresAtTick, nowTick);
  }

  /**
   * The next connection whose time is over: still readable, for the caller to remove or to touch. One that is neither comes again.
   * @returns NONE when there is none, or when this call has done its share of work: the next call goes on
   */
  expire(nowTick: number): number {
    for (let putBack = 0; putBack < MAX_PUT_BACK; putBack++) {
      const conn = this.#wheel.takeDue(nowTick);
      if (conn === NONE) return NONE;
      const expiresAtTick = this.expiresAtTick(conn);
      const isOver = ((expiresAtTick - nowTick) | 0) <= 0;
      this.#wheel.place(conn, isOver ? (nowTick + 1) | 0 : expiresAtTick, nowTick);
      if (isOver) return conn;
    }
    return NONE;
  }

  /** Makes a template attract nobody any more: it hangs under another name until its time is over. */
  neutralise(template: number): void {
    const rows = this.rows;
    const at = template * CONN.words;
    if (this.virtualPort(template) === NEUTRAL_PORT) return;
    unlinkRow(rows, this.heads, template);
    rows[at + CONN.clientAndVirtualPort] = NEUTRAL_PORT;
    rows[at + CONN.destinationPort] = NEUTRAL_PORT;
    linkRow(rows, this.heads, this.locals, this.seed, template);
  }

  inUse(conn: number): boolean {
    return (this.#get(conn, CONN.replyPortAndIdentity) & FAMILY_BITS) !== 0;
  }

  /** The first connection in use, or NONE. With `next`, for listings: not for the hot path. */
  first(): number {
    return this.next(NONE);
  }

  /** The connection in use after `conn`, or NONE. `conn` itself may have been removed meanwhile. */
  next(conn: number): number {
    for (let i = conn + 1; i < this.capacity; i++) if (this.inUse(i)) return i;
    return NONE;
  }

  state(conn: number): number {
    return this.#get(conn, CONN.flagsAndState) & STATE_BITS;
  }

  setState(conn: number, state: number): void {
    this.#set(conn, CONN.flagsAndState, (this.#get(conn, CONN.flagsAndState) & ~STATE_BITS) | state);
  }

  /** Bits of ConnectionFlag. */
  flags(conn: number): number {
    return this.#get(conn, CONN.flagsAndState) >>> 8;
  }

  /** Replaces all flags. `template`, `named` and `onePacket` stay as they were at insertion. */
  setFlags(conn: number, flags: number): void {
    this.#set(conn, CONN.flagsAndState, (flags << 8) | this.state(conn));
  }

  family(conn: number): number {
    return this.#get(conn, CONN.replyPortAndIdentity) & FAMILY_BITS;
  }

  protocol(conn: number): number {
    return (this.#get(conn, CONN.replyPortAndIdentity) >> 8) & 0xff;
  }

  clientPort(conn: number): number {
    return this.#get(conn, CONN.clientAndVirtualPort) >>> 16;
  }

  virtualPort(conn: number): number {
    return this.#get(conn, CONN.clientAndVirtualPort) & 0xffff;
  }

  replyPort(conn: number): number {
    return this.#get(conn, CONN.replyPortAndIdentity) >>> 16;
  }

  /** Word `i`, 0 to 3, of the client's address. */
  clientWord(conn: number, i: number): number {
    return this.#get(conn, i === 3 ? CONN.client3 : CONN.client0 + i);
  }

  virtualWord(conn: number, i: number): number {
    return this.#get(conn, i === 3 ? CONN.virtual3 : CONN.virtual0 + i);
  }

  replySourceWord(conn: number, i: number): number {
    return this.#get(conn, i === 3 ? CONN.replySource3 : CONN.replySource0 + i);
  }

  /** Index in the table of destinations, or NONE. */
  destination(conn: number): number {
    return this.#get(conn, CONN.destination);
  }

  setDestination(conn: number, destination: number): void {
    this.#set(conn, CONN.destination, destination);
  }

  /** The service that opened it. It may be gone or another by now: ask the destination, if that is available. */
  service(conn: number): number {
    return this.#get(conn, CONN.service);
  }

  expiresAtTick(conn: number): number {
    return this.#get(conn, CONN.expiresAtTick);
  }

  /** Where the client's frames come from: MAC address, high 16 and low 32 bits, and index of the port. */
  setClientMac(conn: number, high: number, low: number, port: number): void {
    this.#set(conn, CONN.sideAndMacHigh, (port << 16) | (high & 0xffff));
    this.#set(conn, CONN.macLow, low);
  }

  /** False until `setClientMac` has been called, or while the client's side has no MAC addresses. */
  hasClientMac(conn: number): boolean {
    return this.#get(conn, CONN.macLow) !== 0 || this.clientMacHigh(conn) !== 0;
  }

  clientMacHigh(conn: number): number {
    return this.#get(conn, CONN.sideAndMacHigh) & 0xffff;
  }

  clientMacLow(conn: number): number {
    return this.#get(conn, CONN.macLow);
  }

  /** Index of the port that leads to the client. */
  clientSide(conn: number): number {
    return this.#get(conn, CONN.sideAndMacHigh) >>> 16;
  }

  packetsIn(conn: number): number {
    return this.#get(conn, CONN.packetsIn);
  }

  addPacketIn(conn: number): void {
    this.#set(conn, CONN.packetsIn, this.#get(conn, CONN.packetsIn) + 1);
  }

  firewallMark(conn: number): number {
    return this.#get(conn, CONN.firewallMark);
  }

  setFirewallMark(conn: number, mark: number): void {
    this.#set(conn, CONN.firewallMark, mark);
  }

  /** The template (or FTP control connection) that this one hangs on, or NONE. */
  controller(conn: number): number {
    return this.#get(conn, CONN.controller);
  }

  /** Hangs it on another controller, or on none (NONE). */
  setController(conn: number, controller: number): void {
    const old = this.controller(conn);
    if (old !== NONE) this.#set(old, CONN.controlledCount, this.controlledCount(old) - 1);
    if (controller !== NONE) this.#set(controller, CONN.controlledCount, this.controlledCount(controller) + 1);
    this.#set(conn, CONN.controller, controller);
  }

  isTemplate(conn: number): boolean {
    return (this.#get(conn, CONN.replyPortAndIdentity) & TEMPLATE_BIT) !== 0;
  }

  /** The port of the real server, as listings show it: with route and tunnel not that of its replies. */
  destinationPort(conn: number): number {
    return this.#get(conn, CONN.destinationPort);
  }

  setDestinationPort(conn: number, port: number): void {
    this.#set(conn, CONN.destinationPort, port);
  }

  /** Local address and port as `localWord`; 0 = not by fullnat. */
  local(conn: number): number {
    return this.#get(conn, CONN.local);
  }

  /** Gives a fullnat connection that has none its local address and port: from now on it is found by its replies. Once. */
  setLocal(conn: number, local: number): void {
    assert(this.local(conn) === 0 && needsLocalPort(this.flags(conn)), 'a fullnat connection gets one local port');
    this.#set(conn, CONN.local, local);
    linkReply(this.rows, this.heads, this.locals, this.seed, conn);
  }

  /** How long a template lasts each time that its timer is started. Other connections last as long as their state. */
  timeoutTicks(template: number): number {
    return this.#get(template, CONN.timeoutTicks);
  }

  setTimeoutTicks(template: number, ticks: number): void {
    this.#set(template, CONN.timeoutTicks, ticks);
  }

  /** Connections that hang on this one. */
  controlledCount(conn: number): number {
    return this.#get(conn, CONN.controlledCount);
  }

  #get(conn: number, word: number): number {
    return this.rows[conn * CONN.words + word]!;
  }

  #set(conn: number, word: number, value: number): void {
    this.rows[conn * CONN.words + word] = value;
  }

  #find(identity: number, key: FlowKey, reversed: boolean): number {
    const found = search(
      this.rows,
      this.heads,
      this.locals,
      hashKey(this.seed, identity, key, reversed),
      identity,
      key,
      reversed,
    );
    if (found !== GAVE_UP) return found;
    this.#exhausted++;
    return NONE;
  }
}
