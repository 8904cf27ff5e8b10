/** Applies table changes to a director: the tables, the schedulers of their services, the timeouts. Between two bursts. */
import { UvsError } from '../base/errors.ts';
import type { Scheduler } from '../scheduler/contract.ts';
import { findScheduler } from '../scheduler/registry.ts';
import type { ServiceSettings, TableAction } from '../table/actions.ts';
import { applyActions, type TableHooks } from '../table/applyActions.ts';
import { ServiceDestinations } from '../table/serviceDestinations.ts';
import type { EngineState } from './state.ts';

/** @throws UvsError for the first action that cannot be applied; then none was */
export function applyTables(s: EngineState, actions: readonly TableAction[]): void {
  const fault = applyActions(s.tables, actions, hooksOf(s));
  if (fault !== undefined) throw fault;
}

function hooksOf(s: EngineState): TableHooks {
  return {
    knowsScheduler: (name) => name === NO_SCHEDULER || findScheduler(name) !== undefined,
    serviceAdded: (service, settings) => {
      s.schedulers[service] = createScheduler(s, service, settings);
    },
    serviceEdited: (service, settings) => {
      // The same scheduler keeps its state (specs/ipvs.md section 1.1), unless its flags changed.
      if (s.schedulerNames[service] !== schedulerName(settings)) s.schedulers[service] = createScheduler(s, service, settings);
    },
    serviceRemoved: (service) => {
      s.schedulers[service] = undefined;
    },
    destinationAdded: (service, d) => s.schedulers[service]?.added(d),
    destinationEdited: (service, d) => s.schedulers[service]?.edited(d),
    destinationRemoving: (service, d) => s.schedulers[service]?.removing(d),
    destinationRemoved: () => {},
    timeoutsSet: (timeouts) => s.timeouts.set(timeouts),
    settingsSet: () => {},
    classificationSet: () => {},
  };
}

/** A service without a scheduler: every new connection finds no destination. */
const NO_SCHEDULER = 'none';

function schedulerName(settings: ServiceSettings): string {
  return [settings.scheduler, ...settings.schedulerFlags].join(' ');
}

function createScheduler(s: EngineState, service: number, settings: ServiceSettings): Scheduler | undefined {
  s.schedulerNames[service] = schedulerName(settings);
  if (settings.scheduler === NO_SCHEDULER) return undefined;
  const plugin = findScheduler(settings.scheduler);
  if (plugin === undefined) throw new UvsError('SCHEDULER_UNKNOWN', `no scheduler named "${settings.scheduler}"`);
  const list = new ServiceDestinations(s.tables.destinations, service);
  const scheduler = plugin.create(list, { flags: settings.schedulerFlags, random: s.random });
  return scheduler;
}
