/**
 * Whether a list of actions can be applied whole, found out before anything changes: each action is judged against the tables as they
 * will be after those before it.
 */
import { formatAddress, parseAddress, parseMac } from '../base/address.ts';
import { type ErrorCode, UvsError } from '../base/errors.ts';
import { checkSetting } from '../base/settings.ts';
import { Family, NONE } from '../base/terms.ts';
import {
  type DestinationKey,
  type FullnatSettings,
  formatDestinationKey,
  formatServiceKey,
  type ServiceKey,
  type TableAction,
  type TunnelSettings,
} from './actions.ts';
import { lackOfPortMemory } from './portMemory.ts';
import type { Tables } from './tables.ts';
import { badFtpPorts, badFullnat, badPersistence, badRule } from './validateRules.ts';

/** @returns the first fault, or undefined when all of `actions` can be applied in this order */
export function validateActions(
  tables: Tables,
  actions: readonly TableAction[],
  knowsScheduler: (name: string) => boolean = () => true,
): UvsError | undefined {
  const draft = new Draft(tables);
  for (const action of actions) {
    const fault = malformed(action) ?? judge(draft, action, knowsScheduler);
    if (fault !== undefined) return fault;
  }
  return lackOfPortMemory(tables, actions);
}

/**
 * The names in the tables as the actions judged so far will leave them. A service is read from the tables when an action names it: a
 * change of one among ten thousand real servers is not to look at the others while frames wait.
 */
class Draft {
  readonly #tables: Tables;
  /** Service -> its destinations' names; undefined = there is none of this name. */
  readonly #services = new Map<string, Set<string> | undefined>();
  /** Service and destination -> connections that hold its row, of those that are listed now. */
  readonly #held = new Map<string, number>();
  #serviceRoom: number;
  /** Undefined until it is asked for. */
  #destinationRoom: number | undefined;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.#serviceRoom = tables.services.capacity - tables.services.count;
  }

  /** The destinations of a service, or undefined when there is no such service. @param service its name */
  destinationsOf(service: string, key: ServiceKey): Set<string> | undefined {
    if (!this.#services.has(service)) this.#services.set(service, this.#read(service, key));
    return this.#services.get(service);
  }

  addService(service: string): boolean {
    this.#services.set(service, new Set());
    return --this.#serviceRoom >= 0;
  }

  /** One that `destinationsOf` has found. */
  removeService(service: string): void {
    for (const name of this.#services.get(service) ?? []) this.removeDestination(service, name);
    this.#services.set(service, undefined);
    this.#serviceRoom++;
  }

  /** To a service that `destinationsOf` has found. */
  addDestination(service: string, name: string): boolean {
    this.#services.get(service)?.add(name);
    // Connections of a removed destination hold its row, which is the one that it gets back.
    return this.#takeRoom(this.#references(service, name) === 0 ? 1 : 0) >= 0;
  }

  removeDestination(service: string, name: string): void {
    this.#services.get(service)?.delete(name);
    if (this.#references(service, name) === 0) this.#takeRoom(-1);
  }

  /** Connections hold addresses that are configured no longer. */
  hasRoomFor({ localAddresses }: FullnatSettings): boolean {
    return this.#tables.localPorts.addresses.fits(localAddresses.map(parseAddress).filter((address) => address !== undefined));
  }

  #read(service: string, key: ServiceKey): Set<string> | undefined {
    const { services, destinations } = this.#tables;
    const s = services.findKey(key);
    if (s === NONE) return undefined;
    const names = new Set<string>();
    for (let d = destinations.first(s); d !== NONE; d = destinations.next(d)) {
      const name = formatDestinationKey(destinations.key(d));
      names.add(name);
      this.#held.set(`${service} ${name}`, destinations.references(d));
    }
    return names;
  }

  /** @returns what is left */
  #takeRoom(rows: number): number {
    this.#destinationRoom = (this.#destinationRoom ?? this.#tables.destinations.room) - rows;
    return this.#destinationRoom;
  }

  #references(service: string, name: string): number {
    const identity = `${service} ${name}`;
    return this.#held.get(identity) ?? this.#tables.destinations.trashReferences(identity);
  }
}

function judge(draft: Draft, action: TableAction, knowsScheduler: (name: string) => boolean): UvsError | undefined {
  switch (action.kind) {
    case 'addService':
    case 'editService':
      if (!knowsScheduler(action.settings.scheduler)) {
        return fault('SCHEDULER_UNKNOWN', `no scheduler named "${action.settings.scheduler}"`);
      }
      return action.kind === 'addService' ? judgeAddService(draft, action.service) : requireService(draft, action.service);
    case 'removeService': {
      const missing = requireService(draft, action.service);
      if (missing === undefined) draft.removeService(serviceName(action.service));
      return missing;
    }
    case 'addDestination':
      return requireService(draft, action.service) ?? judgeAddDestination(draft, action.service, action.destination);
    case 'editDestination':
      return requireService(draft, action.service) ?? requireDestination(draft, action.service, action.destination);
    case 'removeDestination': {
      const { service, destination } = action;
      const missing = requireService(draft, service) ?? requireDestination(draft, service, destination);
      if (missing === undefined) draft.removeDestination(serviceName(service), destinationName(destination));
      return missing;
    }
    case 'setNextHop':
    case 'setTimeouts':
    case 'setSettings':
    case 'setClassification':
    case 'setFtpPorts':
      return undefined;
    case 'setFullnat':
      return draft.hasRoomFor(action.fullnat) ? undefined : fault('CAPACITY_EXCEEDED', 'no room for that many local addresses');
    case 'zeroStatistics':
      return action.service && requireService(draft, action.service);
  }
}

