/** Reads the `services` of a configuration: what a service may say, and the rules that concern several of its keys. */
import { z } from 'zod';
import { formatAddress, formatEndpoint } from '../base/address.ts';
import { Family, type ServiceProtocol } from '../base/terms.ts';
import {
  checkUnicast,
  ENDPOINT_FORM,
  type EndpointText,
  parseEndpointText,
  reportEndpoint,
  SERVICE_PROTOCOLS,
} from './endpoints.ts';
import type { FaultList } from './faultList.ts';
import type { ServiceIdentity, VirtualServiceConfig } from './model.ts';
import { nearestName } from './nearestName.ts';
import { MAX_MARK } from './readClassification.ts';
import { readPersistence } from './readPersistence.ts';
import { METHOD_NAME, METHOD_NAMES, readRealServers } from './readRealServers.ts';
import { readTunnel } from './readTunnel.ts';
import { child, type Fields, integer, oneOf, readFields, readList, subtree, text, truth } from './sectionReader.ts';
import type { Located } from './yamlTree.ts';

/** What must be known of the schedulers. */
export interface SchedulerNames {
  /** Those that a service may name. */
  readonly schedulers: readonly string[];
  /** Name of a scheduler -> the flags that it knows; one that is not here knows none. */
  readonly schedulerFlags?: Readonly<Record<string, readonly string[]>>;
}

/** Every scheduler takes these, as in the kernel; some have names of their own for them. */
const COMMON_FLAGS = ['flag-1', 'flag-2', 'flag-3'];

/** Keys of one service. */
export const SERVICE_SHAPE = {
  address: text(ENDPOINT_FORM).optional(),
  protocol: oneOf(SERVICE_PROTOCOLS).optional(),
  port: integer(0, 65535).optional(),
  fwmark: integer(1, MAX_MARK).optional(),
  family: oneOf(['v4', 'v6']).optional(),
  scheduler: text('the name of a scheduler').default('wlc'),
  schedulerFlags: z.array(text('the name of a flag'), { error: 'a list of names of flags' }).default([]),
  onePacket: truth().default(false),
  persistence: subtree(),
  persistenceEngine: oneOf(['sip']).optional(),
  method: METHOD_NAME.default('route'),
  tunnel: subtree(),
  realServers: subtree(),
};

type ServiceFields = Fields<typeof SERVICE_SHAPE>;

/** Who a service is, with what its other keys need to know; undefined is what was faulty. */
interface Identity {
  readonly family: Family | undefined;
  readonly port: number | undefined;
  readonly protocol: ServiceProtocol | undefined;
  readonly key: ServiceIdentity | undefined;
  /** As in messages; undefined without `key`. */
  readonly name: string | undefined;
}

/** Every service that could be read; what could not is in `faults`. */
export function readServices(root: Located, names: SchedulerNames, faults: FaultList): readonly VirtualServiceConfig[] {
  const lines = new Map<string, number>();
  return readList(root, 'services', 'service', faults).flatMap((node) => {
    const fields = readFields(node, 'a service', SERVICE_SHAPE, faults);
    return fields === undefined ? [] : readService(node, fields, names, lines, faults);
  });
}

function readService(
  node: Located,
  fields: ServiceFields,
  names: SchedulerNames,
  lines: Map<string, number>,
  faults: FaultList,
): readonly VirtualServiceConfig[] {
  checkScheduler(fields, names, faults);
  const isByMark = fields.isGiven('fwmark');
  const { family, port, protocol, key, name } = isByMark ? readMark(fields, faults) : readAddress(fields, faults);
  const persistence = readPersistence(child(node, 'persistence'), family, faults);
  const method = METHOD_NAMES[fields.values.method ?? ''];
  const tunnel = readTunnel(child(node, 'tunnel'), faults);
  const realServers = readRealServers(node, { family, port, isByMark, method, tunnel }, faults);
  const { scheduler, schedulerFlags, onePacket } = fields.values;
  if (onePacket && protocol !== undefined && protocol !== 'udp') {
    faults.add('CONFIG_INVALID', 'onePacket is only for udp services', fields.placeOf('onePacket'), 'Remove it.');
  }
  if (port === 0 && !isByMark && !fields.isGiven('persistence')) {
    const place = fields.isGiven('port') ? fields.placeOf('port') : fields.placeOf('address');
    faults.add('CONFIG_INVALID', 'port 0, which means every port, needs persistence', place, 'Add persistence: 360.');
  }
  checkEngine(fields, protocol, faults);
  if (key === undefined || name === undefined) return [];
  faults.addIfRepeated('SERVICE_EXISTS', `the service ${name}`, name, fields.placeOf(isByMark ? 'fwmark' : 'address'), lines);
  if (scheduler === undefined || schedulerFlags === undefined || onePacket === undefined) return [];
  const { persistenceEngine } = fields.values;
  const engine = persistenceEngine === undefined ? {} : { persistenceEngine };
  return [{ ...key, scheduler, schedulerFlags, onePacket, persistence, ...engine, realServers }];
}

