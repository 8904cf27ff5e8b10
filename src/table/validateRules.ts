/** Whether classification rules, persistence masks and local ports say something that can be carried out. */
import { parseAddress, parsePrefix } from '../base/address.ts';
import { UvsError } from '../base/errors.ts';
import { Family } from '../base/terms.ts';
import {
  type ClassificationRule,
  type FullnatSettings,
  formatServiceKey,
  MAX_FTP_PORTS,
  PERSISTENCE_ENGINES,
  type PortRange,
  type ServiceKey,
  type ServiceSettings,
} from './actions.ts';

const LARGEST_MARK = 0xffff_ffff;
const LARGEST_PORT = 65_535;

/** @returns what is wrong with the rule, or undefined */
export function badRule(rule: ClassificationRule): UvsError | undefined {
  const { family, mark, protocol, source, target, sourcePorts, targetPorts } = rule;
  if (!Number.isInteger(mark) || mark < 0 || mark > LARGEST_MARK) return bad(`a firewall mark cannot be ${mark}`);
  for (const text of [source, target]) {
    if (text !== undefined && familyOf(text) !== Family[family])
      return bad(`"${text}" is no address or prefix of family ${family}`);
  }
  for (const ranges of [sourcePorts, targetPorts]) {
    if (ranges === undefined) continue;
    if (protocol === undefined) return bad('a rule with ports needs a protocol');
    if (ranges.length === 0) return bad('a rule with ports names at least one');
    const wrong = ranges.find((range) => !isRange(range));
    if (wrong !== undefined) return bad(`ports cannot be ${wrong.join(' to ')}`);
  }
  return undefined;
}

/** @returns what is wrong with what of a client's address counts, or undefined */
export function badPersistence(key: ServiceKey, settings: ServiceSettings): UvsError | undefined {
  const { persistencePrefix: bits, persistenceMask: mask, persistenceSeconds: seconds } = settings;
  const isV6 = 'firewallMark' in key ? key.family === 'v6' : key.address.includes(':');
  if (!Number.isInteger(seconds) || seconds < 0) return bad(`${formatServiceKey(key)}: persistence cannot last ${seconds} s`);
  if (!Number.isInteger(bits) || bits < (isV6 ? 1 : 0) || bits > (isV6 ? 128 : 32)) {
    return bad(`${formatServiceKey(key)}: ${bits} bits of a client's address cannot count`);
  }
  const { persistenceEngine: engine = '' } = settings;
  if (engine !== '' && !PERSISTENCE_ENGINES.includes(engine))
    return bad(`${formatServiceKey(key)}: no persistence engine named "${engine}"`);
  if (mask === undefined || (!isV6 && parseAddress(mask)?.family === Family.v4)) return undefined;
  return bad(`${formatServiceKey(key)}: "${mask}" is no mask of an IPv4 address`);
}

/** @returns what is wrong with the ports of the FTP helper, or undefined */
export function badFtpPorts(ports: readonly number[]): UvsError | undefined {
  if (ports.length < 1 || ports.length > MAX_FTP_PORTS) return bad(`the FTP helper listens to 1 to ${MAX_FTP_PORTS} ports`);
  const wrong = ports.find((port) => port === 0 || !isRange([port, port]));
  return wrong === undefined ? undefined : bad(`the FTP helper cannot listen to port ${wrong}`);
}

/** @returns what is wrong with the local ports, or undefined */
export function badFullnat({ ports }: FullnatSettings): UvsError | undefined {
  if (isRange(ports) && ports[0] > 0) return undefined;
  return bad(`local ports cannot be ${ports.join(' to ')}`);
}

function familyOf(text: string): number | undefined {
  return (parsePrefix(text)?.address ?? parseAddress(text))?.family;
}

function isRange([low, high]: PortRange): boolean {
  return Number.isInteger(low) && Number.isInteger(high) && low >= 0 && low <= high && high <= LARGEST_PORT;
}

function bad(message: string): UvsError {
  return new UvsError('CONFIG_INVALID', message);
}