function judgeAddService(draft: Draft, key: ServiceKey): UvsError | undefined {
  const name = serviceName(key);
  if (draft.destinationsOf(name, key) !== undefined) return fault('SERVICE_EXISTS', `virtual service ${name} already exists`);
  return draft.addService(name) ? undefined : fault('CAPACITY_EXCEEDED', `no room for virtual service ${name}`);
}

function judgeAddDestination(draft: Draft, service: ServiceKey, key: DestinationKey): UvsError | undefined {
  const name = destinationName(key);
  const inService = serviceName(service);
  if (draft.destinationsOf(inService, service)?.has(name)) {
    return fault('DESTINATION_EXISTS', `real server ${name} of ${inService} already exists`);
  }
  return draft.addDestination(inService, name) ? undefined : fault('CAPACITY_EXCEEDED', `no room for real server ${name}`);
}

function requireService(draft: Draft, key: ServiceKey): UvsError | undefined {
  const name = serviceName(key);
  return draft.destinationsOf(name, key) === undefined ? fault('SERVICE_UNKNOWN', `no virtual service ${name}`) : undefined;
}

function requireDestination(draft: Draft, service: ServiceKey, key: DestinationKey): UvsError | undefined {
  const name = destinationName(key);
  const inService = serviceName(service);
  if (draft.destinationsOf(inService, service)?.has(name)) return undefined;
  return fault('DESTINATION_UNKNOWN', `no real server ${name} of ${inService}`);
}

/** Names that a configuration would never let through, for tables are never to hold half an address. */
function malformed(action: TableAction): UvsError | undefined {
  switch (action.kind) {
    case 'setTimeouts':
      return undefined;
    case 'setSettings':
      return first(Object.entries(action.settings), ([name, value]) => checkSetting(name, value));
    case 'setClassification':
      return first(action.rules, badRule);
    case 'setFtpPorts':
      return badFtpPorts(action.ports);
    case 'setFullnat':
      return first(action.fullnat.localAddresses, badAddress) ?? badFullnat(action.fullnat);
    case 'setNextHop': {
      const { address, source, mac } = action.nextHop;
      return (
        badAddress(address) ??
        badAddress(source) ??
        (mac !== null && parseMac(mac) === undefined ? bad('MAC address', mac) : undefined)
      );
    }
    case 'addService':
    case 'editService':
      return badService(action.service) ?? badPersistence(action.service, action.settings);
    case 'removeService':
      return badService(action.service);
    case 'zeroStatistics':
      return action.service && badService(action.service);
    case 'addDestination':
    case 'editDestination':
      return (
        badService(action.service) ??
        badAddress(action.destination.address) ??
        badFamily(action.service, action) ??
        badTunnel(action.settings.tunnel)
      );
    case 'removeDestination':
      return badService(action.service) ?? badAddress(action.destination.address);
  }
}

function first<T>(items: readonly T[], check: (item: T) => UvsError | undefined): UvsError | undefined {
  for (const item of items) {
    const found = check(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function badService(key: ServiceKey): UvsError | undefined {
  return 'firewallMark' in key ? undefined : badAddress(key.address);
}

function badAddress(text: string): UvsError | undefined {
  return parseAddress(text) === undefined ? bad('IP address', text) : undefined;
}

/** specs/ipvs.md section 1.2: only a tunnel leads from one family to the other. */
function badFamily(
  key: ServiceKey,
  { destination, settings }: Extract<TableAction, { kind: 'addDestination' | 'editDestination' }>,
): UvsError | undefined {
  const family = 'firewallMark' in key ? Family[key.family] : parseAddress(key.address)?.family;
  if (settings.method === 'tunnel' || parseAddress(destination.address)?.family === family) return undefined;
  return fault('CONFIG_INVALID', `real server ${destination.address} is not of the family of ${formatServiceKey(key)}`);
}

function badTunnel(tunnel: TunnelSettings | undefined): UvsError | undefined {
  if (tunnel?.type !== 'gue' || (tunnel.port >= 1 && tunnel.port <= 65_535)) return undefined;
  return bad('UDP port of a GUE tunnel', String(tunnel.port));
}

function bad(what: string, text: string): UvsError {
  return fault('CONFIG_INVALID', `"${text}" is no ${what}`);
}

function fault(code: ErrorCode, message: string): UvsError {
  return new UvsError(code, message);
}

/** One text for one name, however the address is written; as ServiceTable.identity. */
function serviceName(key: ServiceKey): string {
  return formatServiceKey('firewallMark' in key ? key : { ...key, address: canonical(key.address) });
}

function destinationName(key: DestinationKey): string {
  return formatDestinationKey({ address: canonical(key.address), port: key.port });
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : formatAddress(address);
}
