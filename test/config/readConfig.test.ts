import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig, readConfigFile } from '../../src/config/readConfig.ts';
import { METHOD_NAMES } from '../../src/config/readRealServers.ts';

const SCHEDULERS = { schedulers: ['rr', 'wlc', 'sh'], schedulerFlags: { sh: ['sh-fallback', 'sh-port'] } };

function good(text: string) {
  const { config, faults } = parseConfig(text, 'good.yaml', SCHEDULERS);
  expect(faults).toEqual([]);
  return config!;
}

/** One service with one real server, given as flow mappings. */
function oneServer(service: string, realServer: string) {
  const { services } = good(`services: [{${service}, realServers: [${realServer}]}]`);
  return services[0]!.realServers[0]!;
}

test('the shortest configuration has every default', () => {
  expect(good('services: []')).toEqual({
    interfaces: [],
    services: [],
    classification: [],
    fullnat: { localAddresses: [], ports: [5000, 65_535], toa: true, timestamps: true },
    timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
    settings: {},
    limits: { connections: 65_536, services: 4096, destinations: 32_768 },
  });
});

test('a service and a real server have the defaults of ipvsadm', () => {
  expect(good('services: [{address: tcp 10.0.0.1:80, realServers: [{address: 10.0.0.2}]}]').services).toEqual([
    {
      protocol: 'tcp',
      address: '10.0.0.1',
      port: 80,
      scheduler: 'wlc',
      schedulerFlags: [],
      onePacket: false,
      persistence: null,
      realServers: [
        { address: '10.0.0.2', port: 80, method: 'route', weight: 1, upperThreshold: 0, lowerThreshold: 0, tunnel: null },
      ],
    },
  ]);
});

test('everything that can be written is read', () => {
  const config = good(`
interfaces: [eth0, eth1]
services:
  - protocol: udp
    address: 2001:DB8:0::53
    port: 53
    scheduler: sh
    schedulerFlags: [sh-port]
    onePacket: true
    method: tunnel
    realServers:
      - { address: 10.0.0.2, weight: 0, upperThreshold: 7, lowerThreshold: 3 }
      - { address: "[2001:db8::2]:53" }
timeouts: { tcp: 1, tcpFin: 2, udp: 3 }
limits: { connections: 1025, services: 5, destinations: 6 }
`);
  expect(config.interfaces).toEqual(['eth0', 'eth1']);
  expect(config.services[0]).toMatchObject({
    protocol: 'udp',
    address: '2001:db8::53',
    port: 53,
    schedulerFlags: ['sh-port'],
    onePacket: true,
  });
  expect(config.services[0]!.realServers).toEqual([
    { address: '10.0.0.2', port: 53, method: 'tunnel', weight: 0, upperThreshold: 7, lowerThreshold: 3, tunnel: null },
    { address: '2001:db8::2', port: 53, method: 'tunnel', weight: 1, upperThreshold: 0, lowerThreshold: 0, tunnel: null },
  ]);
  expect(config.timeouts).toEqual({ tcp: 1, tcpFin: 2, udp: 3 });
  expect(config.limits).toEqual({ connections: 2048, services: 5, destinations: 6 });
});

const ADDRESSES = [
  // service                                    real server                          address        port
  ['address: tcp 10.0.0.1:80', '{address: 10.0.0.2}', '10.0.0.2', 80],
  ['address: tcp 10.0.0.1:80', '{address: 10.0.0.2:80}', '10.0.0.2', 80],
  ['address: tcp 10.0.0.1:80, method: nat', '{address: 10.0.0.2:8080}', '10.0.0.2', 8080],
  ['address: tcp 10.0.0.1:80, method: nat', '{address: 10.0.0.2, port: 8080}', '10.0.0.2', 8080],
  ['address: sctp 10.0.0.1, port: 80', '{address: 10.0.0.2}', '10.0.0.2', 80],
  ['protocol: tcp, address: 10.0.0.1:80', '{address: 10.0.0.2}', '10.0.0.2', 80],
  ['address: "tcp [2001:db8::1]:80"', '{address: "2001:db8::0:2"}', '2001:db8::2', 80],
] as const;
test.each(ADDRESSES)('a service {%s} with %s has a real server %s port %i', (service, realServer, address, port) => {
  expect(oneServer(service, realServer)).toMatchObject({ address, port });
});

