/**
 * A command as changes of the director's tables, judged against what they hold: the refusals are the kernel's, in the order in which it
 * looks (specs/ipvs.md section 1.3).
 */
import { type Address, formatAddress, parseAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import type { DestinationKey, DestinationSettings, ServiceKey, ServiceSettings, TableAction } from '../table/actions.ts';
import type { Command, Refusal, ServiceOptions } from './command.ts';
import { KernelError, kernelRefusal } from './messages.ts';
import { schedulerFlagNames } from './values.ts';

/** As much of the tables as a change must know. Addresses in the form that `formatAddress` gives them. */
export interface CurrentTables {
  serviceKeys(): readonly ServiceKey[];
  hasService(key: ServiceKey): boolean;
  /** False also when there is no such service. */
  hasDestination(service: ServiceKey, destination: DestinationKey): boolean;
}

/** What a director can do, whatever its tables hold. */
export interface Abilities {
  knowsScheduler(name: string): boolean;
  knowsPersistenceEngine(name: string): boolean;
}

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
export function toActions(command: TableCommand, tables: CurrentTables, abilities: Abilities): TableAction[] | Refusal {
  switch (command.kind) {
    case 'addService':
    case 'editService':
      return serviceActions(command, tables, abilities);
    case 'deleteService': {
      if (!tables.hasService(command.service)) return kernelRefusal(KernelError.noSuchService);
      return [{ kind: 'removeService', service: command.service }];
    }
    case 'addServer':
    case 'editServer':
      return serverActions(command, tables);
    case 'deleteServer': {
      const { service, server } = command;
      if (!tables.hasService(service)) return kernelRefusal(KernelError.serviceNotDefined);
      if (!tables.hasDestination(service, server)) return kernelRefusal(KernelError.noSuchDestination);
      return [{ kind: 'removeDestination', service, destination: server }];
    }
    case 'clear':
      return tables.serviceKeys().map((service) => ({ kind: 'removeService', service }));
    case 'zero':
      return zeroActions(command.service, tables);
    case 'setTimeouts':
      return [{ kind: 'setTimeouts', timeouts: command.timeouts }];
  }
}

function serviceActions(
  { kind, service, options }: Extract<TableCommand, { kind: 'addService' | 'editService' }>,
  tables: CurrentTables,
  abilities: Abilities,
): TableAction[] | Refusal {
  const exists = tables.hasService(service);
  if (kind === 'addService' && exists) return kernelRefusal(KernelError.serviceExists);
  if (kind === 'editService' && !exists) return kernelRefusal(KernelError.noSuchService);
  const { scheduler, persistenceEngine } = options;
  const engineIsKnown = persistenceEngine === '' || abilities.knowsPersistenceEngine(persistenceEngine);
  if (!abilities.knowsScheduler(scheduler) || !engineIsKnown) return kernelRefusal(KernelError.schedulerUnknown);
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
  if (!tables.hasService(service)) return kernelRefusal(KernelError.noSuchService);
  return [{ kind: 'zeroStatistics', service }];
}

function serverActions(
  { kind, service, server, settings }: Extract<TableCommand, { kind: 'addServer' | 'editServer' }>,
  tables: CurrentTables,
): TableAction[] | Refusal {
  if (!tables.hasService(service)) return kernelRefusal(KernelError.serviceNotDefined);
  const refusal = judgeSettings(settings);
  if (refusal !== undefined) return refusal;
  if (kind === 'editServer') {
    if (!tables.hasDestination(service, server)) return kernelRefusal(KernelError.noSuchDestination);
    return [{ kind: 'editDestination', service, destination: server, settings }];
  }
  if (tables.hasDestination(service, server)) return kernelRefusal(KernelError.destinationExists);
  if (!isUnicast(parseAddress(server.address)!)) return kernelRefusal(KernelError.invalid);
  return [{ kind: 'addDestination', service, destination: server, settings }];
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

function isV6(service: ServiceKey): boolean {
  return 'firewallMark' in service ? service.family === 'v6' : service.address.includes(':');
}
