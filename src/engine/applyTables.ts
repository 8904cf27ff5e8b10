/** Applies table changes to a director: the tables, the schedulers of their services, the timeouts. Between two bursts. */
import { UvsError } from '../base/errors.ts';
import type { SettingValue } from '../base/settings.ts';
import { type Family, NONE, Protocol } from '../base/terms.ts';
import type { Scheduler } from '../scheduler/contract.ts';
import { findScheduler } from '../scheduler/registry.ts';
import type { ServiceSettings, TableAction } from '../table/actions.ts';
import { applyActions, type TableHooks } from '../table/applyActions.ts';
import { ServiceDestinations } from '../table/serviceDestinations.ts';
import { PersistenceEngine } from '../table/services.ts';
import type { EngineState } from './state.ts';

/** @throws UvsError for the first action that cannot be applied; then none was */
export function applyTables(s: EngineState, actions: readonly TableAction[]): void {
  // A destination that comes back does not bring back connections that its removal has ended.
  if (actions.some((action) => action.kind === 'addDestination')) s.removedFlush.finish(s);
  const fault = applyActions(s.tables, actions, hooksOf(s));
  if (fault !== undefined) throw fault;
  s.realServers.rebuild(s.tables);
  s.tunnels.rebuild(s.tables);
  prepareHelpers(s);
  for (const scheduler of s.schedulers) scheduler?.prepare?.();
}

function hooksOf(s: EngineState): TableHooks {
  return {
    knowsScheduler: (name) => name === NO_SCHEDULER || findScheduler(name) !== undefined,
    serviceAdded: (service, settings) => {
      s.schedulers[service] = createScheduler(s, service, settings);
    },
    serviceEdited: (service, settings) => {
      // The same scheduler keeps its state (specs/ipvs.md section 1.1).
      if (s.schedulerNames[service] !== settings.scheduler) s.schedulers[service] = createScheduler(s, service, settings);
      else s.schedulers[service]?.setFlags?.(settings.schedulerFlags);
    },
    serviceRemoved: (service) => {
      s.schedulers[service] = undefined;
      endConnections(s);
    },
    destinationAdded: (service, d) => s.schedulers[service]?.added(d),
    destinationEdited: (service, d) => s.schedulers[service]?.edited(d),
    destinationRemoving: (service, d) => s.schedulers[service]?.removing(d),
    destinationRemoved: () => endConnections(s),
    timeoutsSet: (timeouts) => s.timeouts.set(timeouts),
    settingsSet: (settings) => setSettings(s, settings),
    classificationSet: (rules) => s.classifier.set(rules),
    fullnatSet: (fullnat) => s.fullnat.set(fullnat),
  };
}

/** A mode of the defences holds at once, in the order in which they are given; what they reckon with, from the next second on. */
function setSettings(s: EngineState, settings: Readonly<Record<string, SettingValue>>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (s.settings.set(name, value) && DEFENCE_MODES.includes(name)) s.defence.update(s);
  }
}

const DEFENCE_MODES = ['drop_entry', 'drop_packet', 'secure_tcp'];

/** Memory that only services with a persistence engine need, or of FTP; once there is one. */
function prepareHelpers(s: EngineState): void {
  const { callIds, ftpDialogues, services } = s.tables;
  for (let service = services.first(); service !== NONE; service = services.next(service)) {
    if (mayNeedFtp(s, service)) ftpDialogues.prepare();
    if (services.engine(service) === PersistenceEngine.none) continue;
    callIds.prepare();
    s.clientWays.prepare();
  }
}

/** A service of every port, or by mark, may get control connections, too. */
function mayNeedFtp(s: EngineState, service: number): boolean {
  const { services } = s.tables;
  const port = services.port(service);
  return port === 0 || (services.protocol(service) === Protocol.tcp && s.tables.ftpPorts.has(port));
}

/** Of what has just been removed (expire_nodest_conn). */
function endConnections(s: EngineState): void {
  if (s.settings.expireNodestConn) s.removedFlush.request(s);
}

/** A service without a scheduler: every new connection finds no destination. */
const NO_SCHEDULER = 'none';

function createScheduler(s: EngineState, service: number, settings: ServiceSettings): Scheduler | undefined {
  s.schedulerNames[service] = settings.scheduler;
  if (settings.scheduler === NO_SCHEDULER) return undefined;
  const plugin = findScheduler(settings.scheduler);
  if (plugin === undefined) throw new UvsError('SCHEDULER_UNKNOWN', `no scheduler named "${settings.scheduler}"`);
  const list = new ServiceDestinations(s.tables.destinations, service);
  return plugin.create(list, {
    flags: settings.schedulerFlags,
    family: s.tables.services.family(service) as Family,
    random: s.random,
    clock: s.clock,
    settings: s.settings,
  });
}
