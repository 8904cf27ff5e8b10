/** How addresses and ports are written: as numbers, or under the names that the machine knows. */
import { formatAddress, parseAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import type { DestinationKey } from '../table/actions.ts';
import type { ReverseNames } from './director.ts';

/** Names remembered at most; then they are forgotten and asked for again. */
const MAX_NAMES = 10_000;
/** ipvsadm has room for so much of an endpoint. */
const MAX_CHARACTERS = 59;

export class EndpointNames {
  readonly #names: ReverseNames | undefined;
  readonly #hosts = new Map<string, string | undefined>();

  /** @param names undefined: everything is written as numbers */
  constructor(names: ReverseNames | undefined) {
    this.#names = names;
  }

  /** Asks for the names of these addresses, all at once, so that `of` knows them. @param keys not looked at where nothing has a name */
  async learn(keys: Iterable<DestinationKey>): Promise<void> {
    const names = this.#names;
    if (names === undefined) return;
    if (this.#hosts.size > MAX_NAMES) this.#hosts.clear();
    const unknown = new Set<string>();
    for (const { address } of keys) if (!this.#hosts.has(address)) unknown.add(address);
    await Promise.all([...unknown].map(async (address) => this.#hosts.set(address, await names.hostOf(address))));
  }

  /** `10.0.0.1:80`, `[vip6]:http`. @param protocol `tcp`; undefined = the port stays a number, whatever has names */
  of({ address, port }: DestinationKey, protocol: string | undefined): string {
    const host = this.#hosts.get(address) ?? address;
    const service = (protocol === undefined ? undefined : this.#names?.serviceOf(port, protocol)) ?? `${port}`;
    return (address.includes(':') ? `[${host}]:${service}` : `${host}:${service}`).slice(0, MAX_CHARACTERS);
  }
}

/** The form in which ipvsadm writes an address: canonical, and IPv6 addresses with 96 leading zeros end in a dotted quad. */
export function writtenAddress(text: string): string {
  // There is one way to write an IPv4 address, and listings are long.
  if (!text.includes(':')) return text;
  const parsed = parseAddress(text);
  if (parsed === undefined) return text;
  const [w0, w1, w2, w3] = parsed.words;
  const isCompatible = (w0 | w1 | w2) === 0 && w3 >>> 16 !== 0;
  return isCompatible ? `::${formatAddress({ family: Family.v4, words: parsed.words })}` : formatAddress(parsed);
}
