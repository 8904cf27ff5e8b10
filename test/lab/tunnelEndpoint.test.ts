import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { address, formatAddress } from '../../src/base/address.ts';
import { NONE, Protocol } from '../../src/base/terms.ts';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { GUE_PORT, type LabPlan } from '../../src/lab/labPlan.ts';
import { startScript } from '../../src/lab/labProcess.ts';
import { runIp } from '../../src/lab/namespaces.ts';
import { readPacket, type SimulatedPacket, writeFrame } from '../../src/lab/simulationPacket.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { innerPacketAt, isTunnelPacket } from '../../src/lab/tunnelPacket.ts';
import { Flow, parseIp } from '../../src/packet/flow.ts';
import { DirectorRig } from '../support/directorRig.ts';
import { labName, mustSkip } from './endToEndRig.ts';

const MAC = { high: 0x0277, low: 1 };
const ETHERNET_BYTES = 14;

const INNER: SimulatedPacket = {
  source: address('10.77.0.1'),
  target: address('10.77.0.100'),
  hopLimit: 63,
  protocol: Protocol.udp,
  sourcePort: 40_000,
  targetPort: 7,
  flags: 0,
  sequence: 0,
  acknowledgement: 0,
  payload: new TextEncoder().encode('uvs 1'),
};
const INNER_V6: SimulatedPacket = { ...INNER, source: address('fd77::1'), target: address('fd77::100') };

/** The IP packet without link header. */
function packetBytes(packet: SimulatedPacket): Uint8Array {
  const buffer = new ArrayBuffer(1600);
  const bytes = writeFrame(new DataView(buffer), 0, packet, MAC, MAC);
  return new Uint8Array(buffer, ETHERNET_BYTES, bytes - ETHERNET_BYTES);
}

function wrap(payload: Uint8Array, protocol: number, outer: 'v4' | 'v6'): Uint8Array {
  const [source, target] = outer === 'v4' ? ['10.77.0.2', '10.77.2.11'] : ['fd77::2', 'fd77:0:0:2::11'];
  return packetBytes({ ...INNER, source: address(source), target: address(target), protocol, payload });
}

/** The packet as a director sends it into a tunnel of that kind: one hop older. */
function encapsulated(
  type: 'gre' | 'gue',
  sum: 'none' | 'full',
  inner: SimulatedPacket,
  outer: 'v4' | 'v6',
  port = GUE_PORT,
): Uint8Array {
  const rig = new DirectorRig();
  const address = outer === 'v4' ? '10.0.1.2' : '2001:db8:1::2';
  const tunnel = { type, port: type === 'gue' ? port : 0, checksum: sum };
  rig.service('udp', formatAddress(inner.target), inner.targetPort, [{ address, port: 7, method: 'tunnel', tunnel }]);
  const buffer = new ArrayBuffer(1600);
  const bytes = writeFrame(new DataView(buffer), 0, inner, MAC, MAC);
  const [out] = rig.send('client', new Uint8Array(buffer, 0, bytes));
  return out!.frame.slice(ETHERNET_BYTES);
}

function unwrap(bytes: Uint8Array): SimulatedPacket | undefined {
  const v = new DataView(bytes.slice().buffer);
  const flow = new Flow();
  if (!isTunnelPacket(parseIp(v, 0, bytes.length, flow), flow)) return undefined;
  const at = innerPacketAt(v, flow);
  return at === NONE ? undefined : readPacket(v, at, flow.end - at);
}

