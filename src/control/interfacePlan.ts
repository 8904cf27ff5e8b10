/** Which interfaces the director attaches to, and why. */
import { maskAddress, parseAddress, parsePrefix, sameAddress } from '../base/address.ts';
import { UvsError } from '../base/errors.ts';
import type { Config } from '../config/model.ts';
import type { HostNetwork, LinkFacts } from '../network/hostNetwork.ts';

export interface PlannedInterface {
  readonly link: LinkFacts;
  /** For a person: "named in the configuration". */
  readonly reason: string;
}

/** Addresses outside of every network: whichever interface leads there is the one of the default route (RFC 5737, RFC 3849). */
const ANYWHERE = { v4: '203.0.113.1', v6: '2001:db8:ffff:ffff::1' };

/** Before it is made. */
const NEW_TUN_DEVICE: Omit<LinkFacts, 'name'> = {
  index: 0,
  isUp: false,
  isLoopback: false,
  isEthernet: false,
  resolvesNeighbours: false,
  mac: null,
  mtu: 1500,
  kind: 'tun',
  driver: '',
};

/**
 * Those that the configuration names; else those that carry virtual addresses and targets of classification rules (or lead to them,
 * or, for an address on lo or a dummy, have the default route), those that rules name and those that lead to the real servers. At least
 * one, none twice.
 *
 * Throws UvsError: INTERFACE_UNKNOWN, INTERFACE_UNSUITABLE, ROUTE_MISSING.
 */
export async function planInterfaces(config: Config, network: HostNetwork): Promise<readonly PlannedInterface[]> {
  const links = await network.links();
  const planned = config.interfaces.length > 0 ? named(config.interfaces, links) : await found(config, links, network);
  if (planned.length === 0) {
    const hint = 'Name them in the configuration: interfaces: [eth0].';
    throw new UvsError('ROUTE_MISSING', 'no interface leads to a real server or carries a virtual address', { hint });
  }
  for (const { link } of planned) checkSuitable(link);
  return planned;
}

/**
 * For --io tun: devices of our own, which the configuration must name and which are made when they are not there yet.
 *
 * Throws UvsError: INTERFACE_UNKNOWN when it names none, INTERFACE_UNSUITABLE when one is no TUN device.
 */
export async function planTunDevices(config: Config, network: HostNetwork): Promise<readonly PlannedInterface[]> {
  if (config.interfaces.length === 0) {
    const hint = 'Name them in the configuration: interfaces: [uvs0].';
    throw new UvsError('INTERFACE_UNKNOWN', '--io tun makes devices of its own, and needs their names', { hint });
  }
  const links = await network.links();
  return [...new Set(config.interfaces)].map((name) => {
    const link = links.find((candidate) => candidate.name === name);
    if (link === undefined) return { link: { ...NEW_TUN_DEVICE, name }, reason: 'named in the configuration, will be made' };
    if (link.kind === 'tun') return { link, reason: 'named in the configuration' };
    throw new UvsError('INTERFACE_UNSUITABLE', `${name} is no TUN device`);
  });
}

function named(names: readonly string[], links: readonly LinkFacts[]): readonly PlannedInterface[] {
  return [...new Set(names)].map((name) => {
    const link = links.find((candidate) => candidate.name === name);
    if (link !== undefined) return { link, reason: 'named in the configuration' };
    const hint = `There are ${links.map((candidate) => candidate.name).join(', ')}.`;
    throw new UvsError('INTERFACE_UNKNOWN', `no interface named "${name}"`, { hint });
  });
}

async function found(config: Config, links: readonly LinkFacts[], network: HostNetwork): Promise<readonly PlannedInterface[]> {
  const planned = new Map<number, PlannedInterface>();
  const add = (ifindex: number, reason: string): boolean => {
    const link = links.find((candidate) => candidate.index === ifindex);
    if (link === undefined || link.isLoopback || link.kind === 'dummy') return false;
    if (!planned.has(link.index)) planned.set(link.index, { link, reason });
    return true;
  };
  const addRoute = async (address: string, reason: string): Promise<boolean> => {
    const route = await network.routeTo(address);
    return route !== null && !route.isLocal && add(route.ifindex, reason);
  };
  const addresses = await network.addresses();
  for (const { interface: name } of config.classification) {
    if (name !== undefined) add(named([name], links)[0]!.link.index, 'named in the classification');
  }
  for (const virtual of virtualTargets(config)) {
    const carriers = addresses.filter(({ address }) => isWithin(address, virtual));
    const isCarried = carriers.map(({ ifindex }) => add(ifindex, `carries ${virtual}`)).includes(true);
    if (isCarried || (await addRoute(virtual.split('/')[0]!, `leads to ${virtual}`))) continue;
    // Carried by lo or a dummy: its clients come from elsewhere.
    await addRoute(virtual.includes(':') ? ANYWHERE.v6 : ANYWHERE.v4, 'has the default route');
  }
  for (const address of new Set(config.services.flatMap(({ realServers }) => realServers.map((server) => server.address)))) {
    await addRoute(address, `leads to ${address}`);
  }
  return [...planned.values()];
}

/** Addresses and prefixes that clients ask for, each once; a rule that takes any stands for every address. */
function virtualTargets({ services, classification }: Config): ReadonlySet<string> {
  const anything = { v4: '0.0.0.0/0', v6: '::/0' };
  const rules = classification.filter(({ mark, interface: name }) => mark !== 0 && name === undefined);
  return new Set([
    ...services.flatMap((service) => ('firewallMark' in service ? [] : [service.address])),
    ...rules.map(({ family, target }) => target ?? anything[family]),
  ]);
}

/** @param range an address or a prefix */
function isWithin(text: string, range: string): boolean {
  const prefix = parsePrefix(range);
  const address = parseAddress(text);
  if (prefix === undefined || address === undefined) return text === range;
  return sameAddress(maskAddress(address, prefix.bits), maskAddress(prefix.address, prefix.bits));
}

function checkSuitable(link: LinkFacts): void {
  if (!link.isEthernet) {
    throw new UvsError('INTERFACE_UNSUITABLE', `${link.name} has no Ethernet frames`, {
      hint: 'Name other interfaces in the configuration.',
    });
  }
  if (!link.isUp) {
    throw new UvsError('INTERFACE_UNSUITABLE', `${link.name} is down`, { hint: `Run \`ip link set ${link.name} up\`.` });
  }
}
