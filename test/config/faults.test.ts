/** Faulty configurations, with the place and the words that a person gets. */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/readConfig.ts';
import { faultsOf, SCHEDULERS } from './faultsOf.ts';

const TOP = [
  ['an empty file', '', '1:1: the file is empty [CONFIG_INVALID]\n  docs/reference/config.md has an example.'],
  [
    'a file that is a list',
    '- services',
    '1:1: the configuration must be a section with keys, not a list [CONFIG_INVALID]\n  Write it with keys, such as "interfaces: ...".',
  ],
  [
    'no services',
    'interfaces: []',
    '1:1: the configuration has no services [CONFIG_INVALID]\n  Add services: a list of services.',
  ],
  [
    'an unknown key that is near a known one',
    'services: []\nlimit: {}',
    '2:1: the configuration has no key "limit" [CONFIG_UNKNOWN_KEY]\n  Did you mean limits?',
  ],
  [
    'an unknown key that is near none',
    'services: []\nvrrp: {}',
    '2:1: the configuration has no key "vrrp" [CONFIG_UNKNOWN_KEY]\n  It may have: interfaces, services, classification, fullnat, ftpPorts, timeouts, settings, limits.',
  ],
  [
    'one interface that is no list',
    'services: []\ninterfaces: eth0',
    '2:13: interfaces must be a list of names of interfaces, not "eth0" [CONFIG_INVALID]\n  Write interfaces: [eth0].',
  ],
  [
    'an interface that is a number',
    'services: []\ninterfaces: [eth0, 5]',
    '2:20: an item of interfaces must be the name of an interface, not 5 [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'services without a value',
    'services:',
    '1:10: services must be a list of services, not empty [CONFIG_INVALID]\n  Begin each with "- ".',
  ],
  [
    'a timeout of nothing',
    'services: []\ntimeouts: {tcp: 0, udp: 2678401}',
    '2:17: tcp must be an integer from 1 to 2678400, not 0 [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.\n' +
      '2:25: udp must be an integer from 1 to 2678400, not 2678401 [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'limits that are a number',
    'services: []\nlimits: 5',
    '2:9: limits must be a section with keys, not 5 [CONFIG_INVALID]\n  Write it with keys, such as "connections: ...".',
  ],
  [
    'a fraction, once though it breaks two rules',
    'services: []\nlimits: {connections: 0.5}',
    '2:23: connections must be an integer from 256 to 16777216, not 0.5 [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a real server by fullnat without a local address of its family',
    'services: [{address: "tcp 10.0.0.1:80", method: fnat, realServers: [{address: 10.0.0.2}]}]\nfullnat: {localAddresses: ["2001:db8::1"]}',
    '1:11: real server 10.0.0.2 by fullnat, but there is no local address of its family [CONFIG_INVALID]\n  Add the director\'s address towards it: "fullnat: {localAddresses: [...]}".',
  ],
  [
    'one-packet scheduling by fullnat',
    'services: [{address: "udp 10.0.0.1:53", method: fullnat, onePacket: true, realServers: [{address: 10.0.0.2}]}]\nfullnat: {localAddresses: [10.0.0.5]}',
    '1:11: a service with onePacket has real servers by fullnat, whose replies would find no way back [CONFIG_INVALID]\n  Remove onePacket, or use another method.',
  ],
  [
    'local ports that are no range',
    'services: []\nfullnat: {localAddresses: [10.0.0.5], ports: 0-80}',
    '2:46: ports must be a range from 1 to 65535 such as 5000-65535, not "0-80" [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a local address that is none, and one that comes twice',
    'services: []\nfullnat: {localAddresses: [10.0.0.5, here, 10.0.0.5]}',
    '2:27: localAddresses has 10.0.0.5 twice [CONFIG_INVALID]\n  Remove one of them.\n2:38: an item of localAddresses must be an IP address, not "here" [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'more services than the limit',
    'services:\n- address: tcp 10.0.0.1:80\n- address: tcp 10.0.0.1:81\nlimits: {services: 1}',
    '1:1: 2 services, but limits.services is 1 [CAPACITY_EXCEEDED]\n  Raise the limit in the `limits` section of the configuration.',
  ],
] as const;

const YAML = [
  [
    'a key given twice',
    'services: []\nservices: []',
    '2:1: map keys must be unique [CONFIG_SYNTAX]\n  The file must be YAML; check indentation and quotes at that place.',
  ],
  [
    'an IPv6 address without quotes',
    'services:\n- address: [2001:db8::1]:80',
    '2:25: unexpected scalar at node end [CONFIG_SYNTAX]\n  Put an IPv6 address with its port in quotes: "[2001:db8::1]:80".',
  ],
  [
    'a value that contains itself',
    'services: &a [*a]',
    '1:15: the alias names a value that contains it, or none [CONFIG_SYNTAX]\n  The file must be YAML; check indentation and quotes at that place.\n' +
      '1:15: a service must be a section with keys, not empty [CONFIG_INVALID]\n  Write it with keys, such as "address: ...".',
  ],
] as const;

