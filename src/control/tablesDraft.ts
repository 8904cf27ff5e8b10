/** Tables while actions change them one by one. What is asked for is found by name, so that ten thousand changes take moments. */
import { assert } from '../base/assert.ts';
import {
  type DestinationKey,
  formatDestinationKey,
  formatServiceKey,
  type ServiceKey,
  type TableAction,
  type Timeouts,
} from '../table/actions.ts';
import type { DestinationEntry, ServiceEntry, Tables } from './tables.ts';

/** A service while it changes. Its destinations are named once somebody asks for one: most services are never asked. */
interface DraftService {
  entry: ServiceEntry;
  destinations: Map<string, DestinationEntry> | undefined;
  /** `entry` has other destinations than the map. */
  isStale: boolean;
}

type ServiceAction = Extract<
  TableAction,
  {
    kind: 'addService' | 'editService' | 'removeService' | 'addDestination' | 'editDestination' | 'removeDestination';
  }
>;

export class TablesDraft {
  #tables: Tables;
  readonly #services: Map<string, DraftService>;
  #isStale = false;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.#services = new Map(tables.services.map((entry) => [formatServiceKey(entry.key), draftOf(entry)]));
  }

  hasService(key: ServiceKey): boolean {
    return this.#services.has(formatServiceKey(key));
  }

  hasDestination(service: ServiceKey, destination: DestinationKey): boolean {
    const found = this.#services.get(formatServiceKey(service));
    return found !== undefined && destinationsOf(found).has(formatDestinationKey(destination));
  }

  /** Names of the services, in order. */
  serviceKeys(): readonly ServiceKey[] {
    return [...this.#services.values()].map(({ entry }) => entry.key);
  }

  /** Takes in an action that has been judged: what it adds is not there, what it changes is. */
  apply(action: TableAction): void {
    switch (action.kind) {
      case 'setSettings':
        this.#tables = { ...this.#tables, settings: { ...this.#tables.settings, ...action.settings } };
        return;
      case 'setClassification':
        this.#tables = { ...this.#tables, classification: action.rules };
        return;
      case 'setFtpPorts':
        this.#tables = { ...this.#tables, ftpPorts: action.ports };
        return;
      case 'setFullnat':
        this.#tables = { ...this.#tables, fullnat: action.fullnat };
        return;
      case 'setTimeouts':
        this.#tables = { ...this.#tables, timeouts: changedTimeouts(this.#tables.timeouts, action.timeouts) };
        return;
      case 'addService':
      case 'editService':
      case 'removeService':
      case 'addDestination':
      case 'editDestination':
      case 'removeDestination':
        this.#isStale = true;
        this.#applyToService(action);
        return;
      case 'setNextHop':
      case 'zeroStatistics':
        return;
    }
  }

  /** As they are now; what has not changed is the same object as before. */
  get tables(): Tables {
    if (this.#isStale) {
      this.#isStale = false;
      this.#tables = { ...this.#tables, services: [...this.#services.values()].map(entryOf) };
    }
    return this.#tables;
  }

  #applyToService(action: ServiceAction): void {
    const name = formatServiceKey(action.service);
    if (action.kind === 'addService') {
      assert(!this.#services.has(name), 'an added service is new');
      this.#services.set(name, draftOf({ key: action.service, settings: action.settings, destinations: [] }));
      return;
    }
    const service = this.#services.get(name);
    assert(service !== undefined, 'a changed service exists');
    if (action.kind === 'removeService') this.#services.delete(name);
    else if (action.kind === 'editService') service.entry = { ...service.entry, settings: action.settings };
    else applyToDestination(service, action);
  }
}

function applyToDestination(
  service: DraftService,
  action: Extract<TableAction, { kind: 'addDestination' | 'editDestination' | 'removeDestination' }>,
): void {
  const destinations = destinationsOf(service);
  const name = formatDestinationKey(action.destination);
  assert(destinations.has(name) === (action.kind !== 'addDestination'), 'an added destination is new, any other exists');
  service.isStale = true;
  if (action.kind === 'removeDestination') destinations.delete(name);
  else destinations.set(name, { key: action.destination, settings: action.settings });
}

function draftOf(entry: ServiceEntry): DraftService {
  return { entry, destinations: undefined, isStale: false };
}

function destinationsOf(service: DraftService): Map<string, DestinationEntry> {
  service.destinations ??= new Map(service.entry.destinations.map((entry) => [formatDestinationKey(entry.key), entry]));
  return service.destinations;
}

function entryOf(service: DraftService): ServiceEntry {
  if (service.isStale) {
    service.isStale = false;
    service.entry = { ...service.entry, destinations: [...destinationsOf(service).values()] };
  }
  return service.entry;
}

/** 0 leaves one as it is. */
function changedTimeouts(old: Timeouts, { tcp, tcpFin, udp }: Timeouts): Timeouts {
  return { tcp: tcp || old.tcp, tcpFin: tcpFin || old.tcpFin, udp: udp || old.udp };
}
