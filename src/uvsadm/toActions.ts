/**
 * A command as changes of the director's tables, judged against what they hold: the refusals are the kernel's, in the order in which it
 * looks (specs/ipvs.md section 1.3).
 */
import { type Address, formatAddress, parseAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import {
  type DestinationKey,
  type DestinationSettings,
  formatDestinationKey,
  formatServiceKey,
  type ServiceKey,
  type ServiceSettings,
  type TableAction,
} from '../table/actions.ts';
import type { Command, Refusal, ServiceOptions } from './command.ts';
import { KernelError, kernelRefusal } from './messages.ts';
import { schedulerFlagNames } from './values.ts';

/** As much of the tables as a change must know. Addresses in the form that `formatAddress` gives them. */
export interface CurrentTables {
  readonly services: readonly { readonly key: ServiceKey; readonly destinations: readonly { readonly key: DestinationKey }[] }[];
  knowsScheduler(name: string): boolean;
  knowsPersistenceEngine(name: string): boolean;
}

type Service = CurrentTables['services'][number];

/** Commands that change services, real servers or timeouts. */
export type TableCommand = Extract<
  Command,
  {
    kind:
      | 'addService'
      | 'editService'
      | 'deleteService'
      | 'addServer'
      | 'editServer'
      | 'deleteServer'
      | 'clear'
      | 'zero'
      | 'setTimeouts';
  }
>;

/** What `toActions` answers for; the others list, save, or concern the synchronisation daemon. */
export function isTableCommand(command: Command): command is TableCommand {
  return !['list', 'save', 'restore', 'startDaemon', 'stopDaemon', 'help', 'version'].includes(command.kind);
}

/** @returns the changes, to be applied as one; or why there are none */
export function toActions(command: TableCommand, tables: CurrentTables): TableAction[] | Refusal {
  switch (command.kind) {
    case 'addService':
    case 'editService':
      return serviceActions(command.kind, command.service, command.options, tables);
    case 'deleteService': {
      if (findService(tables, command.service) === undefined) return kernelRefusal(KernelError.noSuchService);
      return [{ kind: 'removeService', service: command.service }];
    }
    case 'addServer':
    case 'editServer':
      return serverActions(command, tables);
    case 'deleteServer': {
      const service = findService(tables, command.service);
      if (service === undefined) return kernelRefusal(KernelError.serviceNotDefined);
      if (!hasServer(service, command.server)) return kernelRefusal(KernelError.noSuchDestination);
      return [{ kind: 'removeDestination', service: command.service, destination: command.server }];
    }
    case 'clear':
      return tables.services.map(({ key }) => ({ kind: 'removeService', service: key }));
    case 'zero':
      return zeroActions(command.service, tables);
    case 'setTimeouts':
      return [{ kind: 'setTimeouts', timeouts: command.timeouts }];
  }
}

function serviceActions(
  kind: 'addService' | 'editService',
  service: ServiceKey,
  options: ServiceOptions,
  tables: CurrentTables,
): TableAction[] | Refusal {
  const exists = findService(tables, service) !== undefined;
  if (kind === 'addService' && exists) return kernelRefusal(KernelError.serviceExists);
  if (kind === 'editService' && !exists) return kernelRefusal(KernelError.noSuchService);
  const { scheduler, persistenceEngine } = options;
  const engineIsKnown = persistenceEngine === '' || tables.knowsPersistenceEngine(persistenceEngine);
  if (!tables.knowsScheduler(scheduler) || !engineIsKnown) return kernelRefusal(KernelError.schedulerUnknown);
  return [{ kind, service, settings: serviceSettings(service, options) }];
}

function serviceSettings(service: ServiceKey, options: ServiceOptions): ServiceSettings {
  const { netmask } = options;
  const prefix = isV6(service) ? netmask : Math.clz32(~netmask);
  const settings: ServiceSettings = {
    scheduler: options.scheduler,
    schedulerFlags: schedulerFlagNames(options.schedulerFlags, options.scheduler),
    onePacket: options.onePacket,
    persistenceSeconds: options.persistenceSeconds,
    persistencePrefix: prefix,
    ...(options.persistenceEngine === '' ? {} : { persistenceEngine: options.persistenceEngine }),
  };
  const isPrefix = isV6(service) || netmask === (prefix === 0 ? 0 : -1 << (32 - prefix));
  return isPrefix ? settings : { ...settings, persistenceMask: formatAddress({ family: Family.v4, words: [0, 0, 0, netmask] }) };
}

function zeroActions(service: ServiceKey | undefined, tables: CurrentTables): TableAction[] | Refusal {
  if (service === undefined) return [{ kind: 'zeroStatistics' }];
  if (findService(tables, service) === undefined) return kernelRefusal(KernelError.noSuchService);
  return [{ kind: 'zeroStatistics', service }];
}

function serverActions(
  { kind, service: key, server, settings }: Extract<TableCommand, { kind: 'addServer' | 'editServer' }>,
  tables: CurrentTables,
): TableAction[] | Refusal {
  const service = findService(tables, key);
  if (service === undefined) return kernelRefusal(KernelError.serviceNotDefined);
  const refusal = judgeSettings(settings);
  if (refusal !== undefined) return refusal;
  if (kind === 'editServer') {
    if (!hasServer(service, server)) return kernelRefusal(KernelError.noSuchDestination);
    return [{ kind: 'editDestination', service: key, destination: server, settings }];
  }
  if (hasServer(service, server)) return kernelRefusal(KernelError.destinationExists);
  if (!isUnicast(parseAddress(server.address)!)) return kernelRefusal(KernelError.invalid);
  return [{ kind: 'addDestination', service: key, destination: server, settings }];
}

function judgeSettings({ lowerThreshold, upperThreshold }: DestinationSettings): Refusal | undefined {
  return lowerThreshold > upperThreshold ? kernelRefusal(KernelError.outOfRange) : undefined;
}

/** As far as the address alone tells; what the host's routes say of it (broadcasts, what is local) is the host's to know. */
function isUnicast({ family, words }: Address): boolean {
  const [w0, w1, w2, w3] = words;
  if (family === Family.v4) return w3 >>> 28 !== 0xe && w3 !== 0 && w3 !== -1;
  const isUnspecified = (w0 | w1 | w2 | w3) === 0;
  const isMappedV4 = (w0 | w1) === 0 && w2 === 0xffff;
  const isLinkLocal = w0 >>> 22 === 0xfe80 >>> 6;
  return !isUnspecified && !isMappedV4 && !isLinkLocal && w0 >>> 24 !== 0xff;
}

function findService(tables: CurrentTables, key: ServiceKey): Service | undefined {
  const name = formatServiceKey(key);
  return tables.services.find((service) => formatServiceKey(service.key) === name);
}

function hasServer(service: Service, key: DestinationKey): boolean {
  const name = formatDestinationKey(key);
  return service.destinations.some((destination) => formatDestinationKey(destination.key) === name);
}

function isV6(service: ServiceKey): boolean {
  return 'firewallMark' in service ? service.family === 'v6' : service.address.includes(':');
}
