/** Reads the `services` of a configuration: what a service and a real server may say, and the rules that concern several keys. */
import { z } from 'zod';
import { formatAddress, formatEndpoint } from '../base/address.ts';
import type { ForwardingMethodName } from '../base/terms.ts';
import { type EndpointText, parseEndpointText, SERVICE_PROTOCOLS, whyNotUnicast } from './endpoints.ts';
import type { FaultList } from './faultList.ts';
import type { RealServerConfig, VirtualServiceConfig } from './model.ts';
import { nearestName } from './nearestName.ts';
import { type Fields, integer, oneOf, readFields, readList, subtree, text, truth } from './sectionReader.ts';
import type { Located } from './yamlTree.ts';

/** Name of a forwarding method in a configuration -> ours: those of LVS, of ipvsadm and of keepalived. */
export const METHOD_NAMES: Readonly<Record<string, ForwardingMethodName>> = {
  route: 'route',
  dr: 'route',
  gateway: 'route',
  masq: 'masq',
  nat: 'masq',
  tunnel: 'tunnel',
  tun: 'tunnel',
  ipip: 'tunnel',
};

/** What must be known of the schedulers. */
export interface SchedulerNames {
  /** Those that a service may name. */
  readonly schedulers: readonly string[];
  /** Name of a scheduler -> the flags that it knows; one that is not here knows none. */
  readonly schedulerFlags?: Readonly<Record<string, readonly string[]>>;
}

const MAX_INT32 = 0x7fffffff;
const ENDPOINT_FORM = 'an address with a port such as 10.0.0.1:80 or "[2001:db8::1]:80"';
const methodName = oneOf(Object.keys(METHOD_NAMES) as [string, ...string[]]);

/** Keys of one service. */
export const SERVICE_SHAPE = {
  address: text(ENDPOINT_FORM),
  protocol: oneOf(SERVICE_PROTOCOLS).optional(),
  port: integer(1, 65535).optional(),
  scheduler: text('the name of a scheduler').default('wlc'),
  schedulerFlags: z.array(text('the name of a flag'), { error: 'a list of names of flags' }).default([]),
  onePacket: truth().default(false),
  method: methodName.default('route'),
  realServers: subtree(),
};

/** Keys of one real server. */
export const REAL_SERVER_SHAPE = {
  address: text(ENDPOINT_FORM),
  port: integer(1, 65535).optional(),
  weight: integer(0, MAX_INT32).default(1),
  method: methodName.optional(),
  upperThreshold: integer(0, MAX_INT32).default(0),
  lowerThreshold: integer(0, MAX_INT32).default(0),
};

type ServiceFields = Fields<typeof SERVICE_SHAPE>;
type RealServerFields = Fields<typeof REAL_SERVER_SHAPE>;

/** Every service that could be read; what could not is in `faults`. */
export function readServices(root: Located, names: SchedulerNames, faults: FaultList): readonly VirtualServiceConfig[] {
  const services: VirtualServiceConfig[] = [];
  const lines = new Map<string, number>();
  for (const node of readList(root, 'services', 'service', faults)) {
    const fields = readFields(node, 'a service', SERVICE_SHAPE, faults);
    if (fields === undefined) continue;
    checkScheduler(fields, names, faults);
    const endpoint = readEndpoint(fields, 'service', faults);
    const protocol = readProtocol(fields, endpoint, faults);
    const realServers = readRealServers(node, fields, endpoint, faults);
    const { scheduler, schedulerFlags, onePacket } = fields.values;
    if (onePacket && protocol !== undefined && protocol !== 'udp') {
      faults.add('CONFIG_INVALID', 'onePacket is only for udp services', fields.placeOf('onePacket'), 'Remove it.');
    }
    if (endpoint === undefined || endpoint.port === undefined || protocol === undefined) continue;
    const { address, port } = endpoint;
    const name = `${protocol} ${formatEndpoint(address, port)}`;
    reportDuplicate('SERVICE_EXISTS', `the service ${name}`, name, fields, lines, faults);
    if (scheduler === undefined || schedulerFlags === undefined || onePacket === undefined) continue;
    services.push({ protocol, address: formatAddress(address), port, scheduler, schedulerFlags, onePacket, realServers });
  }
  return services;
}

function readRealServers(
  node: Located,
  service: ServiceFields,
  virtual: EndpointText | undefined,
  faults: FaultList,
): readonly RealServerConfig[] {
  const realServers: RealServerConfig[] = [];
  const lines = new Map<string, number>();
  for (const item of readList(node, 'realServers', 'real server', faults)) {
    const fields = readFields(item, 'a real server', REAL_SERVER_SHAPE, faults);
    if (fields === undefined) continue;
    const { weight, upperThreshold, lowerThreshold } = fields.values;
    checkThresholds(fields, faults);
    const endpoint = readEndpoint(fields, 'real server', faults);
    // A faulty method says nothing about ports and families.
    const given = fields.isGiven('method') ? fields.values.method : service.values.method;
    const method = given === undefined ? undefined : METHOD_NAMES[given];
    checkAgainstService(fields, endpoint, virtual, method, faults);
    const port = endpoint?.port ?? virtual?.port;
    if (endpoint === undefined || port === undefined) continue;
    const name = formatEndpoint(endpoint.address, port);
    reportDuplicate('DESTINATION_EXISTS', `the real server ${name}`, name, fields, lines, faults);
    if (method === undefined || weight === undefined || upperThreshold === undefined || lowerThreshold === undefined) continue;
    realServers.push({ address: formatAddress(endpoint.address), port, method, weight, upperThreshold, lowerThreshold });
  }
  return realServers;
}

