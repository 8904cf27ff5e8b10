/** What the grammar of uvsadm must know of a director's tables. */
import { formatAddress, parseAddress } from '../../src/base/address.ts';
import { NONE } from '../../src/base/terms.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import {
  type DestinationKey,
  formatDestinationKey,
  formatServiceKey,
  PERSISTENCE_ENGINES,
  type ServiceKey,
} from '../../src/table/actions.ts';
import type { Tables } from '../../src/table/tables.ts';
import type { Abilities, CurrentTables } from '../../src/uvsadm/toActions.ts';

/** Services with their real servers, as they are now. */
export function currentTables({ services, destinations }: Tables): CurrentTables {
  const keys: ServiceKey[] = [];
  const names = new Set<string>();
  for (let s = services.first(); s !== NONE; s = services.next(s)) {
    const key = canonical(services.key(s));
    keys.push(key);
    names.add(formatServiceKey(key));
    for (let d = destinations.first(s); d !== NONE; d = destinations.next(d)) names.add(serverName(key, destinations.key(d)));
  }
  return {
    serviceKeys: () => keys,
    hasService: (key) => names.has(formatServiceKey(key)),
    hasDestination: (service, destination) => names.has(serverName(service, destination)),
  };
}

export const ABILITIES: Abilities = {
  knowsScheduler: (name) => name === 'none' || findScheduler(name) !== undefined,
  knowsPersistenceEngine: (name) => PERSISTENCE_ENGINES.includes(name),
};

function serverName(service: ServiceKey, destination: DestinationKey): string {
  return `${formatServiceKey(service)} -> ${formatDestinationKey(destination)}`;
}

function canonical(key: ServiceKey): ServiceKey {
  return 'firewallMark' in key ? key : { ...key, address: formatAddress(parseAddress(key.address)!) };
}
