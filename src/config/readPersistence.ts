/** Reads the `persistence` of a service: seconds alone, or a section that also says which clients count as one. */
import { formatAddress, parseAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import type { FaultList } from './faultList.ts';
import type { PersistenceConfig } from './model.ts';
import { describe, type Fields, integer, readFields, text } from './sectionReader.ts';
import type { Located } from './yamlTree.ts';

const MAX_SECONDS = 31 * 24 * 3600;
/** As ipvsadm has it for -p without a value. */
const DEFAULT_SECONDS = 360;
const FORM = `an integer from 1 to ${MAX_SECONDS} (seconds) or a section with timeout and netmask`;

/** Keys of `persistence`, when it is a section. */
export const PERSISTENCE_SHAPE = {
  timeout: integer(1, MAX_SECONDS).default(DEFAULT_SECONDS),
  netmask: text('an IPv4 mask such as 255.255.255.0').optional(),
  prefix: integer(0, 128).optional(),
};

/** @param family of the service, undefined when that is faulty @returns null when nothing is given, or nothing that is right */
export function readPersistence(
  node: Located | undefined,
  family: Family | undefined,
  faults: FaultList,
): PersistenceConfig | null {
  if (node === undefined) return null;
  const whole = family === Family.v6 ? 128 : 32;
  if (node.kind !== 'section') {
    const { value } = node.kind === 'scalar' ? node : { value: null };
    if (PERSISTENCE_SHAPE.timeout.safeParse(value).success) return { timeoutSeconds: Number(value), prefix: whole, mask: null };
    faults.add('CONFIG_INVALID', `persistence must be ${FORM}, not ${describe(node)}`, node.place);
    return null;
  }
  const fields = readFields(node, 'persistence', PERSISTENCE_SHAPE, faults);
  if (fields === undefined || family === undefined) return null;
  const { timeout, netmask, prefix = whole } = fields.values;
  checkMask(fields, family, faults);
  if (timeout === undefined) return null;
  return { timeoutSeconds: timeout, ...maskOf(netmask, prefix) };
}

function checkMask(fields: Fields<typeof PERSISTENCE_SHAPE>, family: Family, faults: FaultList): void {
  const { netmask, prefix } = fields.values;
  const least = family === Family.v6 ? 1 : 0;
  const most = family === Family.v6 ? 128 : 32;
  if (prefix !== undefined && (prefix < least || prefix > most)) {
    const message = `prefix must be an integer from ${least} to ${most} for IPv${family} clients, not ${prefix}`;
    faults.add('CONFIG_INVALID', message, fields.placeOf('prefix'));
  }
  if (netmask === undefined) return;
  const place = fields.placeOf('netmask');
  if (fields.isGiven('prefix')) {
    faults.add('CONFIG_INVALID', 'the clients are given twice, by netmask and by prefix', place, 'Leave one of them out.');
  }
  if (family === Family.v6) {
    faults.add('CONFIG_INVALID', 'IPv6 clients have no netmask', place, 'Write prefix: 64, or another number of bits.');
  } else if (parseAddress(netmask)?.family !== Family.v4) {
    const message = `netmask must be an IPv4 mask such as 255.255.255.0, not ${JSON.stringify(netmask)}`;
    faults.add(
      'CONFIG_INVALID',
      message,
      place,
      /^\/?\d+$/.test(netmask) ? `Write prefix: ${netmask.replace('/', '')}.` : undefined,
    );
  }
}

/** Most masks are prefixes; only the others are kept as masks. */
function maskOf(netmask: string | undefined, prefix: number): Pick<PersistenceConfig, 'prefix' | 'mask'> {
  const address = netmask === undefined ? undefined : parseAddress(netmask);
  if (address === undefined) return { prefix, mask: null };
  const bits = Math.clz32(~address.words[3]);
  const isPrefix = bits === 32 || address.words[3] << bits === 0;
  return isPrefix ? { prefix: bits, mask: null } : { prefix: 32, mask: formatAddress(address) };
}
