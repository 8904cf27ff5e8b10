/** Reads `classification`: rules that give packets a firewall mark, by addresses, protocol, ports and interface. */
import { formatAddress, maskAddress, parseAddress, parsePrefix } from '../base/address.ts';
import { Family, type ServiceProtocol } from '../base/terms.ts';
import { SERVICE_PROTOCOLS } from './endpoints.ts';
import type { FaultList } from './faultList.ts';
import type { ClassificationConfig, PortRangeConfig } from './model.ts';
import { child, describe, type Fields, integer, oneOf, readFields, readList, subtree, text } from './sectionReader.ts';
import type { Located } from './yamlTree.ts';

export const MAX_MARK = 0xffff_ffff;
const MAX_PORT = 65_535;
const FAMILIES = ['v4', 'v6'] as const;
const PREFIX_FORM = 'an address or a prefix such as 10.0.0.0/8';

/** Keys of one rule. */
export const CLASSIFICATION_SHAPE = {
  mark: integer(0, MAX_MARK),
  family: oneOf(FAMILIES).optional(),
  protocol: oneOf(SERVICE_PROTOCOLS).optional(),
  source: text(PREFIX_FORM).optional(),
  target: text(PREFIX_FORM).optional(),
  sourcePorts: subtree(),
  targetPorts: subtree(),
  interface: text('the name of an interface').optional(),
};

type RuleFields = Fields<typeof CLASSIFICATION_SHAPE>;
type Side = 'source' | 'target';

/** One rule for each family that an item is about; of those that could be read. */
export function readClassification(root: Located, faults: FaultList): readonly ClassificationConfig[] {
  return readList(root, 'classification', 'rule', faults).flatMap((node) => readRule(node, faults));
}

function readRule(node: Located, faults: FaultList): readonly ClassificationConfig[] {
  const fields = readFields(node, 'a classification rule', CLASSIFICATION_SHAPE, faults);
  if (fields === undefined) return [];
  const source = readPrefix(fields, 'source', faults);
  const target = readPrefix(fields, 'target', faults);
  const { mark, protocol, interface: name } = fields.values;
  const ports = {
    ...readPorts(node, 'sourcePorts', protocol, faults),
    ...readPorts(node, 'targetPorts', protocol, faults),
  };
  const families = familiesOf(fields, source, target, faults);
  if (mark === undefined) return [];
  const rule = {
    mark,
    ...(protocol === undefined ? {} : { protocol }),
    ...(source === undefined ? {} : { source: source.text }),
    ...(target === undefined ? {} : { target: target.text }),
    ...ports,
    ...(name === undefined ? {} : { interface: name }),
  };
  return families.map((family) => ({ family, ...rule }));
}

interface Prefix {
  readonly family: 'v4' | 'v6';
  readonly text: string;
}

function readPrefix(fields: RuleFields, side: Side, faults: FaultList): Prefix | undefined {
  const written = fields.values[side];
  if (written === undefined) return undefined;
  const address = parseAddress(written);
  const prefix = address === undefined ? parsePrefix(written) : { address, bits: undefined };
  if (prefix === undefined) {
    const message = `${side} must be ${PREFIX_FORM}, not ${JSON.stringify(written)}`;
    faults.add('CONFIG_INVALID', message, fields.placeOf(side));
    return undefined;
  }
  const family = prefix.address.family === Family.v4 ? 'v4' : 'v6';
  const { bits } = prefix;
  return {
    family,
    text: bits === undefined ? formatAddress(prefix.address) : `${formatAddress(maskAddress(prefix.address, bits))}/${bits}`,
  };
}

/** What the addresses say, else the key; a rule that says nothing of it is for both. */
function familiesOf(fields: RuleFields, source: Prefix | undefined, target: Prefix | undefined, faults: FaultList) {
  const { family } = fields.values;
  const given = [source, target].flatMap((prefix) => (prefix === undefined ? [] : [prefix.family]));
  if (source !== undefined && target !== undefined && source.family !== target.family) {
    faults.add('CONFIG_INVALID', 'source and target are of different families', fields.placeOf('target'), 'Write two rules.');
  }
  if (family !== undefined && given.length > 0 && !given.includes(family)) {
    const message = `family ${family} contradicts the address`;
    faults.add('CONFIG_INVALID', message, fields.placeOf('family'), 'Leave it out: the address says it.');
  }
  if (given.length > 0) return given.slice(0, 1);
  return family === undefined ? FAMILIES : [family];
}

/** A port, a range such as `8000-8100`, or a list of these. */
function readPorts(
  rule: Located,
  key: 'sourcePorts' | 'targetPorts',
  protocol: ServiceProtocol | undefined,
  faults: FaultList,
): { readonly [Key in typeof key]?: readonly PortRangeConfig[] } {
  const node = child(rule, key);
  if (node === undefined) return {};
  if (protocol === undefined && child(rule, 'protocol') === undefined) {
    faults.add('CONFIG_INVALID', `${key} need a protocol`, node.place, `Add protocol: ${SERVICE_PROTOCOLS.join(', ')}.`);
  }
  const items = node.kind === 'list' ? node.items : [node];
  const ranges = items.flatMap((item) => readRange(item, key, faults));
  if (node.kind === 'list' && items.length === 0)
    faults.add('CONFIG_INVALID', `${key} is an empty list`, node.place, 'Leave it out.');
  return ranges.length === 0 ? {} : { [key]: ranges };
}

function readRange(node: Located, key: string, faults: FaultList): readonly PortRangeConfig[] {
  const match = node.kind === 'scalar' ? /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(node.value)) : null;
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match !== null && first <= last && last <= MAX_PORT) return [[first, last]];
  const message = `${key} must be a port from 0 to ${MAX_PORT}, a range such as 8000-8100, or a list of these, not ${describe(node)}`;
  faults.add('CONFIG_INVALID', message, node.place);
  return [];
}