const PERSISTENCE = [
  // service                       persistence                                          is
  ['address: tcp 10.0.0.1:80', '300', [300, 32, null]],
  ['address: tcp 10.0.0.1:80', '{}', [360, 32, null]],
  ['address: tcp 10.0.0.1:80', '{timeout: 5, netmask: 255.255.255.0}', [5, 24, null]],
  ['address: tcp 10.0.0.1:80', '{netmask: 0.0.0.0}', [360, 0, null]],
  ['address: tcp 10.0.0.1:80', '{netmask: 255.255.255.255}', [360, 32, null]],
  ['address: tcp 10.0.0.1:80', '{netmask: 255.0.255.0}', [360, 32, '255.0.255.0']],
  ['address: tcp 10.0.0.1:80', '{prefix: 8}', [360, 8, null]],
  ['address: "tcp [2001:db8::1]:80"', '60', [60, 128, null]],
  ['address: "tcp [2001:db8::1]:80"', '{prefix: 64}', [360, 64, null]],
  ['fwmark: 7', '60', [60, 32, null]],
  ['fwmark: 7, family: v6', '60', [60, 128, null]],
  ['address: tcp 10.0.0.1:0', '60', [60, 32, null]],
] as const;
test.each(PERSISTENCE)('a service {%s} with persistence: %s', (service, persistence, [timeoutSeconds, prefix, mask]) => {
  const { services } = good(`services: [{${service}, persistence: ${persistence}}]`);
  expect(services[0]!.persistence).toEqual({ timeoutSeconds, prefix, mask });
});

const TUNNELS = [
  // service                   real server                                        tunnel
  ['method: tun', '', null],
  ['method: tun', ', tunnel: gre', { type: 'gre', port: 0, checksum: 'none' }],
  ['method: tun, tunnel: gre', '', { type: 'gre', port: 0, checksum: 'none' }],
  ['method: tun, tunnel: gre', ', tunnel: ipip', { type: 'ipip', port: 0, checksum: 'none' }],
  ['method: tun, tunnel: gre', ', method: dr', null],
  ['method: dr, tunnel: gre', ', method: tun', { type: 'gre', port: 0, checksum: 'none' }],
  ['method: tun', ', tunnel: {type: gue, port: 6080}', { type: 'gue', port: 6080, checksum: 'none' }],
  ['method: tun', ', tunnel: {type: gue, port: 1, checksum: remote}', { type: 'gue', port: 1, checksum: 'remote' }],
  ['method: tun', ', tunnel: {type: gre, checksum: full}', { type: 'gre', port: 0, checksum: 'full' }],
] as const;
test.each(TUNNELS)('a service {%s} and its real server {%s}', (service, realServer, tunnel) => {
  expect(oneServer(`address: tcp 10.0.0.1:80, ${service}`, `{address: 10.0.0.2${realServer}}`).tunnel).toEqual(tunnel);
});

test('services by firewall mark are told apart by mark and family, and keep the ports of their real servers', () => {
  const { services } = good(`
services:
  - fwmark: 4294967295
    method: nat
    realServers: [{address: 10.0.0.2}, {address: 10.0.0.3:8080}]
  - {fwmark: 7, family: v6, onePacket: true, realServers: [{address: "[2001:db8::2]:53"}]}
`);
  expect(services).toMatchObject([
    { firewallMark: 4294967295, family: 'v4' },
    { firewallMark: 7, family: 'v6', onePacket: true },
  ]);
  expect(services.flatMap(({ realServers }) => realServers.map(({ port }) => port))).toEqual([0, 8080, 53]);
});

test('a service on port 0 passes every port on to its real servers', () => {
  expect(oneServer('address: tcp 10.0.0.1:0, persistence: 60', '{address: 10.0.0.2}').port).toBe(0);
});

test('every scheduler takes the flags that have no name', () => {
  const { services } = good('services: [{address: tcp 10.0.0.1:80, scheduler: rr, schedulerFlags: [flag-1, flag-3]}]');
  expect(services[0]!.schedulerFlags).toEqual(['flag-1', 'flag-3']);
});

test('rules of a classification are read in their order', () => {
  const { classification } = good(`
services: []
classification:
  - { mark: 1, target: 10.0.0.100, protocol: tcp, targetPorts: [80, 8000-8100] }
  - { mark: 2, source: 10.1.2.3/8, interface: eth0 }
  - { mark: 0, source: "2001:db8:ffff::1/32", target: "2001:DB8:0::1", protocol: udp, sourcePorts: 53 }
  - { mark: 3 }
  - { mark: 4, family: v6, source: "::/0" }
`);
  expect(classification).toEqual([
    {
      family: 'v4',
      mark: 1,
      target: '10.0.0.100',
      protocol: 'tcp',
      targetPorts: [
        [80, 80],
        [8000, 8100],
      ],
    },
    { family: 'v4', mark: 2, source: '10.0.0.0/8', interface: 'eth0' },
    { family: 'v6', mark: 0, source: '2001:db8::/32', target: '2001:db8::1', protocol: 'udp', sourcePorts: [[53, 53]] },
    { family: 'v4', mark: 3 },
    { family: 'v6', mark: 3 },
    { family: 'v6', mark: 4, source: '::/0' },
  ]);
});

