// hot path

/**
 * The virtual services, found for the first packet of a connection. A service is named by protocol, address and port, or by a firewall
 * mark; both kinds hang in one chained hash index, a mark as (family, protocol 0, address (0, 0, 0, mark), port 0).
 */
import { type Address, formatAddress, parseAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { finish, mix } from '../base/hash.ts';
import { Family, NONE, Protocol } from '../base/terms.ts';
import { layout } from '../memory/layout.ts';
import { formatServiceKey, type ServiceKey, type ServiceSettings } from './actions.ts';
import type { FlowKey } from './flowKey.ts';

/** How a service is special; numbers as in specs/ipvs.md section 1.1. */
export const ServiceFlag = { persistent: 0x1, onePacket: 0x4 } as const;

/** What tells persistent clients apart beside their address. */
export const PersistenceEngine = { none: 0, sip: 1 } as const;
export type PersistenceEngine = (typeof PersistenceEngine)[keyof typeof PersistenceEngine];

const SERVICE = layout(
  'inUse',
  'family',
  'protocol',
  'address0',
  'address1',
  'address2',
  'address3',
  'port',
  'firewallMark',
  'flags',
  'persistenceSeconds',
  'persistencePrefix',
  'generation',
  'hash',
  'next',
  'persistenceMask',
  'engine',
);

const FTP_PORT = 21;
const FTP_DATA_PORT = 20;
/** The default of the sysctl ip_unprivileged_port_start: passive FTP data connections go to such ports. */
const FIRST_UNPRIVILEGED_PORT = 1024;

export class ServiceTable {
  readonly capacity: number;
  readonly #rows: Int32Array;
  readonly #heads: Int32Array;
  readonly #keys: (ServiceKey | undefined)[];
  readonly #settings: (ServiceSettings | undefined)[];
  #count = 0;
  #countV6 = 0;
  #marks = 0;
  #ftpServices = 0;
  #portZeroServices = 0;
  #engines = 0;
  #generation = 0;

  constructor(capacity: number) {
    assert(capacity > 0 && capacity <= 1 << 20, 'a service table has 1 to 2^20 rows');
    this.capacity = capacity;
    this.#rows = new Int32Array(capacity * SERVICE.words);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(capacity * 2))).fill(NONE);
    this.#keys = new Array<ServiceKey | undefined>(capacity).fill(undefined);
    this.#settings = new Array<ServiceSettings | undefined>(capacity).fill(undefined);
  }

  get count(): number {
    return this.#count;
  }

  /**
   * The service that the target of this packet belongs to, in the order of specs 2.4: by mark; exactly; a port that an FTP service may
   * have opened; a service of all ports.
   * @param firewallMark 0 = the packet has none
   * @returns NONE when there is none: the packet is the host's
   */
  find(key: FlowKey, firewallMark: number): number {
    if (firewallMark !== 0 && this.#marks > 0) {
      const marked = this.#lookup(key.family, 0, 0, 0, 0, firewallMark, 0);
      if (marked !== NONE) return marked;
    }
    const exact = this.#ofTarget(key, key.targetPort);
    if (exact !== NONE) return exact;
    if (this.#ftpServices > 0 && key.protocol === Protocol.tcp && mayBeFtpData(key.targetPort)) {
      const ftp = this.#ofTarget(key, FTP_PORT);
      if (ftp !== NONE) return ftp;
    }
    return this.#portZeroServices > 0 ? this.#ofTarget(key, 0) : NONE;
  }

  /** The service of this name, or NONE. */
  findKey(key: ServiceKey): number {
    const { family, protocol, words, port } = tupleOf(key);
    return this.#lookup(family, protocol, words[0], words[1], words[2], words[3], port);
  }

  /** @returns its index; NONE when the table is full. The caller has seen that it does not exist. */
  add(key: ServiceKey, settings: ServiceSettings): number {
    const service = this.#count < this.capacity ? this.#freeRow() : NONE;
    if (service === NONE) return NONE;
    const { family, protocol, words, port, mark } = tupleOf(key);
    const rows = this.#rows;
    const at = service * SERVICE.words;
    rows.fill(0, at, at + SERVICE.words);
    rows[at + SERVICE.inUse] = 1;
    rows[at + SERVICE.family] = family;
    rows[at + SERVICE.protocol] = protocol;
    for (let i = 0; i < 4; i++) rows[at + SERVICE.address0 + i] = words[i]!;
    rows[at + SERVICE.port] = port;
    rows[at + SERVICE.firewallMark] = mark;
    rows[at + SERVICE.generation] = ++this.#generation;
    this.#keys[service] = key;
    this.edit(service, settings);
    link(rows, this.#heads, service, hashTuple(family, protocol, words[0], words[1], words[2], words[3], port));
    this.#countKinds(service, 1);
    return service;
  }

  edit(service: number, settings: ServiceSettings): void {
    const at = service * SERVICE.words;
    const engine = settings.persistenceEngine === 'sip' ? PersistenceEngine.sip : PersistenceEngine.none;
    this.#engines += engine - this.#rows[at + SERVICE.engine]!;
    this.#rows[at + SERVICE.engine] = engine;
    const persistent = settings.persistenceSeconds > 0 ? ServiceFlag.persistent : 0;
    this.#rows[at + SERVICE.flags] = persistent | (settings.onePacket ? ServiceFlag.onePacket : 0);
    this.#rows[at + SERVICE.persistenceSeconds] = settings.persistenceSeconds;
    this.#rows[at + SERVICE.persistencePrefix] = settings.persistencePrefix;
    this.#rows[at + SERVICE.persistenceMask] = maskOf(settings);
    this.#settings[service] = settings;
  }

  /** Forgets the service; the caller has removed its destinations. */
  remove(service: number): void {
    assert(this.inUse(service), 'a service is removed once');
    unlink(this.#rows, this.#heads, service);
    this.#countKinds(service, -1);
    this.#engines -= this.engine(service);
    this.#rows[service * SERVICE.words + SERVICE.inUse] = 0;
    this.#keys[service] = undefined;
    this.#settings[service] = undefined;
  }

  inUse(service: number): boolean {
    return this.#get(service, SERVICE.inUse) === 1;
  }

  /** The service in use after this one (NONE: the first), or NONE. For listings. */
  next(service: number): number {
    for (let i = service + 1; i < this.capacity; i++) if (this.inUse(i)) return i;
    return NONE;
  }

  first(): number {
    return this.next(NONE);
  }

  /** As it was added. */
  key(service: number): ServiceKey {
    const key = this.#keys[service];
    assert(key !== undefined, 'only a service in use has a key');
    return key;
  }

  /** As they were added or edited last. */
  settings(service: number): ServiceSettings {
    const settings = this.#settings[service];
    assert(settings !== undefined, 'only a service in use has settings');
    return settings;
  }

  /** One text per service, equal for equal names however they are written. */
  identity(service: number): string {
    const key = this.key(service);
    if ('firewallMark' in key) return formatServiceKey(key);
    return formatServiceKey({ ...key, address: formatAddress(tupleOf(key).address) });
  }

  /** Differs for every service ever added to this table. */
  generation(service: number): number {
    return this.#get(service, SERVICE.generation);
  }

  family(service: number): number {
    return this.#get(service, SERVICE.family);
  }

  /** 0 for a firewall-mark service. */
  protocol(service: number): number {
    return this.#get(service, SERVICE.protocol);
  }

  /** Word `i`, 0 to 3, of its address. */
  addressWord(service: number, i: number): number {
    return this.#get(service, SERVICE.address0 + i);
  }

  port(service: number): number {
    return this.#get(service, SERVICE.port);
  }

  /** 0 = named by address. */
  firewallMark(service: number): number {
    return this.#get(service, SERVICE.firewallMark);
  }

  /** Bits of ServiceFlag. */
  flags(service: number): number {
    return this.#get(service, SERVICE.flags);
  }

  /** Each datagram is scheduled by itself. */
  onePacket(service: number): boolean {
    return (this.flags(service) & ServiceFlag.onePacket) !== 0;
  }

  /** 0 = not persistent. */
  persistenceSeconds(service: number): number {
    return this.#get(service, SERVICE.persistenceSeconds);
  }

  /** Bits; an IPv4 service may have a mask instead. */
  persistencePrefix(service: number): number {
    return this.#get(service, SERVICE.persistencePrefix);
  }

  /** What of word `i`, 0 to 3, of a client's address names one persistent client. */
  persistenceMaskWord(service: number, i: number): number {
    if (this.family(service) === Family.v4) return this.#get(service, SERVICE.persistenceMask);
    return prefixMask(this.#get(service, SERVICE.persistencePrefix) - 32 * i);
  }

  /** PersistenceEngine of a service, persistent or not. */
  engine(service: number): number {
    return this.#get(service, SERVICE.engine);
  }

  /** Whether any service has an engine. */
  get haveEngine(): boolean {
    return this.#engines > 0;
  }

  /** Services of a family. With none of them the director leaves all its packets to the host. */
  countOf(family: number): number {
    return family === Family.v6 ? this.#countV6 : this.#count - this.#countV6;
  }

  #get(service: number, word: number): number {
    return this.#rows[service * SERVICE.words + word]!;
  }

  #freeRow(): number {
    for (let i = 0; i < this.capacity; i++) if (!this.inUse(i)) return i;
    return NONE;
  }

  #countKinds(service: number, by: 1 | -1): void {
    this.#count += by;
    if (this.family(service) === Family.v6) this.#countV6 += by;
    if (this.firewallMark(service) !== 0) this.#marks += by;
    else if (this.port(service) === FTP_PORT) this.#ftpServices += by;
    else if (this.port(service) === 0) this.#portZeroServices += by;
  }

  #ofTarget(key: FlowKey, port: number): number {
    const isV6 = key.family === Family.v6;
    return this.#lookup(
      key.family,
      key.protocol,
      isV6 ? key.target0 : 0,
      isV6 ? key.target1 : 0,
      isV6 ? key.target2 : 0,
      key.target3,
      port,
    );
  }

  #lookup(family: number, protocol: number, w0: number, w1: number, w2: number, w3: number, port: number): number {
    const hash = hashTuple(family, protocol, w0, w1, w2, w3, port);
    return search(this.#rows, this.#heads, hash, family, protocol, w0, w1, w2, w3, port);
  }
}

