/**
 * The four topologies. `f` is the front network 10.77.0.0/24 fd77::/64, `b` the back network.
 *
 *     dr    client(.1) -- f -- director(.2, VIP .100)
 *                         f -- rs1(.11, VIP on lo) rs2(.12) ...              replies go straight to the client
 *     nat   client(.1) -- f -- director(.2, VIP .100) -- b 10.77.1.0/24 -- rs1(.11) ...     default route by the director (.254)
 *     tun   client(.1) -- f -- director(.2, VIP .100)
 *                         f -- router(.254) -- b 10.77.2.0/24 -- rs1(.11, VIP on lo) ...    replies go by the router
 *     full  client(.1) -- f -- director(.2, VIP .100) -- b 10.77.3.0/24 (.2, local .200 .201) -- rs1(.11) ...
 *     nat                 f -- router(.254) -- b                 default route by the router, past the director
 */
import { UvsError } from '../base/errors.ts';
import {
  type AddressPair,
  checkLabName,
  type FamilyLines,
  type LabInterface,
  type LabMethod,
  type LabNode,
  type LabPlan,
  type LabRealServer,
  MAX_REAL_SERVERS,
  type NetworkName,
  namespaceName,
  TUNNEL_TABLE,
} from './labPlan.ts';

const CLIENT = 1;
const DIRECTOR = 2;
const FIRST_REAL_SERVER = 11;
const VIRTUAL = 100;
const GATEWAY = 254;
const LOCALS = [200, 201];

const NO_LINES: FamilyLines = { v4: [], v6: [] };
// Looked up before the local table: tunnel packets for the real server's own address go into the endpoint's device, so the kernel
// neither takes them nor answers "protocol unreachable". Protocols 4 (IPv4), 41 (IPv6), 47 (GRE) and 17 (UDP, for GUE) in either
// outer family; of UDP everything, for later fragments have no port.
const TUNNEL_RULES = [4, 41, 47, 17].map((protocol) => `pref 10 iif eth0 ipproto ${protocol} lookup ${TUNNEL_TABLE}`);

const BACK_NUMBERS: Readonly<Record<LabMethod, number>> = { dr: 0, nat: 1, tun: 2, fullnat: 3 };

type Setting = readonly [path: string, value: string];

// Tests count ICMP errors: none may be held back.
const HOST_SETTINGS: readonly Setting[] = [
  ['ipv4/icmp_ratelimit', '0'],
  ['ipv6/icmp/ratelimit', '0'],
];
const FORWARDING_OFF: readonly Setting[] = [
  ['ipv4/ip_forward', '0'],
  ['ipv6/conf/all/forwarding', '0'],
];
const FORWARDING_ON: readonly Setting[] = [
  ['ipv4/ip_forward', '1'],
  ['ipv6/conf/all/forwarding', '1'],
  ['ipv4/conf/all/send_redirects', '0'],
];
// The VIP on lo must not be announced: no ARP answer for addresses of other interfaces, no ARP question from the VIP. IPv6 needs
// nothing: a host answers neighbour solicitations only for addresses of the interface that asks.
const HIDES_VIRTUAL_ADDRESS: readonly Setting[] = [
  ['ipv4/conf/all/arp_ignore', '1'],
  ['ipv4/conf/all/arp_announce', '2'],
];

/** The plan of a lab. Throws USAGE for a bad name or a number of real servers outside 1 to MAX_REAL_SERVERS. */
export function planLab(name: string, method: LabMethod, realServerCount: number): LabPlan {
  checkLabName(name);
  if (!Number.isInteger(realServerCount) || realServerCount < 1 || realServerCount > MAX_REAL_SERVERS) {
    throw new UvsError('USAGE', `a lab has 1 to ${MAX_REAL_SERVERS} real servers, not ${realServerCount}`);
  }
  const client = clientNode(name, method);
  const director = directorNode(name, method);
  const realServers = Array.from({ length: realServerCount }, (_, i) => realServer(name, method, i));
  const nodes = [client, director, ...realServers.map((server, i) => realServerNode(server, method, i))];
  if (method === 'tun' || method === 'fullnat') nodes.push(routerNode(name, method));
  return {
    name,
    method,
    networks: method === 'dr' ? ['front'] : ['front', 'back'],
    nodes,
    switchNamespace: namespaceName(name, 'switch'),
    client,
    director,
    realServers,
    virtual: hostAddress(method, 'front', VIRTUAL),
    clientAddress: hostAddress(method, 'front', CLIENT),
    directorAddress: hostAddress(method, 'front', DIRECTOR),
    localAddresses: localAddresses(method),
    ports: {
      virtualHttp: 80,
      virtualEcho: 7,
      realHttp: isTranslated(method) ? 8080 : 80,
      realEcho: isTranslated(method) ? 7007 : 7,
    },
  };
}

function clientNode(lab: string, method: LabMethod): LabNode {
  return {
    name: 'client',
    namespace: namespaceName(lab, 'client'),
    interfaces: [networkInterface('eth0', method, 'front', CLIENT)],
    loopbackAddresses: [],
    routes: method === 'tun' ? defaultRoutes(method, 'front') : NO_LINES,
    rules: NO_LINES,
    settings: [...FORWARDING_OFF, ...HOST_SETTINGS],
  };
}