test('fullnat has addresses in canonical form, ports and switches', () => {
  const { fullnat } = good('services: []\nfullnat: {localAddresses: [10.0.0.5, "2001:DB8:0::5"], ports: 1024-2047, toa: false}');
  expect(fullnat).toEqual({ localAddresses: ['10.0.0.5', '2001:db8::5'], ports: [1024, 2047], toa: false, timestamps: true });
});

test('settings are numbers, pairs, or true and false', () => {
  const { settings } = good('services: []\nsettings: {sloppy_tcp: true, conn_reuse_mode: 0, sync_threshold: [3, 10]}');
  expect(settings).toEqual({ sloppy_tcp: 1, conn_reuse_mode: 0, sync_threshold: [3, 10] });
});

test.each(Object.entries(METHOD_NAMES))('method %s means %s', (name, method) => {
  const { services } = good(
    `services: [{address: tcp 10.0.0.1:80, realServers: [{address: 10.0.0.2, method: ${name}}]}]\nfullnat: {localAddresses: [10.0.0.5]}`,
  );
  expect(services[0]!.realServers[0]!.method).toBe(method);
});

test('a real server with a method of its own does not take that of the service', () => {
  expect(oneServer('address: tcp 10.0.0.1:80, method: nat', '{address: 10.0.0.2, method: dr}').method).toBe('route');
});

test('the same endpoint may be a tcp and a udp service, and the same real server serve both', () => {
  const service = (protocol: string) => `{address: ${protocol} 10.0.0.1:53, realServers: [{address: 10.0.0.2}]}`;
  expect(good(`services: [${service('tcp')}, ${service('udp')}]`).services).toHaveLength(2);
});

test('a list may be written once and used twice, by an anchor of YAML', () => {
  const { services } = good(`
services:
  - address: tcp 10.0.0.1:80
    realServers: &web [{address: 10.0.0.2}, {address: 10.0.0.3}]
  - address: tcp 10.0.0.1:81
    realServers: *web
`);
  expect(services[1]!.realServers.map(({ address, port }) => [address, port])).toEqual([
    ['10.0.0.2', 81],
    ['10.0.0.3', 81],
  ]);
});

test('a configuration is frozen to its leaves', () => {
  const config = good('services: [{address: tcp 10.0.0.1:80, realServers: [{address: 10.0.0.2}]}]');
  const parts: object[] = [
    config,
    config.services,
    config.settings,
    config.services[0]!,
    config.services[0]!.realServers[0]!,
    config.limits,
  ];
  expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
});

test('a file that is not there is one fault with its name', () => {
  const { config, faults } = readConfigFile('/nonexistent/uvs.yaml', SCHEDULERS);
  expect(config).toBeUndefined();
  expect(faults.map(({ code, place }) => [code, place?.file])).toEqual([['CONFIG_UNREADABLE', '/nonexistent/uvs.yaml']]);
});

test('no text makes the reader throw, and there is a configuration exactly when there are no faults', () => {
  const token = fc.constantFrom(
    'services',
    'address',
    'tcp 10.0.0.1:80',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    '{',
    '}',
    ']',
    '&a ',
    '*a',
    '80',
    '"',
    '# ',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(token, { maxLength: 30 }).map((tokens) => tokens.join('')),
  );
  fc.assert(
    fc.property(text, (content) => {
      const { config, faults } = parseConfig(content, 'any.yaml', SCHEDULERS);
      expect(config === undefined).toBe(faults.length > 0);
      for (const { place } of faults) expect(place!.line).toBeGreaterThan(0);
    }),
  );
});

const KEYS = ['services', 'realServers', 'address', 'port', 'limits', 'method', 'schedulerFlags', 'fwmark', 'family'].concat([
  'persistence',
  'netmask',
  'prefix',
  'tunnel',
  'type',
  'classification',
  'mark',
  'source',
  'targetPorts',
  'settings',
]);

test('no structure makes the reader throw', () => {
  const { object } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, -1, 80, 1e300, 'tcp 10.0.0.1:80', '10.0.0.2', 'rr'),
      tie('list'),
      tie('object'),
    ),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(fc.constantFrom(...KEYS), tie('value')),
  }));
  fc.assert(
    fc.property(object, (value) => {
      const { config, faults } = parseConfig(JSON.stringify(value), 'any.yaml', SCHEDULERS);
      expect(config === undefined).toBe(faults.length > 0);
    }),
  );
});
