import { describe, expect, test } from 'vitest';
import { LAB_METHODS, type LabMethod } from '../../src/lab/labPlan.ts';
import { Simulation } from '../../src/lab/simulation.ts';
import { planLab } from '../../src/lab/topologies.ts';

function simulation(method: LabMethod, { scheduler = 'rr', realServers = 2, seed = 7 } = {}): Simulation {
  return new Simulation(planLab('sim', method, realServers), { scheduler, seed });
}

function answers(of: Simulation, count: number, request: Parameters<Simulation['request']>[0] = {}): (string | null)[] {
  return Array.from({ length: count }, () => of.request(request).server);
}

const PATHS = LAB_METHODS.flatMap((method) =>
  (['v4', 'v6'] as const).flatMap((family) => [
    { method, family, udp: false },
    { method, family, udp: true },
  ]),
);

describe('round robin over two real servers', () => {
  test.each(PATHS)('requests alternate: method $method, IP$family, UDP $udp', ({ method, family, udp }) => {
    const sim = simulation(method);
    const [first, second, ...rest] = answers(sim, 6, { family, udp });
    expect(new Set([first, second])).toEqual(new Set(['rs1', 'rs2']));
    expect(rest).toEqual([first, second, first, second]);
  });

  test('each service has a turn of its own', () => {
    const sim = simulation('dr');
    const first = sim.request({ udp: false }).server;
    expect(sim.request({ udp: true }).server).toBe(first);
    expect(sim.request({ family: 'v6' }).server).toBe(first);
    expect(sim.request({ udp: false }).server).not.toBe(first);
  });
});

const STATES = [
  // A director in direct routing or tunnelling sees only the client's half of a connection.
  { method: 'dr', state: 'FIN_WAIT', inPackets: 4, outPackets: 0 },
  { method: 'tun', state: 'FIN_WAIT', inPackets: 4, outPackets: 0 },
  // SYN, ACK, request, FIN in; SYN+ACK, answer with FIN, ACK out.
  { method: 'nat', state: 'TIME_WAIT', inPackets: 4, outPackets: 3 },
] as const;

describe.each(STATES)('after one HTTP request, method $method', ({ method, state, inPackets, outPackets }) => {
  test(`the connection is in ${state}, inactive, and its packets are counted`, () => {
    const sim = simulation(method);
    const { server } = sim.request();
    const status = sim.status(10);
    expect(status.connections.list.map((each) => each.state)).toEqual([state]);
    expect(status.connections.list[0]).toMatchObject({ protocol: 'TCP', virtual: '10.77.0.100:80' });
    expect(status.traffic).toMatchObject({ connections: 1, inPackets, outPackets });
    const used = status.services.flatMap(({ destinations }) => destinations).filter(({ traffic }) => traffic.connections > 0);
    expect(used).toHaveLength(1);
    expect(used[0]).toMatchObject({ activeConnections: 0, inactiveConnections: 1 });
    expect(used[0]?.key.address.endsWith(server === 'rs1' ? '.11' : '.12')).toBe(true);
  });

  test('no frame is dropped or left over: each one received is transmitted', () => {
    const sim = simulation(method);
    sim.request();
    expect(sim.status().counters).toEqual({
      received: inPackets + outPackets,
      transmitted: inPackets + outPackets,
      connectionsCreated: 1,
    });
  });

  test('the connection is gone two minutes later, and not before', () => {
    const sim = simulation(method);
    sim.request();
    sim.wait(119_000);
    expect(sim.status().connections.count).toBe(1);
    sim.wait(2_000);
    expect(sim.status().connections.count).toBe(0);
    expect(sim.status().services.flatMap((each) => each.destinations.map((d) => d.inactiveConnections))).toEqual(
      new Array(8).fill(0),
    );
  });
});

describe('one seed, one history', () => {
  const history = (seed: number) => {
    const sim = simulation('nat', { scheduler: 'wlc', realServers: 3, seed });
    for (let i = 0; i < 5; i++) sim.request({ udp: i % 2 === 1, family: i < 3 ? 'v4' : 'v6' });
    return { trace: sim.trace, status: sim.status(100) };
  };

  test('the same seed gives the same frames at the same times and the same tables', () => {
    const [one, other] = [history(11), history(11)];
    expect(one.trace.length).toBeGreaterThan(20);
    expect(other).toEqual(one);
  });

  test('another seed gives other source ports', () => {
    expect(history(11).trace).not.toEqual(history(12).trace);
  });
});

describe('what hosts see', () => {
  test('a NAT real server is addressed by its own address and port, the client hears the virtual one', () => {
    const sim = simulation('nat');
    sim.request();
    const [syn, synAck] = sim.trace;
    expect(syn).toMatch(/^\d+ rs\d: 10\.77\.0\.1:\d+ > 10\.77\.1\.1[12]:8080 tcp S 0$/);
    expect(synAck).toMatch(/^\d+ client: 10\.77\.0\.100:80 > 10\.77\.0\.1:\d+ tcp SA 0$/);
  });

  test('a tunnel packet goes from the director to the real server by the router, the reply straight to the client', () => {
    const sim = simulation('tun');
    sim.request({ udp: true });
    expect(
      sim.trace.map((line) =>
        line
          .replace(/^\d+ /, '')
          .replace(/rs\d/, 'rs')
          .replace(/:\d{5}/, ':PORT'),
      ),
    ).toEqual([
      'router: 10.77.0.2 > 10.77.2.12 protocol 4 33',
      'rs: 10.77.0.2 > 10.77.2.12 protocol 4 33',
      'router: 10.77.0.100:7 > 10.77.0.1:PORT udp 9',
      'client: 10.77.0.100:7 > 10.77.0.1:PORT udp 9',
    ]);
  });

  test('a director in direct routing never sees the reply', () => {
    const sim = simulation('dr');
    sim.request();
    expect(sim.status().ports[0]?.counters).toMatchObject({ received: 4, transmitted: 4 });
  });
});

test('an unknown scheduler is told with its code', () => {
  expect(() => simulation('dr', { scheduler: 'rrr' })).toThrowError(expect.objectContaining({ code: 'SCHEDULER_UNKNOWN' }));
});
