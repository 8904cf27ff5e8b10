/** Reads the real servers of a service, and the rules that tie them to it: ports, families, tunnels, duplicates. */
import { formatAddress, formatEndpoint } from '../base/address.ts';
import type { Family, ForwardingMethodName } from '../base/terms.ts';
import { checkUnicast, type EndpointText, parseEndpointText, reportEndpoint } from './endpoints.ts';
import type { FaultList } from './faultList.ts';
import type { RealServerConfig, TunnelConfig } from './model.ts';
import { readTunnel } from './readTunnel.ts';
import { child, type Fields, integer, oneOf, readFields, readList, subtree, text } from './sectionReader.ts';
import type { Located } from './yamlTree.ts';

/** Name of a forwarding method in a configuration -> ours: those of LVS, of ipvsadm and of keepalived. */
export const METHOD_NAMES: Readonly<Record<string, ForwardingMethodName>> = {
  route: 'route',
  dr: 'route',
  gateway: 'route',
  masq: 'masq',
  nat: 'masq',
  fullnat: 'fullnat',
  fnat: 'fullnat',
  tunnel: 'tunnel',
  tun: 'tunnel',
  ipip: 'tunnel',
};

/** The schema of a forwarding method's name. */
export const METHOD_NAME = oneOf(Object.keys(METHOD_NAMES) as [string, ...string[]]);
const MAX_INT32 = 0x7fffffff;

/** Keys of one real server. */
export const REAL_SERVER_SHAPE = {
  address: text('an address, with a port or without'),
  port: integer(0, 65535).optional(),
  weight: integer(0, MAX_INT32).default(1),
  method: METHOD_NAME.optional(),
  tunnel: subtree(),
  upperThreshold: integer(0, MAX_INT32).default(0),
  lowerThreshold: integer(0, MAX_INT32).default(0),
};

type RealServerFields = Fields<typeof REAL_SERVER_SHAPE>;

/** What real servers take from their service; undefined is what was faulty there. */
export interface ServiceFacts {
  readonly family: Family | undefined;
  /** 0 for every port, and of a service by firewall mark. */
  readonly port: number | undefined;
  /** Ports of a firewall-mark service's real servers are kept as they are. */
  readonly isByMark: boolean;
  readonly method: ForwardingMethodName | undefined;
  readonly tunnel: TunnelConfig | null;
}

/** Every real server below `node` that could be read; what could not is in `faults`. */
export function readRealServers(node: Located, service: ServiceFacts, faults: FaultList): readonly RealServerConfig[] {
  const lines = new Map<string, number>();
  return readList(node, 'realServers', 'real server', faults).flatMap((item) => {
    const fields = readFields(item, 'a real server', REAL_SERVER_SHAPE, faults);
    return fields === undefined ? [] : readRealServer(item, fields, service, lines, faults);
  });
}

function readRealServer(
  node: Located,
  fields: RealServerFields,
  service: ServiceFacts,
  lines: Map<string, number>,
  faults: FaultList,
): readonly RealServerConfig[] {
  checkThresholds(fields, faults);
  const endpoint = readEndpoint(fields, faults);
  // A faulty method says nothing about ports, families and tunnels.
  const method = fields.isGiven('method') ? METHOD_NAMES[fields.values.method ?? ''] : service.method;
  const tunnel = tunnelOf(node, method, service, faults);
  checkAgainstService(fields, endpoint, service, method, faults);
  const port = endpoint?.port ?? service.port;
  if (endpoint === undefined || port === undefined) return [];
  const name = formatEndpoint(endpoint.address, port);
  faults.addIfRepeated('DESTINATION_EXISTS', `the real server ${name}`, name, fields.placeOf('address'), lines);
  const { weight, upperThreshold, lowerThreshold } = fields.values;
  if (method === undefined || weight === undefined || upperThreshold === undefined || lowerThreshold === undefined) return [];
  return [{ address: formatAddress(endpoint.address), port, method, weight, upperThreshold, lowerThreshold, tunnel }];
}

/** The address with the port that stands in it or beside it. */
function readEndpoint(fields: RealServerFields, faults: FaultList): EndpointText | undefined {
  const { address: written, port } = fields.values;
  if (written === undefined) return undefined;
  const place = fields.placeOf('address');
  const endpoint = parseEndpointText(written);
  if (endpoint === undefined || endpoint.protocol !== undefined) {
    reportEndpoint(written, place, faults);
    return undefined;
  }
  checkUnicast(endpoint.address, 'real server', place, faults);
  if (endpoint.port !== undefined && fields.isGiven('port')) {
    faults.add('CONFIG_INVALID', 'the port is given twice', fields.placeOf('port'), 'Leave it out here or in the address.');
  }
  return { ...endpoint, port: endpoint.port ?? port };
}

/** Its own, else that of the service; none for other methods. */
function tunnelOf(
  node: Located,
  method: ForwardingMethodName | undefined,
  service: ServiceFacts,
  faults: FaultList,
): TunnelConfig | null {
  const written = child(node, 'tunnel');
  const own = readTunnel(written, faults);
  if (written !== undefined && method !== undefined && method !== 'tunnel') {
    faults.add('CONFIG_INVALID', `method ${method} has no tunnel`, written.place, 'Remove it, or use method tunnel.');
  }
  return method === 'tunnel' ? (own ?? service.tunnel) : null;
}

function checkThresholds(fields: RealServerFields, faults: FaultList): void {
  const { upperThreshold, lowerThreshold } = fields.values;
  if (upperThreshold === undefined || lowerThreshold === undefined || lowerThreshold <= upperThreshold) return;
  const message = `lowerThreshold ${lowerThreshold} is above upperThreshold ${upperThreshold}`;
  const hint = upperThreshold === 0 ? 'A lower threshold needs an upper one.' : 'Lower it, or raise the other.';
  faults.add('CONFIG_INVALID', message, fields.placeOf('lowerThreshold'), hint);
}

/** Only masquerading and fullnat change ports; only tunnels carry one family over the other (specs: sections 1.2 and 2.8). */
function checkAgainstService(
  fields: RealServerFields,
  endpoint: EndpointText | undefined,
  service: ServiceFacts,
  method: ForwardingMethodName | undefined,
  faults: FaultList,
): void {
  if (endpoint === undefined || method === undefined) return;
  const keepsPort = (method === 'route' || method === 'tunnel') && !service.isByMark;
  if (keepsPort && endpoint.port !== undefined && service.port !== undefined && endpoint.port !== service.port) {
    const message = `port ${endpoint.port} is not the service's port ${service.port}, which method ${method} cannot change`;
    const place = fields.isGiven('port') ? fields.placeOf('port') : fields.placeOf('address');
    faults.add('CONFIG_INVALID', message, place, 'Leave the port out, or use method masq or fullnat.');
  }
  if (service.family !== undefined && method !== 'tunnel' && endpoint.address.family !== service.family) {
    const message = `an IPv${endpoint.address.family} real server of an IPv${service.family} service needs method tunnel`;
    faults.add('CONFIG_INVALID', message, fields.placeOf('address'), 'Use method tunnel, or addresses of one family.');
  }
}
