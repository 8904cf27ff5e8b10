/** Which changes concern the kernel-side selector: working out what it must know takes long, when there are ten thousand real servers. */
import { parseAddress } from '../base/address.ts';
import { type ForwardingMethodName, NONE } from '../base/terms.ts';
import type { TableAction } from '../table/actions.ts';
import type { Tables } from '../table/tables.ts';

/** To be asked before they are applied. */
export function changesSelection(tables: Tables, actions: readonly TableAction[]): boolean {
  return actions.some((action) => concernsSelector(tables, action));
}

function concernsSelector(tables: Tables, action: TableAction): boolean {
  switch (action.kind) {
    case 'setNextHop':
    case 'setTimeouts':
    case 'setSettings':
    case 'zeroStatistics':
      return false;
    case 'editDestination':
      return methodOf(tables, action) !== action.settings.method;
    default:
      return true;
  }
}

/** The method that a real server has so far; undefined when it is not there yet. */
function methodOf(
  { services, destinations }: Tables,
  { service: key, destination }: Extract<TableAction, { kind: 'editDestination' }>,
): ForwardingMethodName | undefined {
  const address = parseAddress(destination.address);
  const service = services.findKey(key);
  if (address === undefined || service === NONE) return undefined;
  const d = destinations.find(service, address, destination.port);
  return d === NONE ? undefined : destinations.settings(d).method;
}
