/** What the kernel-side selector must know, read off the tables. */
import { ForwardingMethod, NONE, type ServiceProtocol } from '../base/terms.ts';
import type { SelectorFacts } from '../bpf/endpoints.ts';
import type { ClassificationRule } from '../table/actions.ts';
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
    else facts.services.push(...servicesOf(tables, service));
    facts.destinations.push(...destinationsOf(tables, service));
  }
  const localRanges = tables.localPorts.addresses.ranges();
  return { ...facts, localRanges, classified: rules.filter(({ mark, family }) => marks.has(`${mark} ${family}`)) };
}

type Entry<Name extends 'services' | 'destinations'> = SelectorFacts[Name][number];

function servicesOf(tables: Tables, service: number): Entry<'services'>[] {
  const key = tables.services.key(service);
  if ('firewallMark' in key) return [];
  if (!takesOtherPorts(tables, service)) return [key.port === 0 ? { ...key, byAddress: true } : key];
  return [
    { ...key, byAddress: true },
    { ...key, port: 0, byAddress: true },
  ];
}

/** FTP: data connections come to other ports of the virtual address, and from other ports of masq real servers. */
function takesOtherPorts({ services, destinations, ftpPorts }: Tables, service: number): boolean {
  const key = services.key(service);
  if ('firewallMark' in key || key.protocol !== 'tcp') return false;
  if (key.port === FTP_PORT) return true;
  if (!ftpPorts.has(key.port)) return false;
  for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) {
    if (destinations.method(d) === ForwardingMethod.masq) return true;
  }
  return false;
}

/** Where a service takes several ports, its real servers may be asked, and reply, on any. */
function destinationsOf(tables: Tables, service: number): Entry<'destinations'>[] {
  const { services, destinations } = tables;
  const key = services.key(service);
  const isByMark = 'firewallMark' in key;
  const keepsPorts =
    takesOtherPorts(tables, service) || (isByMark ? services.settings(service).persistenceSeconds > 0 : key.port === 0);
  const found: Entry<'destinations'>[] = [];
  for (let d = destinations.first(service); d !== NONE; d = destinations.next(d)) {
    const { address, port } = destinations.key(d);
    const { method } = destinations.settings(d);
    for (const protocol of isByMark ? PROTOCOLS : [key.protocol]) {
      const byAddress = keepsPorts && !isByMark ? { byAddress: true } : {};
      found.push({ protocol, address, port: keepsPorts ? 0 : port, method, ...byAddress });
    }
  }
  return found;
}