/** Of an IPv4 client: the mask if there is one, else that of the prefix. */
function maskOf({ persistenceMask, persistencePrefix }: ServiceSettings): number {
  return persistenceMask === undefined ? prefixMask(persistencePrefix) : (parseAddress(persistenceMask)?.words[3] ?? -1);
}

/** The word whose first `bits` bits are set: all of 32 or more, none of 0 or fewer. */
function prefixMask(bits: number): number {
  return bits >= 32 ? -1 : bits <= 0 ? 0 : (-1 << (32 - bits)) | 0;
}

function mayBeFtpData(port: number): boolean {
  return port === FTP_DATA_PORT || port >= FIRST_UNPRIVILEGED_PORT;
}

function hashTuple(family: number, protocol: number, w0: number, w1: number, w2: number, w3: number, port: number): number {
  return finish(mix(mix(mix(mix(mix((family << 8) | protocol, w3), port), w0), w1), w2));
}

/** Bound: the services of one slot. Addresses are the operator's own, so no stranger makes a chain long. */
function search(
  rows: Int32Array,
  heads: Int32Array,
  hash: number,
  family: number,
  protocol: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
  port: number,
): number {
  for (let service = heads[hash & (heads.length - 1)]!; service !== NONE; ) {
    const at = service * SERVICE.words;
    if (
      rows[at + SERVICE.hash] === hash &&
      rows[at + SERVICE.family] === family &&
      rows[at + SERVICE.protocol] === protocol &&
      rows[at + SERVICE.port] === port &&
      rows[at + SERVICE.address3] === w3 &&
      rows[at + SERVICE.address2] === w2 &&
      rows[at + SERVICE.address1] === w1 &&
      rows[at + SERVICE.address0] === w0
    ) {
      return service;
    }
    service = rows[at + SERVICE.next]!;
  }
  return NONE;
}

