import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig, readConfigFile } from '../../src/config/readConfig.ts';
import { METHOD_NAMES } from '../../src/config/readServices.ts';

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
    timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
    limits: { connections: 65_536, services: 1024, destinations: 8192 },
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
      realServers: [{ address: '10.0.0.2', port: 80, method: 'route', weight: 1, upperThreshold: 0, lowerThreshold: 0 }],
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
    { address: '10.0.0.2', port: 53, method: 'tunnel', weight: 0, upperThreshold: 7, lowerThreshold: 3 },
    { address: '2001:db8::2', port: 53, method: 'tunnel', weight: 1, upperThreshold: 0, lowerThreshold: 0 },
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

test.each(Object.entries(METHOD_NAMES))('method %s means %s', (name, method) => {
  expect(oneServer('address: tcp 10.0.0.1:80', `{address: 10.0.0.2, method: ${name}}`).method).toBe(method);
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
  const parts: object[] = [config, config.services, config.services[0]!, config.services[0]!.realServers[0]!, config.limits];
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

test('no structure makes the reader throw', () => {
  const { object } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, -1, 80, 1e300, 'tcp 10.0.0.1:80', '10.0.0.2', 'rr'),
      tie('list'),
      tie('object'),
    ),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(
      fc.constantFrom('services', 'realServers', 'address', 'port', 'limits', 'method', 'schedulerFlags'),
      tie('value'),
    ),
  }));
  fc.assert(
    fc.property(object, (value) => {
      const { config, faults } = parseConfig(JSON.stringify(value), 'any.yaml', SCHEDULERS);
      expect(config === undefined).toBe(faults.length > 0);
    }),
  );
});
