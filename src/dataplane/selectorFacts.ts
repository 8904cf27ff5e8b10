/** What the kernel-side selector must know, read off the tables. */
import { NONE, type ServiceProtocol } from '../base/terms.ts';
import type { SelectorFacts } from '../bpf/endpoints.ts';
import type { ClassificationRule, ServiceKey } from '../table/actions.ts';
import type { Tables } from '../table/tables.ts';

/** Port of the TCP service that takes connections to every other unprivileged port, too (specs/ipvs.md section 2.4). */
const FTP_PORT = 21;
const PROTOCOLS: readonly ServiceProtocol[] = ['tcp', 'udp', 'sctp'];

/** @param rules that classify packets @param localAddresses of the host, virtual ones included or not */
export function selectorFacts(
  tables: Tables,
  rules: readonly ClassificationRule[],
  localAddresses: readonly string[],
): SelectorFacts {
  const { services } = tables;
  const facts = { services: [] as Entry<'services'>[], destinations: [] as Entry<'destinations'>[], localAddresses };
  const marks = new Set<string>();
  for (let service = services.first(); service !== NONE; service = services.next(service)) {
    const key = services.key(service);
    if ('firewallMark' in key) marks.add(`${key.firewallMark} ${key.family}`);
    else facts.services.push(...servicesOf(key));
    facts.destinations.push(...destinationsOf(tables, service));
  }
  return { ...facts, classified: rules.filter(({ mark, family }) => marks.has(`${mark} ${family}`)) };
}

type Entry<Name extends 'services' | 'destinations'> = SelectorFacts[Name][number];

function servicesOf(key: Extract<ServiceKey, { address: string }>): Entry<'services'>[] {
  return takesOtherPorts(key) ? [key, { ...key, port: 0 }] : [key];
}

function takesOtherPorts(key: ServiceKey): boolean {
  return !('firewallMark' in key) && key.protocol === 'tcp' && key.port === FTP_PORT;
}

/** Where a service takes several ports, its real servers may be asked, and reply, on any. */
function destinationsOf({ services, destinations }: Tables, service: number): Entry<'destinations'>[] {
  const key = services.key(service);
  const isByMark = 'firewallMark' in key;
  const keepsPorts = takesOtherPorts(key) || (isByMark ? services.settings(service).persistenceSeconds > 0 : key.port === 0);
  const found: Entry<'destinations'>[] = [];
  for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) {
    const { address, port } = destinations.key(d);
    const { method } = destinations.settings(d);
    for (const protocol of isByMark ? PROTOCOLS : [key.protocol]) {
      found.push({ protocol, address, port: keepsPorts ? 0 : port, method });
    }
  }
  return found;
}