/** Below `services:\n- `, so the first key stands at 2:3. */
const SERVICE = [
  [
    'no address',
    'scheduler: rr',
    '2:3: a service has no address [CONFIG_INVALID]\n  Add address: an address with a port such as 10.0.0.1:80 or "[2001:db8::1]:80", or fwmark: 1.',
  ],
  [
    'a number out of range in an address',
    'address: tcp 10.0.0.256:80',
    '2:12: address must be an address with a port such as 10.0.0.1:80 or "[2001:db8::1]:80", not "tcp 10.0.0.256:80" [CONFIG_INVALID]\n' +
      '  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a name for an address',
    'address: tcp www.example.com:80',
    '2:12: address must be an address with a port such as 10.0.0.1:80 or "[2001:db8::1]:80", not "tcp www.example.com:80" [CONFIG_INVALID]\n' +
      '  Names are not looked up: write the IP address.',
  ],
  [
    'a port of 0',
    'address: tcp 10.0.0.1:0',
    '2:12: port 0, which means every port, needs persistence [CONFIG_INVALID]\n  Add persistence: 360.',
  ],
  [
    'no port',
    'address: tcp 10.0.0.1',
    '2:12: the service has no port [CONFIG_INVALID]\n  Write it behind the address: 10.0.0.1:80.',
  ],
  [
    'no protocol',
    'address: 10.0.0.1:80',
    '2:12: the service has no protocol [CONFIG_INVALID]\n  Write tcp, udp or sctp before the address: tcp 10.0.0.1:80.',
  ],
  [
    'port and protocol given twice',
    'address: tcp 10.0.0.1:80\n  port: 80\n  protocol: udp',
    '3:9: the port is given twice [CONFIG_INVALID]\n  Leave it out here or in the address.\n' +
      '4:13: the protocol is given twice [CONFIG_INVALID]\n  Leave it out here or in the address.',
  ],
  [
    'a protocol that there is not',
    'address: 10.0.0.1:80\n  protocol: tpc',
    '3:13: protocol must be one of tcp, udp, sctp, not "tpc" [CONFIG_INVALID]\n  Did you mean tcp?',
  ],
  [
    'a multicast address',
    'address: udp 239.0.0.1:80',
    '2:12: 239.0.0.1 is a multicast address [CONFIG_INVALID]\n  The address of a service must be unicast.',
  ],
  [
    'a scheduler with a slip',
    'address: tcp 10.0.0.1:80\n  scheduler: wrrr',
    '3:14: no scheduler named "wrrr" [SCHEDULER_UNKNOWN]\n  Did you mean wrr? List schedulers with `uvs schedulers`.',
  ],
  [
    'a scheduler nobody knows',
    'address: tcp 10.0.0.1:80\n  scheduler: fastest',
    '3:14: no scheduler named "fastest" [SCHEDULER_UNKNOWN]\n  List schedulers with `uvs schedulers`.',
  ],
  [
    'a flag of another scheduler',
    'address: tcp 10.0.0.1:80\n  scheduler: rr\n  schedulerFlags: [sh-port]',
    '4:19: rr has no flag "sh-port" [CONFIG_INVALID]\n  rr has no flags.',
  ],
  [
    'a flag with a slip',
    'address: tcp 10.0.0.1:80\n  scheduler: sh\n  schedulerFlags: [sh-prot]',
    '4:19: sh has no flag "sh-prot" [CONFIG_INVALID]\n  sh knows sh-fallback and sh-port.',
  ],
  [
    'one packet scheduling of tcp',
    'address: tcp 10.0.0.1:80\n  onePacket: true',
    '3:14: onePacket is only for udp services [CONFIG_INVALID]\n  Remove it.',
  ],
  [
    'yes for true',
    'address: udp 10.0.0.1:80\n  onePacket: yes',
    '3:14: onePacket must be true or false, not "yes" [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a method in capitals',
    'address: tcp 10.0.0.1:80\n  method: DR',
    '3:11: method must be one of route, dr, gateway, masq, nat, fullnat, fnat, tunnel, tun, ipip, not "DR" [CONFIG_INVALID]\n  Did you mean dr?',
  ],
  [
    'a second service of one name, written otherwise',
    'address: tcp [2001:db8::1]:80\n- {protocol: tcp, address: "2001:db8:0::1", port: 80}',
    '3:28: the service tcp [2001:db8::1]:80 was listed before, in line 2 [SERVICE_EXISTS]\n  Each virtual service is listed once.',
  ],
  [
    'a real server that is only an address',
    'address: tcp 10.0.0.1:80\n  realServers: [10.0.0.2]',
    '3:17: a real server must be a section with keys, not "10.0.0.2" [CONFIG_INVALID]\n  Write it with keys, such as "address: ...".',
  ],
  [
    'real servers without the list',
    'address: tcp 10.0.0.1:80\n  realServers: {address: 10.0.0.2}',
    '3:16: realServers must be a list of real servers, not a section [CONFIG_INVALID]\n  Begin each with "- ".',
  ],
] as const;

