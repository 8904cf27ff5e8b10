/** The data plane's tables as plain data, for tests: what the actions do, written as simply as can be. */
import type { Tables } from '../../src/control/tables.ts';
import { formatDestinationKey, formatServiceKey, type TableAction } from '../../src/table/actions.ts';

type ServiceAction = Exclude<
  TableAction,
  { kind: 'setNextHop' | 'setTimeouts' | 'setSettings' | 'setClassification' | 'setFullnat' | 'setFtpPorts' | 'zeroStatistics' }
>;

/** `tables` after the actions. Throws when one of them cannot be applied: it adds what is there, or changes what is not. */
export function applied(tables: Tables, actions: readonly TableAction[]): Tables {
  return actions.reduce(applyOne, tables);
}

function applyOne(tables: Tables, action: TableAction): Tables {
  switch (action.kind) {
    case 'setNextHop':
    case 'zeroStatistics':
      return tables;
    case 'setSettings':
      return { ...tables, settings: { ...tables.settings, ...action.settings } };
    case 'setClassification':
      return { ...tables, classification: action.rules };
    case 'setFtpPorts':
      return { ...tables, ftpPorts: action.ports };
    case 'setFullnat':
      return { ...tables, fullnat: action.fullnat };
    case 'setTimeouts':
      return { ...tables, timeouts: action.timeouts };
    default:
      return { ...tables, services: changedServices(tables.services, action) };
  }
}

function changedServices(services: Tables['services'], action: ServiceAction): Tables['services'] {
  const name = formatServiceKey(action.service);
  const found = services.find(({ key }) => formatServiceKey(key) === name);
  const replace = (by: readonly Tables['services'][number][]) => services.flatMap((each) => (each === found ? by : [each]));
  if (action.kind === 'addService') {
    if (found !== undefined) throw new Error(`${name} exists`);
    return [...services, { key: action.service, settings: action.settings, destinations: [] }];
  }
  if (found === undefined) throw new Error(`no ${name}`);
  if (action.kind === 'removeService') return replace([]);
  if (action.kind === 'editService') return replace([{ ...found, settings: action.settings }]);
  return replace([{ ...found, destinations: changedDestinations(found.destinations, action) }]);
}

function changedDestinations(
  destinations: Tables['services'][number]['destinations'],
  action: Exclude<ServiceAction, { kind: 'addService' | 'editService' | 'removeService' }>,
): Tables['services'][number]['destinations'] {
  const name = formatDestinationKey(action.destination);
  const found = destinations.find(({ key }) => formatDestinationKey(key) === name);
  if ((found === undefined) !== (action.kind === 'addDestination')) throw new Error(`${action.kind} ${name}`);
  if (action.kind === 'removeDestination') return destinations.filter((each) => each !== found);
  const entry = { key: action.destination, settings: action.settings };
  return found === undefined ? [...destinations, entry] : destinations.map((each) => (each === found ? entry : each));
}
