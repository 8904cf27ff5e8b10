/** A persistent client stays on its real server across the events that were recorded of the kernel (test/golden/ipvs, E_persist). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeSettings } from '../../src/api/statusClient.ts';
import { runIp } from '../../src/lab/namespaces.ts';
import { labName, mustSkip } from './endToEndRig.ts';
import { openServiceLab, type PlainConfig, type ServiceLab } from './serviceRig.ts';

const PERSISTENT = { persistenceSeconds: 60 } as const;
/** Addresses of the clients of round `round`: what the table remembers of earlier ones, also of a service that is gone, is not theirs. */
const clientsOf = (round: number) => Array.from({ length: 6 }, (_, i) => `10.77.0.${21 + 6 * round + i}`);
const ROUNDS = 6;
const SETTINGS = [
  [0, { expire_nodest_conn: 0, expire_quiescent_template: 0 }],
  [1, { expire_nodest_conn: 0, expire_quiescent_template: 1 }],
  [2, { expire_nodest_conn: 1, expire_quiescent_template: 0 }],
  [3, { expire_nodest_conn: 1, expire_quiescent_template: 1 }],
] as const;
const skip = mustSkip();

/** What `change` does to the real server `name` of every service, named rs1 to rs3 by its place. */
function toServer(name: string, change: (servers: PlainConfig['services'][number]['realServers'], at: number) => void) {
  return (config: PlainConfig) => {
    for (const { realServers } of config.services) change(realServers, Number(name.slice(2)) - 1);
  };
}
const quiesced = (name: string) => toServer(name, (servers, at) => Object.assign(servers[at]!, { weight: 0 }));
const removed = (name: string) => toServer(name, (servers, at) => servers.splice(at, 1));

describe.skipIf(skip).each(['dr', 'nat'] as const)('a persistent service by method %s', (method) => {
  let lab: ServiceLab;
  /** Which server answers each of the six clients, asked in turn and twice. */
  const serversOf = async (clients: readonly string[]): Promise<string[]> => {
    const answers = await lab.ask({ count: 2 * clients.length, from: clients });
    expect(answers.slice(clients.length)).toEqual(answers.slice(0, clients.length));
    return answers.slice(0, clients.length);
  };

  beforeAll(async () => {
    lab = await openServiceLab(labName(`ps${method}`), method, 3, 'packet');
    const clients = Array.from({ length: ROUNDS }, (_, round) => clientsOf(round)).flat();
    for (const client of clients) await runIp(['-n', lab.plan.client.namespace, 'address', 'add', `${client}/24`, 'dev', 'eth0']);
  });
  afterAll(() => lab?.close());

  test.each(SETTINGS)('keeps its clients on their servers, round %i with %j', async (round, settings) => {
    const servers = () => serversOf(clientsOf(round));
    await lab.configure('rr', PERSISTENT);
    await changeSettings(lab.director.socket, settings);
    const first = await servers();
    expect(new Set(first)).toEqual(new Set(['rs1', 'rs2', 'rs3']));

    const keeps = async (change: (config: PlainConfig) => void, lost: string) => {
      await lab.configure('rr', PERSISTENT, (config) => {
        change(config);
        config.settings = settings;
      });
      const now = await servers();
      expect(now).not.toContain(lost);
      for (const [i, before] of first.entries()) if (before !== 'rs2') expect(now[i]).toBe(before);
      return now;
    };
    if (settings.expire_quiescent_template === 0) {
      await lab.configure('rr', PERSISTENT, (config) => {
        quiesced('rs2')(config);
        config.settings = settings;
      });
      expect(await servers()).toEqual(first);
    } else await keeps(quiesced('rs2'), 'rs2');

    const without = await keeps(removed('rs2'), 'rs2');
    // It comes back, but the clients have another server by now.
    await lab.configure('rr', PERSISTENT, (config) => {
      config.settings = settings;
    });
    expect(await servers()).toEqual(without);
  });

  test('counts clients apart from connections', async () => {
    const { services } = await lab.director.status();
    const http = services.find(
      ({ key }) => 'port' in key && key.port === lab.plan.ports.virtualHttp && key.address === lab.plan.virtual.v4,
    );
    const clients = http?.destinations.reduce((sum, { persistentClients }) => sum + persistentClients, 0);
    expect(clients).toBeGreaterThanOrEqual(clientsOf(0).length);
  });

  test('takes the clients of a network for one', async () => {
    await lab.configure('rr', PERSISTENT, (config) => {
      for (const service of config.services)
        if (String(service['address']).includes('10.77.')) service['persistence'] = { netmask: '255.255.255.0' };
    });
    expect(new Set(await serversOf(clientsOf(5))).size).toBe(1);
  });

  test.each(['v4', 'v6'] as const)('by mark sends HTTP and echo of one client to one server: IP%s', async (family) => {
    await lab.configure('rr', { ...PERSISTENT, byMark: true }, (config) => {
      // One mark and one service for both ports; their real servers keep the ports.
      const realServers = lab.plan.realServers.map(({ address }) => ({ address: address[family] }));
      const of = (protocol: string, port: number) => ({ mark: 9, target: lab.plan.virtual[family], protocol, targetPorts: port });
      const { method: by, persistence } = config.services[0]!;
      config.services = [{ fwmark: 9, family, scheduler: 'rr', method: by, persistence, realServers }];
      config.classification = [of('tcp', lab.plan.ports.realHttp), of('udp', lab.plan.ports.realEcho)];
    });
    const http = await lab.ask({ count: 3, family, port: lab.plan.ports.realHttp });
    const echo = await lab.ask({ count: 3, family, udp: true, port: lab.plan.ports.realEcho });
    expect(new Set([...http, ...echo])).toEqual(new Set([http[0]]));
    expect(http[0]).toMatch(/^rs\d$/);
  });

  test('on port 0 takes every port of the address that nothing else has', async () => {
    await lab.configure('rr', PERSISTENT, (config) => {
      const realServers = lab.plan.realServers.map(({ address }) => ({ address: address.v4 }));
      const { method: by, persistence } = config.services[0]!;
      config.services = [{ address: `tcp ${lab.plan.virtual.v4}:0`, scheduler: 'rr', method: by, persistence, realServers }];
    });
    const answers = await lab.ask({ count: 3, port: lab.plan.ports.realHttp });
    expect(answers).toEqual([answers[0], answers[0], answers[0]]);
    expect(answers[0]).toMatch(/^rs\d$/);
    // Nobody listens there, on the real server; the host's own server on that port is hidden.
    expect(await lab.ask({ count: 1, port: 2222 })).toEqual(['ECONNREFUSED']);
  });
});