/** A real server of tcp 10.0.0.1:80 by method route; its text begins at 4:7. */
const REAL_SERVER = [
  [
    'a protocol in its address',
    'address: tcp 10.0.0.2:80',
    '4:16: address must be an address with a port such as 10.0.0.1:80 or "[2001:db8::1]:80", not "tcp 10.0.0.2:80" [CONFIG_INVALID]\n' +
      '  docs/reference/config.md lists every key with its range.',
  ],
  [
    'another port in the address',
    'address: 10.0.0.2:8080',
    "4:16: port 8080 is not the service's port 80, which method route cannot change [CONFIG_INVALID]\n  Leave the port out, or use method masq or fullnat.",
  ],
  [
    'another port beside the address, by a tunnel',
    'address: 10.0.0.2, port: 81, method: ipip',
    "4:32: port 81 is not the service's port 80, which method tunnel cannot change [CONFIG_INVALID]\n  Leave the port out, or use method masq or fullnat.",
  ],
  [
    'another family',
    'address: "2001:db8::2", method: masq',
    '4:16: an IPv6 real server of an IPv4 service needs method tunnel [CONFIG_INVALID]\n  Use method tunnel, or addresses of one family.',
  ],
  [
    'a link-local address',
    'address: "fe80::2", method: tunnel',
    '4:16: fe80::2 is a link-local address [CONFIG_INVALID]\n  The address of a real server must be unicast.',
  ],
  [
    'a weight below 0',
    'address: 10.0.0.2, weight: -1',
    '4:34: weight must be an integer from 0 to 2147483647, not -1 [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a lower threshold above the upper one',
    'address: 10.0.0.2, upperThreshold: 4, lowerThreshold: 5',
    '4:61: lowerThreshold 5 is above upperThreshold 4 [CONFIG_INVALID]\n  Lower it, or raise the other.',
  ],
  [
    'a lower threshold alone',
    'address: 10.0.0.2, lowerThreshold: 5',
    '4:42: lowerThreshold 5 is above upperThreshold 0 [CONFIG_INVALID]\n  A lower threshold needs an upper one.',
  ],
  [
    'the same real server twice, with and without its port',
    'address: 10.0.0.2}\n  - {address: 10.0.0.2:80',
    '5:15: the real server 10.0.0.2:80 was listed before, in line 4 [DESTINATION_EXISTS]\n  Each real server is listed once per service.',
  ],
] as const;

/** Keys of a service by firewall mark, persistence and tunnels. */
describe('a fault is told with its place and what to do', () => {
  test.each(TOP)('%s', (_name, text, expected) => expect(faultsOf(text)).toBe(expected));
  test.each(YAML)('%s', (_name, text, expected) => expect(faultsOf(text)).toBe(expected));
  test.each(SERVICE)('a service with %s', (_name, text, expected) => expect(faultsOf(`services:\n- ${text}`)).toBe(expected));
  test.each(REAL_SERVER)('a real server with %s', (_name, text, expected) => {
    expect(faultsOf(`services:\n- address: tcp 10.0.0.1:80\n  realServers:\n  -  {${text}}`)).toBe(expected);
  });
});

test('every fault of a file is told at once, in the order of the file', () => {
  const text = `
interfaces: eth0
servces: []
services:
  - address: tcp 10.0.0.300:80
    scheduler: wrrr
    realServers:
      - 10.0.0.11:80
      - address: 10.0.0.12:8080
        wieght: 3
      - address: web1.example.com:80
        weight: -1
  - address: 10.0.0.100
    protocl: tcp
    port: 80
    method: DR
    onePacket: yes
    realServers:
      - { address: 10.0.0.11, port: 81, method: dr }
      - { address: 10.0.0.11:80, method: dr, lowerThreshold: 5 }
      - { address: 10.0.0.11, method: dr }
      - { address: 2001:db8::1, method: masq }
timeouts: { tcp: 0, tcpfin: 3 }
limits: 5
services: []
`;
  const told = parseConfig(text, 'f', SCHEDULERS).faults.map(({ code, place }) => `${place?.line}:${place?.column} ${code}`);
  expect(told).toEqual([
    '2:13 CONFIG_INVALID',
    '3:1 CONFIG_UNKNOWN_KEY',
    '5:14 CONFIG_INVALID',
    '6:16 SCHEDULER_UNKNOWN',
    '8:9 CONFIG_INVALID',
    '10:9 CONFIG_UNKNOWN_KEY',
    '11:18 CONFIG_INVALID',
    '12:17 CONFIG_INVALID',
    '13:14 CONFIG_INVALID',
    '14:5 CONFIG_UNKNOWN_KEY',
    '16:13 CONFIG_INVALID',
    '17:16 CONFIG_INVALID',
    '19:37 CONFIG_INVALID',
    '20:62 CONFIG_INVALID',
    '21:20 DESTINATION_EXISTS',
    '22:20 CONFIG_INVALID',
    '23:18 CONFIG_INVALID',
    '23:21 CONFIG_UNKNOWN_KEY',
    '24:9 CONFIG_INVALID',
    '25:1 CONFIG_SYNTAX',
  ]);
});