/** The kernel of the director forwards nothing: what reaches a real server was forwarded by UVS. */
function directorNode(lab: string, method: LabMethod): LabNode {
  const virtual = hostAddress(method, 'front', VIRTUAL);
  const front = networkInterface('eth0', method, 'front', DIRECTOR);
  const interfaces: LabInterface[] = [{ ...front, addresses: [...front.addresses, `${virtual.v4}/32`, `${virtual.v6}/128`] }];
  if (method === 'nat') interfaces.push(networkInterface('eth1', method, 'back', GATEWAY));
  if (method === 'fullnat') interfaces.push(localInterface(method));
  return {
    name: 'director',
    namespace: namespaceName(lab, 'director'),
    interfaces,
    loopbackAddresses: [],
    routes: method === 'tun' ? defaultRoutes(method, 'front') : NO_LINES,
    rules: NO_LINES,
    settings: [...FORWARDING_OFF, ...HOST_SETTINGS],
  };
}

/** Where local addresses are, so that the kernel answers ARP for them. */
function localInterface(method: LabMethod): LabInterface {
  const back = networkInterface('eth1', method, 'back', DIRECTOR);
  const locals = localAddresses(method).flatMap(({ v4, v6 }) => [`${v4}/32`, `${v6}/128`]);
  return { ...back, addresses: [...back.addresses, ...locals] };
}

function localAddresses(method: LabMethod): readonly AddressPair[] {
  return method === 'fullnat' ? LOCALS.map((host) => hostAddress(method, 'back', host)) : [];
}

/** Replies come by the director, and ports may differ. */
function isTranslated(method: LabMethod): boolean {
  return method === 'nat' || method === 'fullnat';
}

function routerNode(lab: string, method: LabMethod): LabNode {
  return {
    name: 'router',
    namespace: namespaceName(lab, 'router'),
    interfaces: [networkInterface('eth0', method, 'front', GATEWAY), networkInterface('eth1', method, 'back', GATEWAY)],
    loopbackAddresses: [],
    routes: NO_LINES,
    rules: NO_LINES,
    settings: [...FORWARDING_ON, ...HOST_SETTINGS],
  };
}

function realServer(lab: string, method: LabMethod, index: number): LabRealServer {
  const name = `rs${index + 1}`;
  const address = hostAddress(method, realServerNetwork(method), FIRST_REAL_SERVER + index);
  const virtual = hostAddress(method, 'front', VIRTUAL);
  const listenAddresses = [address.v4, address.v6, ...(isTranslated(method) ? [] : [virtual.v4, virtual.v6])];
  return { name, namespace: namespaceName(lab, name), address, listenAddresses };
}

function realServerNode({ name, namespace }: LabRealServer, method: LabMethod, index: number): LabNode {
  const network = realServerNetwork(method);
  const virtual = hostAddress(method, 'front', VIRTUAL);
  return {
    name,
    namespace,
    interfaces: [networkInterface('eth0', method, network, FIRST_REAL_SERVER + index)],
    loopbackAddresses: isTranslated(method) ? [] : [`${virtual.v4}/32`, `${virtual.v6}/128`],
    routes: method === 'dr' ? NO_LINES : defaultRoutes(method, 'back'),
    rules: method === 'tun' ? { v4: TUNNEL_RULES, v6: TUNNEL_RULES } : NO_LINES,
    settings: [
      // Packets reach the tunnel endpoint by a route into its device, which to the kernel is forwarding.
      ...(method === 'tun' ? FORWARDING_ON : FORWARDING_OFF),
      ...HOST_SETTINGS,
      ...(isTranslated(method) ? [] : HIDES_VIRTUAL_ADDRESS),
    ],
  };
}

function realServerNetwork(method: LabMethod): NetworkName {
  return method === 'dr' ? 'front' : 'back';
}

function defaultRoutes(method: LabMethod, network: NetworkName): FamilyLines {
  const gateway = hostAddress(method, network, GATEWAY);
  return { v4: [`default via ${gateway.v4}`], v6: [`default via ${gateway.v6}`] };
}

function networkInterface(name: string, method: LabMethod, network: NetworkName, host: number): LabInterface {
  const { v4, v6 } = hostAddress(method, network, host);
  const mac = [0x02, 0x77, 0, 0, networkNumber(method, network), host]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');
  return { name, network, mac, addresses: [`${v4}/24`, `${v6}/64`] };
}

/** Host numbers read the same in both families: 10.77.1.11 and fd77:0:0:1::11. */
function hostAddress(method: LabMethod, network: NetworkName, host: number): AddressPair {
  const number = networkNumber(method, network);
  return { v4: `10.77.${number}.${host}`, v6: number === 0 ? `fd77::${host}` : `fd77:0:0:${number}::${host}` };
}

function networkNumber(method: LabMethod, network: NetworkName): number {
  if (network === 'front') return 0;
  return BACK_NUMBERS[method];
}
