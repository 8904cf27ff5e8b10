/** Applies a list of actions to the tables: all of them, or none. Called between two bursts. */
import { type Address, parseAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { UvsError } from '../base/errors.ts';
import type { SettingValue } from '../base/settings.ts';
import { assertNever, NONE } from '../base/terms.ts';
import type {
  ClassificationRule,
  DestinationKey,
  FullnatSettings,
  ServiceKey,
  ServiceSettings,
  TableAction,
  Timeouts,
} from './actions.ts';
import type { Tables } from './tables.ts';
import { validateActions } from './validateActions.ts';

/** What the engine does in step with the tables: it keeps the schedulers, which the tables do not know, and the timeouts. */
export interface TableHooks {
  knowsScheduler(name: string): boolean;
  serviceAdded(service: number, settings: ServiceSettings): void;
  serviceEdited(service: number, settings: ServiceSettings): void;
  /** Its destinations are off their list already, without a call for each. */
  serviceRemoved(service: number): void;
  destinationAdded(service: number, destination: number): void;
  destinationEdited(service: number, destination: number): void;
  /** Still on the list. */
  destinationRemoving(service: number, destination: number): void;
  /** Off the list. */
  destinationRemoved(service: number, destination: number): void;
  timeoutsSet(timeouts: Timeouts): void;
  settingsSet(settings: Readonly<Record<string, SettingValue>>): void;
  classificationSet(rules: readonly ClassificationRule[]): void;
  /** The pools of local ports have them already. */
  fullnatSet(fullnat: FullnatSettings): void;
}

/** @returns the first fault, and nothing has changed; undefined when all actions have been applied */
export function applyActions(tables: Tables, actions: readonly TableAction[], hooks: TableHooks): UvsError | undefined {
  const fault = validateActions(tables, actions, (name) => hooks.knowsScheduler(name));
  if (fault !== undefined) return fault;
  for (const action of actions) applyAction(tables, action, hooks);
  tables.localPorts.collect();
  return undefined;
}

function applyAction(tables: Tables, action: TableAction, hooks: TableHooks): void {
  switch (action.kind) {
    case 'addService':
      addService(tables, action.service, action.settings, hooks);
      break;
    case 'editService': {
      const service = serviceOf(tables, action.service);
      tables.services.edit(service, action.settings);
      hooks.serviceEdited(service, action.settings);
      break;
    }
    case 'removeService':
      removeService(tables, serviceOf(tables, action.service), hooks);
      break;
    case 'addDestination':
      addDestination(tables, serviceOf(tables, action.service), action, hooks);
      break;
    case 'editDestination': {
      const service = serviceOf(tables, action.service);
      const destination = destinationOf(tables, service, action.destination);
      tables.destinations.edit(destination, action.settings);
      tables.localPorts.list(service, destination, tables.services, tables.destinations);
      hooks.destinationEdited(service, destination);
      break;
    }
    case 'removeDestination': {
      const service = serviceOf(tables, action.service);
      removeDestination(tables, service, destinationOf(tables, service, action.destination), hooks);
      break;
    }
    case 'setNextHop':
      tables.destinations.setNextHop(action.nextHop);
      break;
    case 'setTimeouts':
      hooks.timeoutsSet(action.timeouts);
      break;
    case 'setSettings':
      hooks.settingsSet(action.settings);
      break;
    case 'setFtpPorts':
      tables.ftpPorts.set(action.ports);
      break;
    case 'setClassification':
      hooks.classificationSet(action.rules);
      break;
    case 'setFullnat':
      tables.localPorts.configure(action.fullnat, tables.connections);
      hooks.fullnatSet(action.fullnat);
      break;
    case 'zeroStatistics':
      zeroStatistics(tables, action.service);
      break;
    default:
      assertNever(action);
  }
}

function addService(tables: Tables, key: ServiceKey, settings: ServiceSettings, hooks: TableHooks): void {
  const service = tables.services.add(key, settings);
  assert(service !== NONE, 'validated additions fit');
  tables.traffic.clearService(service);
  hooks.serviceAdded(service, settings);
}

/** Connections of the service stay: their destinations are no longer available. */
function removeService(tables: Tables, service: number, hooks: TableHooks): void {
  const { destinations } = tables;
  for (let d = destinations.first(service); d !== NONE; d = destinations.first(service)) {
    destinations.remove(d);
    tables.localPorts.unlist(d);
  }
  hooks.serviceRemoved(service);
  tables.services.remove(service);
}

function addDestination(
  tables: Tables,
  service: number,
  { destination: key, settings, loadSlot = NONE }: Extract<TableAction, { kind: 'addDestination' }>,
  hooks: TableHooks,
): void {
  const { address, port } = endpointOf(key);
  const destination = tables.destinations.add(service, address, port, settings);
  assert(destination !== NONE, 'validated additions fit');
  tables.destinations.loads.setSlot(destination, loadSlot);
  tables.localPorts.list(service, destination, tables.services, tables.destinations);
  hooks.destinationAdded(service, destination);
}

function removeDestination(tables: Tables, service: number, destination: number, hooks: TableHooks): void {
  hooks.destinationRemoving(service, destination);
  tables.destinations.remove(destination);
  tables.localPorts.unlist(destination);
  hooks.destinationRemoved(service, destination);
}

function zeroStatistics(tables: Tables, key: ServiceKey | undefined): void {
  const { services, traffic } = tables;
  if (key !== undefined) {
    zeroService(tables, serviceOf(tables, key));
    return;
  }
  for (let service = services.first(); service !== NONE; service = services.next(service)) zeroService(tables, service);
  traffic.zeroTotal();
}

function zeroService({ destinations, traffic }: Tables, service: number): void {
  traffic.zeroService(service);
  for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) traffic.zeroDestination(d);
}

function serviceOf(tables: Tables, key: ServiceKey): number {
  const service = tables.services.findKey(key);
  assert(service !== NONE, 'validated services exist');
  return service;
}

function destinationOf(tables: Tables, service: number, key: DestinationKey): number {
  const { address, port } = endpointOf(key);
  const destination = tables.destinations.find(service, address, port);
  assert(destination !== NONE, 'validated destinations exist');
  return destination;
}

function endpointOf(key: DestinationKey): { address: Address; port: number } {
  const address = parseAddress(key.address);
  assert(address !== undefined, 'validated addresses parse');
  return { address, port: key.port };
}