describe('what is inside a tunnel packet', () => {
  test.each([
    ['IPv4 in IPv4', INNER, Protocol.ipip, 'v4'],
    ['IPv6 in IPv4', INNER_V6, Protocol.ipv6, 'v4'],
    ['IPv4 in IPv6', INNER, Protocol.ipip, 'v6'],
    ['IPv6 in IPv6', INNER_V6, Protocol.ipv6, 'v6'],
  ] as const)('%s comes out as it went in', (_name, inner, protocol, outer) => {
    expect(unwrap(wrap(packetBytes(inner), protocol, outer))).toEqual(inner);
  });

  test.each(
    (['v4', 'v6'] as const).flatMap((outer) =>
      ([INNER, INNER_V6] as const).flatMap((inner) =>
        (['none', 'full'] as const).flatMap((sum) => (['gre', 'gue'] as const).map((type) => ({ type, sum, inner, outer }))),
      ),
    ),
  )(
    '$type with checksum $sum over IP$outer: comes out as it went in, and not at all when damaged',
    ({ type, sum, inner, outer }) => {
      const bytes = encapsulated(type, sum, inner, outer);
      expect(unwrap(bytes)).toEqual({ ...inner, hopLimit: inner.hopLimit - 1 });
      if (sum === 'none') return;
      bytes[bytes.length - 1]! ^= 1;
      expect(unwrap(bytes)).toBeUndefined();
    },
  );

  test('GUE to another port is the host’s', () => {
    const bytes = encapsulated('gue', 'none', INNER, 'v4', 6081);
    const flow = new Flow();
    const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    expect(isTunnelPacket(parseIp(v, 0, bytes.length, flow), flow)).toBe(false);
  });

  test.each([
    ['a packet that is no tunnel', packetBytes(INNER)],
    ['a protocol number that does not fit what is inside', wrap(packetBytes(INNER_V6), Protocol.ipip, 'v4')],
    ['an empty tunnel packet', wrap(new Uint8Array(), Protocol.ipip, 'v4')],
    ['GRE without a header of its own', wrap(packetBytes(INNER), Protocol.gre, 'v4')],
    ['nothing', new Uint8Array()],
  ])('%s holds none', (_name, bytes) => {
    expect(unwrap(bytes)).toBeUndefined();
  });

  test('a piece of a tunnel packet holds none', () => {
    const bytes = wrap(packetBytes(INNER), Protocol.ipip, 'v4');
    const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // More fragments; the checksum of the header loses as much as the word gains (RFC 1624), DF gone.
    v.setUint16(6, 0x2000);
    v.setUint16(10, v.getUint16(10) + 0x2000);
    expect(unwrap(bytes)).toBeUndefined();
  });

  test('no bytes make it throw or point outside', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        const flow = new Flow();
        const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const at = isTunnelPacket(parseIp(v, 0, bytes.length, flow), flow) ? innerPacketAt(v, flow) : NONE;
        expect(at === NONE || (at > 0 && at < flow.end && flow.end <= bytes.length)).toBe(true);
      }),
    );
  });
});

describe.skipIf(mustSkip())('the endpoint in a real server', () => {
  const LAB = labName('tunend');
  let plan: LabPlan;

  beforeAll(async () => {
    plan = planLab(LAB, 'tun', 1);
    await labUp(plan);
  });
  afterAll(() => labDown(LAB));

  test('has a device and routes while it runs, and leaves none behind', async () => {
    const { namespace } = plan.realServers[0]!;
    const endpoint = await startScript(namespace, 'tunnelEndpoint', []);
    expect(await runIp(['-n', namespace, 'route', 'show', 'table', '100'])).toContain('default dev uvstun0');
    expect(await runIp(['-n', namespace, '-6', 'route', 'show', 'table', '100'])).toContain('default dev uvstun0');
    await endpoint.stop();
    expect(await endpoint.ended).toBe(0);
    expect(await runIp(['-n', namespace, '-br', 'link'])).not.toContain('uvstun0');
    expect(await runIp(['-n', namespace, 'route', 'show', 'table', 'all'])).not.toContain('uvstun0');
  });

  test('starts again after it was killed', async () => {
    const { namespace } = plan.realServers[0]!;
    const endpoint = await startScript(namespace, 'tunnelEndpoint', []);
    process.kill(endpoint.pid, 'SIGKILL');
    expect(await endpoint.ended).toBe('SIGKILL');
    const again = await startScript(namespace, 'tunnelEndpoint', []);
    await again.stop();
  });
});
