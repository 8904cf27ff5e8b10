/** Services by firewall mark: rules of every width bring their packets up, and the host keeps the rest. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST_PORT, labName, mustSkip } from './endToEndRig.ts';
import { openServiceLab, type PlainConfig, type ServiceLab } from './serviceRig.ts';

/** Nobody listens there. */
const SILENT_PORT = 4444;
const ALTERNATING = /^(rs1 rs2 rs1 rs2|rs2 rs1 rs2 rs1)$/;
const SETUPS = (['packet', 'xdp'] as const).flatMap((io) => (['dr', 'nat'] as const).map((method) => ({ io, method })));
const skip = mustSkip();

/** What is left of a rule for one service: `mark` and the given keys of target, protocol, targetPorts. */
function narrowed(keys: readonly string[], more: object = {}): (config: PlainConfig) => void {
  return (config) => {
    config.classification = (config.classification ?? []).map((rule) => ({
      ...Object.fromEntries(Object.entries(rule).filter(([key]) => key === 'mark' || keys.includes(key))),
      ...more,
    }));
  };
}

const RULES = [
  // name                          the rules
  ['an address and a port', narrowed(['target', 'protocol', 'targetPorts'])],
  ['any address, by protocol and port', narrowed(['protocol', 'targetPorts'])],
  ['the interface, by protocol and port', narrowed(['protocol', 'targetPorts'], { interface: 'eth0' })],
  ['the client, by protocol and port', narrowed(['protocol', 'targetPorts'], { source: '10.77.0.0/24' })],
  ['a prefix, by protocol and port', narrowed(['protocol', 'targetPorts'], { target: '10.77.0.96/28' })],
] as const;

describe.skipIf(skip).each(SETUPS)('services by mark, method $method by $io', ({ io, method }) => {
  let lab: ServiceLab;

  beforeAll(async () => {
    lab = await openServiceLab(labName('mk'), method, 2, io);
  });
  afterAll(() => lab?.close());

  test.each(RULES)('that name %s', async (_name, rules) => {
    await lab.configure('rr', { byMark: true }, rules);
    const { directorAddress, virtual } = lab.plan;
    const [http, echo, ...host] = await Promise.all([
      lab.ask({ count: 4 }),
      lab.ask({ count: 4, udp: true }),
      lab.ask({ count: 1, address: directorAddress.v4, port: HOST_PORT }),
      lab.ask({ count: 1, address: virtual.v4, port: HOST_PORT, udp: true }),
      lab.ask({ count: 1, address: virtual.v4, port: SILENT_PORT }),
    ]);
    expect([http?.join(' '), echo?.join(' ')]).toEqual([expect.stringMatching(ALTERNATING), expect.stringMatching(ALTERNATING)]);
    expect(host.flat()).toEqual(['director', 'director', 'ECONNREFUSED']);
  });

  test('of IPv6 are others than those of IPv4', async () => {
    await lab.configure('rr', { byMark: true });
    expect((await lab.ask({ count: 4, family: 'v6' })).join(' ')).toMatch(ALTERNATING);
    await lab.configure('rr', { byMark: true }, (config) => {
      config.classification = (config.classification ?? []).filter(
        (rule) => !String((rule as { target?: string }).target).includes(':'),
      );
    });
    expect(await lab.ask({ count: 1, family: 'v6' })).toEqual(['ECONNREFUSED']);
    expect((await lab.ask({ count: 4 })).join(' ')).toMatch(ALTERNATING);
  });
});

describe.skipIf(skip)('a real server that is the director itself', () => {
  let lab: ServiceLab;

  beforeAll(async () => {
    lab = await openServiceLab(labName('local'), 'dr', 1, 'packet');
  });
  afterAll(() => lab?.close());

  test('gets its share, unchanged, by the host', async () => {
    // A service where the host's own server listens; rs1 has nobody there.
    await lab.configure('rr', {}, (config) => {
      const [service] = config.services;
      const realServers = [{ address: lab.plan.directorAddress.v4 }];
      config.services = [service!, { ...service, address: `tcp ${lab.plan.virtual.v4}:${HOST_PORT}`, realServers }];
    });
    expect(await lab.ask({ count: 3, port: HOST_PORT })).toEqual(['director', 'director', 'director']);
    const { services } = await lab.director.status();
    const local = services.find(({ key }) => 'port' in key && key.port === HOST_PORT)?.destinations[0];
    expect(local).toMatchObject({ nextHop: 'local', traffic: { connections: 3 } });
  });
});
