/**
 * A plan as commands: first one batch of `ip` on the host (namespaces, links), then one script inside each namespace. Two
 * processes per namespace in all, so a lab is up in a few tenths of a second.
 */
import type { LabNode, LabPlan } from './labPlan.ts';

/** The commands of one namespace, or of the host. */
export interface LabScript {
  /** null = the host. */
  readonly namespace: string | null;
  /** Kernel settings, written before the `ip` lines. */
  readonly settings: readonly (readonly [path: string, value: string])[];
  /** Lines for `ip -batch`, then lines for `ip -6 -batch`: in a batch the family cannot be an option of one line. */
  readonly lines: readonly string[];
  readonly v6Lines: readonly string[];
}

/** Namespaces and the veth pairs between hosts and bridges. Runs first. */
export function hostScript(plan: LabPlan): LabScript {
  const namespaces = [plan.switchNamespace, ...plan.nodes.map((node) => node.namespace)];
  const links = plan.nodes.flatMap((node) =>
    node.interfaces.map(({ name, network, mac }) => {
      const peer = `peer name ${switchPort(node, network)} netns ${plan.switchNamespace}`;
      return `link add name ${name} address ${mac} netns ${node.namespace} type veth ${peer}`;
    }),
  );
  return { namespace: null, settings: [], lines: [...namespaces.map((name) => `netns add ${name}`), ...links], v6Lines: [] };
}

/** One script per namespace; they do not depend on each other's order. */
export function namespaceScripts(plan: LabPlan): LabScript[] {
  return [switchScript(plan), ...plan.nodes.map(nodeScript)];
}

/** The commands as a person would type them. */
export function formatScript({ namespace, settings, lines, v6Lines }: LabScript): string[] {
  const inside = namespace === null ? 'ip' : `ip -n ${namespace}`;
  return [
    ...settings.map(([path, value]) => `ip netns exec ${namespace} sh -c 'echo ${value} > /proc/sys/net/${path}'`),
    ...lines.map((line) => `${inside} ${line}`),
    ...v6Lines.map((line) => `${inside} -6 ${line}`),
  ];
}

/** The text of a shell script that does the same, to be run inside the namespace. It ends at the first failure. */
export function shellText({ settings, lines, v6Lines }: LabScript): string {
  const writes = settings.map(([path, value]) => `echo ${value} > /proc/sys/net/${path}`);
  return ['set -e', ...writes, ...batch('ip', lines), ...batch('ip -6', v6Lines), ''].join('\n');
}

function batch(command: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${command} -batch - <<'END'`, ...lines, 'END'];
}

function switchScript(plan: LabPlan): LabScript {
  const bridges = plan.networks.flatMap((network) => [
    // Without snooping a bridge floods IPv6 neighbour solicitations from the first one on.
    `link add name ${network} type bridge forward_delay 0 mcast_snooping 0`,
    `link set ${network} up`,
  ]);
  const ports = plan.nodes.flatMap((node) =>
    node.interfaces.map(({ network }) => `link set ${switchPort(node, network)} master ${network} up`),
  );
  const settings = ['all', 'default'].map((scope) => [`ipv6/conf/${scope}/disable_ipv6`, '1'] as const);
  return { namespace: plan.switchNamespace, settings, lines: [...bridges, ...ports], v6Lines: [] };
}

function nodeScript(node: LabNode): LabScript {
  const scopes = ['all', 'default', ...node.interfaces.map(({ name }) => name)];
  const perInterface = scopes.flatMap((scope) => [
    // Replies of real servers take other ways than requests: no check of source addresses.
    [`ipv4/conf/${scope}/rp_filter`, '0'] as const,
    // Addresses work at once, and nobody outside the plan makes more.
    [`ipv6/conf/${scope}/disable_ipv6`, '0'] as const,
    [`ipv6/conf/${scope}/accept_dad`, '0'] as const,
    [`ipv6/conf/${scope}/accept_ra`, '0'] as const,
  ]);
  const lines = [
    'link set lo up',
    ...node.loopbackAddresses.map((address) => addressLine(address, 'lo')),
    ...node.interfaces.flatMap(({ name, addresses }) => [
      ...addresses.map((address) => addressLine(address, name)),
      `link set ${name} up`,
    ]),
    ...node.routes.v4.map((route) => `route add ${route}`),
    ...ruleLines(node.rules.v4),
  ];
  const v6Lines = [...node.routes.v6.map((route) => `route add ${route}`), ...ruleLines(node.rules.v6)];
  return { namespace: node.namespace, settings: [...node.settings, ...perInterface], lines, v6Lines };
}

function addressLine(address: string, device: string): string {
  return `addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`;
}

function ruleLines(rules: readonly string[]): string[] {
  if (rules.length === 0) return [];
  return ['rule add pref 20 lookup local', ...rules.map((rule) => `rule add ${rule}`), 'rule del pref 0'];
}

function switchPort(node: LabNode, network: string): string {
  return `${node.name}-${network}`;
}
