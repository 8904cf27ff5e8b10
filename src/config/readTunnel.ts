/** Reads `tunnel`, of a service (for its real servers) or of one real server: a type alone, or a section. */
import type { FaultList } from './faultList.ts';
import type { TunnelConfig } from './model.ts';
import { describe, type Fields, hintAtName, integer, oneOf, readFields } from './sectionReader.ts';
import type { Located } from './yamlTree.ts';

const TYPES = ['ipip', 'gue', 'gre'] as const;
const CHECKSUMS = ['none', 'full', 'remote'] as const;

/** Keys of `tunnel`, when it is a section. */
export const TUNNEL_SHAPE = {
  type: oneOf(TYPES).default('ipip'),
  port: integer(1, 65535).optional(),
  checksum: oneOf(CHECKSUMS).default('none'),
};

/** @returns null when nothing is given, or nothing that is right */
export function readTunnel(node: Located | undefined, faults: FaultList): TunnelConfig | null {
  if (node === undefined) return null;
  if (node.kind === 'scalar') {
    const type = TYPES.find((each) => each === node.value);
    if (type === undefined) reportType(node, faults);
    else if (type === 'gue') reportMissingPort(node, faults);
    return type === undefined ? null : { type, port: 0, checksum: 'none' };
  }
  const fields = readFields(node, 'tunnel', TUNNEL_SHAPE, faults);
  if (fields === undefined) return null;
  const { type, port = 0, checksum } = fields.values;
  if (type === undefined || checksum === undefined) return null;
  if (type === 'gue' && !fields.isGiven('port')) reportMissingPort(node, faults);
  if (type !== 'gue' && fields.isGiven('port')) {
    faults.add('CONFIG_INVALID', `a tunnel of type ${type} has no port`, fields.placeOf('port'), 'Remove it: only gue has one.');
  }
  checkChecksum(fields, type, checksum, faults);
  return { type, port, checksum };
}

function checkChecksum(
  fields: Fields<typeof TUNNEL_SHAPE>,
  type: TunnelConfig['type'],
  checksum: TunnelConfig['checksum'],
  faults: FaultList,
): void {
  if (checksum === 'none' || type === 'gue' || (type === 'gre' && checksum === 'full')) return;
  const message = `a tunnel of type ${type} has no checksum "${checksum}"`;
  const hint = type === 'gre' ? 'Write none or full.' : 'Remove it: only gue and gre have one.';
  faults.add('CONFIG_INVALID', message, fields.placeOf('checksum'), hint);
}

function reportType(node: Located, faults: FaultList): void {
  const message = `tunnel must be one of ${TYPES.join(', ')}, or a section with type, port and checksum, not ${describe(node)}`;
  faults.add('CONFIG_INVALID', message, node.place, hintAtName(node, TYPES));
}

function reportMissingPort(node: Located, faults: FaultList): void {
  faults.add('CONFIG_INVALID', 'a tunnel of type gue needs a port', node.place, 'Write tunnel: {type: gue, port: 6080}.');
}