/** Messages of SIP come in datagrams; a service by mark may have them, too. */
function checkEngine(fields: ServiceFields, protocol: ServiceProtocol | undefined, faults: FaultList): void {
  if (fields.values.persistenceEngine === undefined) return;
  const place = fields.placeOf('persistenceEngine');
  if (protocol !== undefined && protocol !== 'udp') {
    faults.add('CONFIG_INVALID', 'the persistence engine sip is only for udp services', place, 'Remove it.');
  } else if (!fields.isGiven('persistence')) {
    faults.add('CONFIG_INVALID', 'a persistence engine needs persistence', place, 'Add persistence: 360.');
  }
}

/** A service by firewall mark has no address of its own. */
function readMark(fields: ServiceFields, faults: FaultList): Identity {
  for (const key of ['address', 'protocol', 'port'] as const) {
    if (!fields.isGiven(key)) continue;
    faults.add('CONFIG_INVALID', `a service by fwmark has no ${key}`, fields.placeOf(key), 'Remove it, or remove fwmark.');
  }
  const { fwmark, family: given } = fields.values;
  if (fields.isGiven('family') && given === undefined) return { ...NOBODY, port: 0 };
  const family = given === 'v6' ? 'v6' : 'v4';
  const base = { family: Family[family], port: 0, protocol: undefined };
  if (fwmark === undefined) return { ...base, key: undefined, name: undefined };
  return { ...base, key: { firewallMark: fwmark, family }, name: `fwmark ${fwmark} ${family}` };
}

const NOBODY: Identity = { family: undefined, port: undefined, protocol: undefined, key: undefined, name: undefined };

function readAddress(fields: ServiceFields, faults: FaultList): Identity {
  if (fields.isGiven('family')) {
    const hint = 'Remove it: the address says it.';
    faults.add('CONFIG_INVALID', 'family is only for services by fwmark', fields.placeOf('family'), hint);
  }
  const endpoint = readEndpoint(fields, faults);
  const protocol = readProtocol(fields, endpoint, faults);
  const family = endpoint?.address.family;
  const port = endpoint?.port;
  if (endpoint === undefined || port === undefined || protocol === undefined) {
    return { family, port, protocol, key: undefined, name: undefined };
  }
  const key = { protocol, address: formatAddress(endpoint.address), port };
  return { family, port, protocol, key, name: `${protocol} ${formatEndpoint(endpoint.address, port)}` };
}

/** The address with the port that stands in it or beside it; the port of a service must be given. */
function readEndpoint(fields: ServiceFields, faults: FaultList): EndpointText | undefined {
  const { address: written, port } = fields.values;
  if (written === undefined) {
    if (!fields.isGiven('address')) {
      faults.add('CONFIG_INVALID', 'a service has no address', fields.place, `Add address: ${ENDPOINT_FORM}, or fwmark: 1.`);
    }
    return undefined;
  }
  const place = fields.placeOf('address');
  const endpoint = parseEndpointText(written);
  if (endpoint === undefined) {
    reportEndpoint(written, place, faults);
    return undefined;
  }
  checkUnicast(endpoint.address, 'service', place, faults);
  if (endpoint.port !== undefined && fields.isGiven('port')) {
    faults.add('CONFIG_INVALID', 'the port is given twice', fields.placeOf('port'), 'Leave it out here or in the address.');
  }
  if (endpoint.port === undefined && !fields.isGiven('port')) {
    const hint = `Write it behind the address: ${formatEndpoint(endpoint.address, 80)}.`;
    faults.add('CONFIG_INVALID', 'the service has no port', place, hint);
  }
  return { ...endpoint, port: endpoint.port ?? port };
}

function readProtocol(fields: ServiceFields, endpoint: EndpointText | undefined, faults: FaultList) {
  if (endpoint?.protocol !== undefined && fields.isGiven('protocol')) {
    const hint = 'Leave it out here or in the address.';
    faults.add('CONFIG_INVALID', 'the protocol is given twice', fields.placeOf('protocol'), hint);
  }
  if (endpoint !== undefined && endpoint.protocol === undefined && !fields.isGiven('protocol')) {
    const hint = 'Write tcp, udp or sctp before the address: tcp 10.0.0.1:80.';
    faults.add('CONFIG_INVALID', 'the service has no protocol', fields.placeOf('address'), hint);
  }
  return endpoint?.protocol ?? fields.values.protocol;
}

function checkScheduler(fields: ServiceFields, names: SchedulerNames, faults: FaultList): void {
  const { scheduler, schedulerFlags = [] } = fields.values;
  if (scheduler === undefined) return;
  if (!names.schedulers.includes(scheduler)) {
    const near = nearestName(scheduler, names.schedulers);
    const hint = near && `Did you mean ${near}? List schedulers with \`uvs schedulers\`.`;
    faults.add('SCHEDULER_UNKNOWN', `no scheduler named "${scheduler}"`, fields.placeOf('scheduler'), hint);
    return;
  }
  const known = names.schedulerFlags?.[scheduler] ?? [];
  const hint = known.length === 0 ? `${scheduler} has no flags.` : `${scheduler} knows ${known.join(' and ')}.`;
  for (const flag of schedulerFlags) {
    if (known.includes(flag) || COMMON_FLAGS.includes(flag)) continue;
    faults.add('CONFIG_INVALID', `${scheduler} has no flag "${flag}"`, fields.placeOf('schedulerFlags'), hint);
  }
}
