/** What the kernel-side selector must know, read off the tables. */
import { NONE } from '../base/terms.ts';
import type { SelectorFacts } from '../bpf/endpoints.ts';
import type { Tables } from '../table/tables.ts';

/** @param localAddresses of the host, virtual ones included or not */
export function selectorFacts({ services, destinations }: Tables, localAddresses: readonly string[]): SelectorFacts {
  const facts = { services: [] as Entry<'services'>[], destinations: [] as Entry<'destinations'>[], localAddresses };
  for (let service = services.first(); service !== NONE; service = services.next(service)) {
    const key = services.key(service);
    if ('firewallMark' in key) continue;
    facts.services.push(key);
    for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) {
      const { method } = destinations.settings(d);
      facts.destinations.push({ protocol: key.protocol, ...destinations.key(d), method });
    }
  }
  return facts;
}

type Entry<Name extends 'services' | 'destinations'> = SelectorFacts[Name][number];
