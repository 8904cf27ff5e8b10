import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/readConfig.ts';
import { labConfig } from '../../src/lab/labConfig.ts';
import { checkLabName, LAB_METHODS, namespaceName, parseNamespaceName } from '../../src/lab/labPlan.ts';
import { formatScript, hostScript, namespaceScripts } from '../../src/lab/labSteps.ts';
import { planLab } from '../../src/lab/topologies.ts';

/** Linux: IFNAMSIZ without the final zero. */
const MAX_INTERFACE_NAME = 15;

describe.each(LAB_METHODS)('the plan of a %s lab', (method) => {
  const plan = planLab('t', method, 32);

  test('gives every address to one host, except that real servers have the VIP on lo when replies do not pass the director', () => {
    const onInterfaces = plan.nodes.flatMap(({ interfaces }) => interfaces.flatMap(({ addresses }) => addresses));
    expect(new Set(onInterfaces).size).toBe(onInterfaces.length);
    const withVirtual = plan.nodes.filter((node) => node.loopbackAddresses.length > 0).map(({ name }) => name);
    expect(withVirtual).toHaveLength(method === 'nat' || method === 'fullnat' ? 0 : 32);
    expect(onInterfaces).toContain(`${plan.virtual.v4}/32`);
  });

  test('gives every interface a MAC address of its own and every port of the switch a name that the kernel takes', () => {
    const interfaces = plan.nodes.flatMap((node) => node.interfaces);
    expect(new Set(interfaces.map(({ mac }) => mac)).size).toBe(interfaces.length);
    const peers = hostScript(plan).lines.flatMap((line) => /peer name (\S+)/.exec(line)?.[1] ?? []);
    expect(new Set(peers).size).toBe(interfaces.length);
    expect(peers.every((peer) => peer.length <= MAX_INTERFACE_NAME)).toBe(true);
  });

  test("the director's kernel forwards nothing", () => {
    expect(plan.director.settings).toContainEqual(['ipv4/ip_forward', '0']);
    expect(plan.director.settings).toContainEqual(['ipv6/conf/all/forwarding', '0']);
  });

  test('has a configuration that the director reads without a fault', () => {
    const { config, faults } = parseConfig(labConfig(plan, 'rr'), 'lab.yaml', { schedulers: ['rr'], schedulerFlags: {} });
    expect(faults).toEqual([]);
    expect(
      config?.services.map((service) => ('address' in service ? `${service.protocol} ${service.address} ${service.port}` : '')),
    ).toEqual(['tcp 10.77.0.100 80', 'udp 10.77.0.100 7', 'tcp fd77::100 80', 'udp fd77::100 7']);
  });

  test('shows its commands as a person would type them', () => {
    const commands = [hostScript(plan), ...namespaceScripts(plan)].flatMap(formatScript);
    expect(commands).toContain('ip netns add uvs-t-director');
    expect(commands).toContain('ip -n uvs-t-client addr add fd77::1/64 dev eth0 nodad');
    expect(commands.every((command) => command.startsWith('ip '))).toBe(true);
  });
});

describe('names', () => {
  test.each(['demo', 'a', 'x9', 'abcdefghijklmnop'])('%s is a lab name', (name) => {
    expect(() => checkLabName(name)).not.toThrow();
    expect(parseNamespaceName(namespaceName(name, 'rs12'))).toEqual({ lab: name, node: 'rs12' });
  });

  test.each(['', 'a-b', 'A', '9a', 'abcdefghijklmnopq', '../x', 'a b'])('"%s" is none', (name) => {
    expect(() => planLab(name, 'dr', 2)).toThrowError(expect.objectContaining({ code: 'USAGE' }));
  });

  test.each(['uvs-a', 'uvs-a-rs', 'uvs-a-b-client', 'other-a-client', 'uvs-a-client2'])('%s is no namespace of ours', (name) => {
    expect(parseNamespaceName(name)).toBeUndefined();
  });

  test.each([0, 33, 1.5, Number.NaN])('%s real servers are refused', (count) => {
    expect(() => planLab('t', 'dr', count)).toThrowError(expect.objectContaining({ code: 'USAGE' }));
  });
});
