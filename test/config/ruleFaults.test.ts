/** Faults in tunnels, persistence, settings and classification rules, with the place and the words that a person gets. */
import { describe, expect, test } from 'vitest';
import { faultsOf } from './faultsOf.ts';

const NEW_SERVICE = [
  [
    'both a mark and an address',
    'fwmark: 7\n  address: tcp 10.0.0.1:80\n  protocol: tcp\n  port: 80',
    '3:12: a service by fwmark has no address [CONFIG_INVALID]\n  Remove it, or remove fwmark.\n' +
      '4:13: a service by fwmark has no protocol [CONFIG_INVALID]\n  Remove it, or remove fwmark.\n' +
      '5:9: a service by fwmark has no port [CONFIG_INVALID]\n  Remove it, or remove fwmark.',
  ],
  [
    'a mark of 0',
    'fwmark: 0',
    '2:11: fwmark must be an integer from 1 to 4294967295, not 0 [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a family beside an address',
    'address: tcp 10.0.0.1:80\n  family: v4',
    '3:11: family is only for services by fwmark [CONFIG_INVALID]\n  Remove it: the address says it.',
  ],
  [
    'a mark that another one has',
    'fwmark: 7\n- {fwmark: 7, family: v6}\n- {fwmark: 7, family: v4}',
    '4:12: the service fwmark 7 v4 was listed before, in line 2 [SERVICE_EXISTS]\n  Each virtual service is listed once.',
  ],
  [
    'a persistence of 0',
    'address: tcp 10.0.0.1:80\n  persistence: 0',
    '3:16: persistence must be an integer from 1 to 2678400 (seconds) or a section with timeout and netmask, not 0 [CONFIG_INVALID]\n' +
      '  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a number of bits for a netmask',
    'address: tcp 10.0.0.1:80\n  persistence: {netmask: "24"}',
    '3:26: netmask must be an IPv4 mask such as 255.255.255.0, not "24" [CONFIG_INVALID]\n  Write prefix: 24.',
  ],
  [
    'clients given twice',
    'address: tcp 10.0.0.1:80\n  persistence: {netmask: 255.0.0.0, prefix: 8}',
    '3:26: the clients are given twice, by netmask and by prefix [CONFIG_INVALID]\n  Leave one of them out.',
  ],
  [
    'a netmask for IPv6 clients',
    'address: tcp [2001:db8::1]:80\n  persistence: {netmask: 255.0.0.0}',
    '3:26: IPv6 clients have no netmask [CONFIG_INVALID]\n  Write prefix: 64, or another number of bits.',
  ],
  [
    'a prefix that IPv4 does not have',
    'address: tcp 10.0.0.1:80\n  persistence: {prefix: 64}',
    '3:25: prefix must be an integer from 0 to 32 for IPv4 clients, not 64 [CONFIG_INVALID]\n  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a tunnel that there is not',
    'address: tcp 10.0.0.1:80\n  tunnel: gue6',
    '3:11: tunnel must be one of ipip, gue, gre, or a section with type, port and checksum, not "gue6" [CONFIG_INVALID]\n  Did you mean gue?',
  ],
  [
    'a gue tunnel without a port',
    'address: tcp 10.0.0.1:80\n  tunnel: gue',
    '3:11: a tunnel of type gue needs a port [CONFIG_INVALID]\n  Write tunnel: {type: gue, port: 6080}.',
  ],
  [
    'a port and a checksum of an ipip tunnel',
    'address: tcp 10.0.0.1:80\n  tunnel: {port: 6080, checksum: full}',
    '3:18: a tunnel of type ipip has no port [CONFIG_INVALID]\n  Remove it: only gue has one.\n' +
      '3:34: a tunnel of type ipip has no checksum "full" [CONFIG_INVALID]\n  Remove it: only gue and gre have one.',
  ],
  [
    'a remote checksum of a gre tunnel',
    'address: tcp 10.0.0.1:80\n  tunnel: {type: gre, checksum: remote}',
    '3:33: a tunnel of type gre has no checksum "remote" [CONFIG_INVALID]\n  Write none or full.',
  ],
  [
    'a real server with a tunnel of another method',
    'address: tcp 10.0.0.1:80\n  realServers: [{address: 10.0.0.2, tunnel: gre}]',
    '3:45: method route has no tunnel [CONFIG_INVALID]\n  Remove it, or use method tunnel.',
  ],
] as const;

