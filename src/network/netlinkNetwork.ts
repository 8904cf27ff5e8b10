/** HostNetwork over rtnetlink. Reading needs no privilege. */
import { createSocket } from 'node:dgram';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
// By file: the library's index loads Wi-Fi and WireGuard as well, which costs 40 ms.
import { createRtNetlink, type RtNetlinkSocket } from 'netlink/dist/rt/rt.js';
import type { LinkMessage, Message, RouteMessage } from 'netlink/dist/rt/structs.js';
import { address as parsedAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import type { AddressFacts, HostNetwork, LinkFacts, NetworkEvent, RouteFacts } from './hostNetwork.ts';
import { addressText, familyNumber, interfaceKind, macText, networkBytes, routeMtu } from './netlinkValues.ts';

const REQUEST_TIMEOUT_MS = 5000;
const LINKS_KEPT_MS = 50;
/** Of the neighbours on an interface without link-layer addresses. */
const NO_MAC = '00:00:00:00:00:00';
/** Room for a swarm of notifications; does not keep the process alive. */
const SOCKET_OPTIONS = { ref: false, recvBufferSize: 1 << 20, sendBufferSize: 1 << 16 };
/** NLM_F_REPLACE | NLM_F_CREATE of a request that makes something. */
const REPLACE_OR_CREATE = 0x100 | 0x400;
/** The discard service (RFC 863): where a datagram goes that only has to make the kernel resolve a neighbour. */
const DISCARD_PORT = 9;
const WATCHED_GROUPS = ['LINK', 'NEIGH', 'IPV4_IFADDR', 'IPV6_IFADDR', 'IPV4_ROUTE', 'IPV6_ROUTE'] as const;

/** Opens the host's network, of the network namespace that this process is in. */
export function openHostNetwork(): HostNetwork {
  return new NetlinkNetwork();
}

class NetlinkNetwork implements HostNetwork {
  readonly #socket = createRtNetlink(SOCKET_OPTIONS);
  readonly #watches = new Set<RtNetlinkSocket>();
  #links: { readonly links: readonly LinkFacts[]; readonly readAt: number } = { links: [], readAt: Number.NEGATIVE_INFINITY };
  /** The kernel serves one dump of a socket at a time, so questions wait for each other. */
  #last: Promise<unknown> = Promise.resolve();

  async links(): Promise<readonly LinkFacts[]> {
    const links = (await this.#ask((options) => this.#socket.getLinks({}, {}, options))).map(linkFacts);
    this.#links = { links, readAt: performance.now() };
    return links;
  }

  async addresses(): Promise<readonly AddressFacts[]> {
    const messages = await this.#ask((options) => this.#socket.getAddresses({}, {}, options));
    return messages.flatMap(({ data, attrs }) => {
      const bytes = attrs.local ?? attrs.address;
      return bytes === undefined
        ? []
        : [{ ifindex: data.index ?? 0, address: addressText(bytes), prefixLength: data.prefixlen ?? 0 }];
    });
  }

  async routeTo(address: string): Promise<RouteFacts | null> {
    const to = parsedAddress(address);
    const question = { family: familyNumber(to), dstLen: to.family === Family.v4 ? 32 : 128 };
    const answer = await this.#askOrNull((options) => this.#socket.getRoute(question, { dst: networkBytes(to) }, options));
    const route = answer?.[0];
    if (route === undefined || route.attrs.oif === undefined) return null;
    return this.#routeFacts(route, route.attrs.oif, address);
  }

  async neighbour(address: string, ifindex: number): Promise<string | null> {
    if ((await this.#link(ifindex))?.resolvesNeighbours === false) return NO_MAC;
    const of = parsedAddress(address);
    const question = { family: familyNumber(of), ifindex };
    const answer = await this.#askOrNull((options) => this.#socket.getNeighbor(question, { dst: networkBytes(of) }, options));
    const found = answer?.[0];
    const state = found?.data.state ?? {};
    return found?.attrs.lladdr === undefined || state.failed || state.incomplete ? null : macText(found.attrs.lladdr);
  }

  async probeNeighbour(address: string, ifindex: number): Promise<void> {
    const of = parsedAddress(address);
    const entry = { family: familyNumber(of), ifindex, state: {}, flags: { use: true } } as const;
    const options = { flags: REPLACE_OR_CREATE };
    const used = await this.#askOrNull((more) =>
      this.#socket.newNeighbor(entry, { dst: networkBytes(of) }, { ...more, ...options }),
    );
    // Without CAP_NET_ADMIN the kernel takes no hint; a datagram makes it look as well.
    if (used === null) await sendDiscard(address, of.family);
  }

  watch(listener: (event: NetworkEvent) => void): () => void {
    const socket = createRtNetlink(SOCKET_OPTIONS);
    this.#watches.add(socket);
    socket.on('message', (messages) => {
      for (const message of messages) listener(eventOf(message));
    });
    socket.on('invalid', () => listener({ kind: 'all' }));
    // The receive buffer ran over (ENOBUFS).
    socket.socket.on('error', () => listener({ kind: 'all' }));
    socket.socket.socket.on('error', () => listener({ kind: 'all' }));
    for (const group of WATCHED_GROUPS) socket.addMembership(group);
    return () => {
      if (this.#watches.delete(socket)) socket.socket.close();
    };
  }

  close(): void {
    for (const socket of this.#watches) socket.socket.close();
    this.#watches.clear();
    this.#socket.socket.close();
  }

  async #routeFacts({ data, attrs }: RouteMessage, ifindex: number, address: string): Promise<RouteFacts | null> {
    const isLocal = data.type === 'LOCAL' || data.type === 2;
    if (!isLocal && data.type !== 'UNICAST' && data.type !== 1) return null;
    const mtu = routeMtu(attrs) ?? (await this.#link(ifindex))?.mtu ?? 1500;
    const gateway = attrs.gateway === undefined ? null : addressText(attrs.gateway);
    return { ifindex, gateway, source: attrs.prefsrc === undefined ? address : addressText(attrs.prefsrc), mtu, isLocal };
  }

  /** Of a recent reading: a thousand next hops ask for the same few interfaces. */
  async #link(ifindex: number): Promise<LinkFacts | undefined> {
    const isRecent = performance.now() - this.#links.readAt < LINKS_KEPT_MS;
    const links = isRecent ? this.#links.links : await this.links();
    return links.find(({ index }) => index === ifindex);
  }

  #ask<T>(question: (options: { timeout: number }) => Promise<T>): Promise<T> {
    const answer = this.#last.then(() => question({ timeout: REQUEST_TIMEOUT_MS }));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** @returns null when the kernel says no: no such neighbour, no route, not allowed */
  async #askOrNull<T>(question: (options: { timeout: number }) => Promise<T>): Promise<T | null> {
    try {
      return await this.#ask(question);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('Request rejected')) return null;
      throw error;
    }
  }
}

function linkFacts({ data, attrs }: LinkMessage): LinkFacts {
  const name = attrs.ifname ?? `if${data.index}`;
  const isLoopback = data.flags?.loopback === true;
  const isEthernet = data.type === 'ETHER' || data.type === 1 || isLoopback;
  return {
    index: data.index ?? 0,
    name,
    isUp: data.flags?.up === true,
    isLoopback,
    isEthernet,
    resolvesNeighbours: isEthernet && !isLoopback && data.flags?.noarp !== true,
    mac: attrs.address?.length === 6 ? macText(attrs.address) : null,
    mtu: attrs.mtu ?? 1500,
    kind: attrs.linkinfo === undefined ? '' : interfaceKind(attrs.linkinfo),
    driver: driverOf(name),
  };
}

function driverOf(name: string): string {
  try {
    return basename(readlinkSync(`/sys/class/net/${name}/device/driver`));
  } catch {
    return ''; // no hardware, or no sysfs here
  }
}

function eventOf(message: Message): NetworkEvent {
  if (message.kind === 'neighbor' && message.attrs.dst !== undefined) {
    return { kind: 'neighbour', ifindex: message.data.ifindex ?? 0, address: addressText(message.attrs.dst) };
  }
  if (message.kind === 'route') return { kind: 'route' };
  return { kind: message.kind === 'address' ? 'address' : 'all' };
}

function sendDiscard(address: string, family: Family): Promise<void> {
  const socket = createSocket(family === Family.v4 ? 'udp4' : 'udp6');
  return new Promise((resolve) => {
    const end = () => {
      socket.close();
      resolve();
    };
    // A probe that cannot leave is no worse than one that is not answered: the resolver tries again.
    socket.once('error', end);
    socket.send(new Uint8Array(0), DISCARD_PORT, address, end);
  });
}