/** The address with the port that stands in it or beside it; the port of a service must be given. */
function readEndpoint(fields: ServiceFields | RealServerFields, what: string, faults: FaultList): EndpointText | undefined {
  const { address: written, port } = fields.values;
  if (written === undefined) return undefined;
  const place = fields.placeOf('address');
  const endpoint = parseEndpointText(written);
  if (endpoint === undefined || (what === 'real server' && endpoint.protocol !== undefined)) {
    const hint = /[g-z]/i.test(written.replace(/^(tcp|udp|sctp) /, ''))
      ? 'Names are not looked up: write the IP address.'
      : undefined;
    faults.add('CONFIG_INVALID', `address must be ${ENDPOINT_FORM}, not ${JSON.stringify(written)}`, place, hint);
    return undefined;
  }
  const fault = whyNotUnicast(endpoint.address);
  if (fault !== undefined) faults.add('CONFIG_INVALID', fault, place, `The address of a ${what} must be unicast.`);
  if (endpoint.port !== undefined && fields.isGiven('port')) {
    faults.add('CONFIG_INVALID', 'the port is given twice', fields.placeOf('port'), 'Leave it out here or in the address.');
  }
  if (what === 'service' && endpoint.port === undefined && !fields.isGiven('port')) {
    faults.add(
      'CONFIG_INVALID',
      'the service has no port',
      place,
      `Write it behind the address: ${formatEndpoint(endpoint.address, 80)}.`,
    );
  }
  return { ...endpoint, port: endpoint.port ?? port };
}

function readProtocol(fields: ServiceFields, endpoint: EndpointText | undefined, faults: FaultList) {
  if (endpoint?.protocol !== undefined && fields.isGiven('protocol')) {
    faults.add(
      'CONFIG_INVALID',
      'the protocol is given twice',
      fields.placeOf('protocol'),
      'Leave it out here or in the address.',
    );
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
    if (known.includes(flag)) continue;
    faults.add('CONFIG_INVALID', `${scheduler} has no flag "${flag}"`, fields.placeOf('schedulerFlags'), hint);
  }
}

function checkThresholds(fields: RealServerFields, faults: FaultList): void {
  const { upperThreshold, lowerThreshold } = fields.values;
  if (upperThreshold === undefined || lowerThreshold === undefined || lowerThreshold <= upperThreshold) return;
  const message = `lowerThreshold ${lowerThreshold} is above upperThreshold ${upperThreshold}`;
  const hint = upperThreshold === 0 ? 'A lower threshold needs an upper one.' : 'Lower it, or raise the other.';
  faults.add('CONFIG_INVALID', message, fields.placeOf('lowerThreshold'), hint);
}

/** Only masquerading changes ports; only tunnels carry one family over the other (specs: sections 1.2 and 2.8). */
function checkAgainstService(
  fields: RealServerFields,
  endpoint: EndpointText | undefined,
  virtual: EndpointText | undefined,
  method: ForwardingMethodName | undefined,
  faults: FaultList,
): void {
  if (endpoint === undefined || virtual === undefined || method === undefined) return;
  const keepsPort = method === 'route' || method === 'tunnel';
  if (keepsPort && endpoint.port !== undefined && virtual.port !== undefined && endpoint.port !== virtual.port) {
    const message = `port ${endpoint.port} is not the service's port ${virtual.port}, which method ${method} cannot change`;
    const place = fields.isGiven('port') ? fields.placeOf('port') : fields.placeOf('address');
    faults.add('CONFIG_INVALID', message, place, 'Leave the port out, or use method masq.');
  }
  if (method !== 'tunnel' && endpoint.address.family !== virtual.address.family) {
    const message = `an IPv${endpoint.address.family} real server of an IPv${virtual.address.family} service needs method tunnel`;
    faults.add('CONFIG_INVALID', message, fields.placeOf('address'), 'Use method tunnel, or addresses of one family.');
  }
}

function reportDuplicate(
  code: 'SERVICE_EXISTS' | 'DESTINATION_EXISTS',
  what: string,
  name: string,
  fields: ServiceFields | RealServerFields,
  lines: Map<string, number>,
  faults: FaultList,
): void {
  const place = fields.placeOf('address');
  const line = lines.get(name);
  if (line === undefined) lines.set(name, place.line ?? 0);
  else faults.add(code, `${what} was listed before, in line ${line}`, place);
}
