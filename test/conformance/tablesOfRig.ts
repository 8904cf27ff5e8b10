/** What the grammar of uvsadm must know of a director's tables. */
import { formatAddress, parseAddress } from '../../src/base/address.ts';
import { NONE } from '../../src/base/terms.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import { PERSISTENCE_ENGINES, type ServiceKey } from '../../src/table/actions.ts';
import type { Tables } from '../../src/table/tables.ts';
import type { CurrentTables } from '../../src/uvsadm/toActions.ts';

/** Services with their real servers, as they are now. */
export function currentTables({ services, destinations }: Tables): CurrentTables {
  const listed: CurrentTables['services'][number][] = [];
  for (let s = services.first(); s !== NONE; s = services.next(s)) {
    const keys: { key: { address: string; port: number } }[] = [];
    for (let d = destinations.first(s); d !== NONE; d = destinations.next(d)) keys.push({ key: destinations.key(d) });
    listed.push({ key: canonical(services.key(s)), destinations: keys });
  }
  const knowsScheduler = (name: string): boolean => name === 'none' || findScheduler(name) !== undefined;
  return { services: listed, knowsScheduler, knowsPersistenceEngine: (name) => PERSISTENCE_ENGINES.includes(name) };
}

function canonical(key: ServiceKey): ServiceKey {
  return 'firewallMark' in key ? key : { ...key, address: formatAddress(parseAddress(key.address)!) };
}