function link(rows: Int32Array, heads: Int32Array, service: number, hash: number): void {
  const slot = hash & (heads.length - 1);
  rows[service * SERVICE.words + SERVICE.hash] = hash;
  rows[service * SERVICE.words + SERVICE.next] = heads[slot]!;
  heads[slot] = service;
}

function unlink(rows: Int32Array, heads: Int32Array, service: number): void {
  const slot = rows[service * SERVICE.words + SERVICE.hash]! & (heads.length - 1);
  const next = rows[service * SERVICE.words + SERVICE.next]!;
  if (heads[slot] === service) {
    heads[slot] = next;
    return;
  }
  let before = heads[slot]!;
  while (rows[before * SERVICE.words + SERVICE.next] !== service) before = rows[before * SERVICE.words + SERVICE.next]!;
  rows[before * SERVICE.words + SERVICE.next] = next;
}

interface Tuple {
  readonly family: Family;
  /** 0 for a mark: no packet has it. */
  readonly protocol: number;
  readonly address: Address;
  readonly words: readonly [number, number, number, number];
  readonly port: number;
  readonly mark: number;
}

function tupleOf(key: ServiceKey): Tuple {
  if ('firewallMark' in key) {
    const mark = key.firewallMark | 0;
    const words = [0, 0, 0, mark] as const;
    return { family: Family[key.family], protocol: 0, address: { family: Family.v4, words }, words, port: 0, mark };
  }
  const address = parseAddress(key.address);
  assert(address !== undefined, 'addresses of actions have been checked');
  const { family, words } = address;
  return { family, protocol: Protocol[key.protocol], address, words, port: key.port, mark: 0 };
}