const SETTINGS_AND_RULES = [
  [
    'a setting that there is not',
    'settings: {slopy_tcp: 1}',
    '2:12: there is no setting "slopy_tcp" [CONFIG_UNKNOWN_KEY]\n  Did you mean sloppy_tcp?',
  ],
  [
    'a value out of range',
    'settings: {drop_entry: 4}',
    '2:24: drop_entry cannot be 4 [SETTING_INVALID]\n  Range: 0 = off, 1 and 2 = when memory is low, 3 = always.',
  ],
  [
    'a setting without a meaning here',
    'settings: {debug_level: 1}',
    '2:25: debug_level has no meaning here [SETTING_INVALID]\n' +
      '  The kernel has it in debug builds only; here `--verbose` and the counters say what happens.',
  ],
  [
    'text for a number',
    'settings: {sloppy_tcp: "on"}',
    '2:24: sloppy_tcp must be a whole number, not "on" [CONFIG_INVALID]\n  docs/reference/settings.md says more.',
  ],
  [
    'a threshold that is no pair',
    'settings: {sync_threshold: [3]}',
    '2:28: sync_threshold must be a list of two whole numbers such as [3, 50], not a list [CONFIG_INVALID]\n  docs/reference/settings.md says more.',
  ],
  [
    'settings that are a number',
    'settings: 5',
    '2:11: settings must be a section with keys, not 5 [CONFIG_INVALID]\n  Write it with keys, such as "sloppy_tcp: 1".',
  ],
  [
    'a rule without a mark',
    'classification: [{protocol: tcp}]',
    '2:18: a classification rule has no mark [CONFIG_INVALID]\n  Add mark: an integer from 0 to 4294967295.',
  ],
  [
    'a rule with ports but no protocol',
    'classification: [{mark: 1, targetPorts: 80}]',
    '2:41: targetPorts need a protocol [CONFIG_INVALID]\n  Add protocol: tcp, udp, sctp.',
  ],
  [
    'a rule with ports the wrong way round',
    'classification: [{mark: 1, protocol: tcp, sourcePorts: [90-80]}]',
    '2:57: sourcePorts must be a port from 0 to 65535, a range such as 8000-8100, or a list of these, not "90-80" [CONFIG_INVALID]\n' +
      '  docs/reference/config.md lists every key with its range.',
  ],
  [
    'a rule with a prefix that is too long',
    'classification: [{mark: 1, source: 10.0.0.0/33}]',
    '2:36: source must be an address or a prefix such as 10.0.0.0/8, not "10.0.0.0/33" [CONFIG_INVALID]\n' +
      '  docs/reference/config.md lists every key with its range.',
  ],
  [
    'more rules than there is room for',
    `classification: [${'{mark: 1}, '.repeat(129)}]`,
    '2:17: 258 classification rules (one without a family counts twice), but there is room for 256 [CAPACITY_EXCEEDED]\n' +
      '  Put ports of one target into one rule.',
  ],
  [
    'a rule of two families',
    'classification: [{mark: 1, source: 10.0.0.0/8, target: "2001:db8::/32", family: v4}]',
    '2:56: source and target are of different families [CONFIG_INVALID]\n  Write two rules.',
  ],
  [
    'a rule whose family contradicts its address',
    'classification: [{mark: 1, source: 10.0.0.0/8, family: v6}]',
    '2:56: family v6 contradicts the address [CONFIG_INVALID]\n  Leave it out: the address says it.',
  ],
] as const;

describe('a fault is told with its place and what to do', () => {
  test.each(NEW_SERVICE)('a service with %s', (_name, text, expected) => {
    expect(faultsOf(`services:\n- ${text}`)).toBe(expected);
  });
  test.each(SETTINGS_AND_RULES)('%s', (_name, text, expected) => expect(faultsOf(`services: []\n${text}`)).toBe(expected));
});
