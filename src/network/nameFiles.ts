/** /etc/hosts, /etc/services and /etc/resolv.conf as far as names of hosts and ports need them. Pure: text in, tables out. */
import { formatAddress, parseAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';

/** What /etc/hosts says. */
export interface HostTable {
  /** Names in lower case to IPv4 addresses; the first line that has one counts. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Addresses, as `formatAddress` writes them, to their first name. */
  readonly names: ReadonlyMap<string, string>;
}

export function parseHosts(text: string): HostTable {
  const addresses = new Map<string, string>();
  const names = new Map<string, string>();
  for (const [written = '', ...aliases] of fieldsOf(text)) {
    const address = parseAddress(written);
    if (address === undefined || aliases.length === 0) continue;
    const own = formatAddress(address);
    if (!names.has(own)) names.set(own, aliases[0]!);
    if (address.family !== Family.v4) continue;
    for (const alias of aliases) if (!addresses.has(alias.toLowerCase())) addresses.set(alias.toLowerCase(), own);
  }
  return { addresses, names };
}

/** What /etc/services says; keys are `http/tcp` and `80/tcp`, and the first line that has one counts. */
export interface ServiceTable {
  readonly ports: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<string, string>;
}

export function parseServices(text: string): ServiceTable {
  const ports = new Map<string, number>();
  const names = new Map<string, string>();
  for (const [name = '', written = '', ...aliases] of fieldsOf(text)) {
    const [, digits = '', protocol = ''] = /^(\d{1,5})\/(\w+)$/.exec(written) ?? [];
    if (protocol === '') continue;
    const port = Number(digits);
    if (!names.has(`${port}/${protocol}`)) names.set(`${port}/${protocol}`, name);
    for (const alias of [name, ...aliases]) if (!ports.has(`${alias}/${protocol}`)) ports.set(`${alias}/${protocol}`, port);
  }
  return { ports, names };
}

/** Domains in which names without a dot are looked for. */
export function parseSearchDomains(text: string): readonly string[] {
  // Of several such lines the last one counts.
  const line = fieldsOf(text).findLast(([word]) => word === 'search' || word === 'domain');
  return (line ?? [])
    .slice(1)
    .map((domain) => domain.replace(/\.$/, ''))
    .filter((domain) => domain !== '');
}

/** The words of each line that has any; what follows # is not looked at. */
function fieldsOf(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/));
}
