/** Reads `fullnat`: the director's own addresses that stand for clients towards real servers by that method, and what these are told. */

import { z } from 'zod';
import { formatAddress, parseAddress } from '../base/address.ts';
import { checkUnicast } from './endpoints.ts';
import type { FaultList } from './faultList.ts';
import type { FullnatConfig, PortRangeConfig, VirtualServiceConfig } from './model.ts';
import { child, describe, readFields, subtree, text, truth } from './sectionReader.ts';
import type { Located } from './yamlTree.ts';

const ADDRESS_FORM = 'an IP address';
const MAX_PORT = 65_535;
/** Above what services of the host usually listen on; as the kernel patches of old had it. */
const DEFAULT_PORTS: PortRangeConfig = [5000, MAX_PORT];
/** As many as the tables have room for, see table/localAddresses.ts. */
const MAX_ADDRESSES = 256;

/** Keys of `fullnat`. */
export const FULLNAT_SHAPE = {
  localAddresses: z.array(text(ADDRESS_FORM), { error: 'a list of addresses' }).default([]),
  ports: subtree(),
  toa: truth().default(true),
  timestamps: truth().default(true),
};

/** @returns without a section, no local addresses */
export function readFullnat(root: Located, faults: FaultList): FullnatConfig {
  const node = child(root, 'fullnat');
  const fields = node && readFields(node, 'fullnat', FULLNAT_SHAPE, faults);
  if (node === undefined || fields === undefined) return NOTHING;
  const { localAddresses = [], toa = true, timestamps = true } = fields.values;
  const addresses = localAddresses.flatMap((written, i) => readLocal(written, placeOfItem(node, i), faults));
  const repeated = addresses.find((address, i) => addresses.indexOf(address) !== i);
  if (repeated !== undefined) {
    faults.add('CONFIG_INVALID', `localAddresses has ${repeated} twice`, fields.placeOf('localAddresses'), 'Remove one of them.');
  }
  if (addresses.length > MAX_ADDRESSES) {
    const message = `${addresses.length} local addresses, but there is room for ${MAX_ADDRESSES}`;
    faults.add('CAPACITY_EXCEEDED', message, fields.placeOf('localAddresses'));
  }
  return { localAddresses: addresses, ports: readPorts(child(node, 'ports'), faults), toa, timestamps };
}

/** Real servers by fullnat need a local address of their family, and connections that last longer than a packet. */
export function checkFullnat(
  root: Located,
  services: readonly VirtualServiceConfig[],
  { localAddresses }: FullnatConfig,
  faults: FaultList,
): void {
  const place = (child(root, 'services') ?? root).place;
  const served = services.filter(({ realServers }) => realServers.some(({ method }) => method === 'fullnat'));
  for (const isV6 of [false, true]) {
    const server = served
      .flatMap(({ realServers }) => realServers)
      .find(({ address, method }) => method === 'fullnat' && address.includes(':') === isV6);
    if (server === undefined || localAddresses.some((address) => address.includes(':') === isV6)) continue;
    const hint = 'Add the director\'s address towards it: "fullnat: {localAddresses: [...]}".';
    const message = `real server ${server.address} by fullnat, but there is no local address of its family`;
    faults.add('CONFIG_INVALID', message, place, hint);
  }
  if (!served.some(({ onePacket }) => onePacket)) return;
  const hint = 'Remove onePacket, or use another method.';
  faults.add(
    'CONFIG_INVALID',
    'a service with onePacket has real servers by fullnat, whose replies would find no way back',
    place,
    hint,
  );
}

const NOTHING: FullnatConfig = { localAddresses: [], ports: DEFAULT_PORTS, toa: true, timestamps: true };

function readLocal(written: string, place: Located['place'], faults: FaultList): readonly string[] {
  const address = parseAddress(written);
  if (address === undefined) {
    faults.add('CONFIG_INVALID', `an item of localAddresses must be ${ADDRESS_FORM}, not ${JSON.stringify(written)}`, place);
    return [];
  }
  checkUnicast(address, 'local address', place, faults);
  return [formatAddress(address)];
}

function placeOfItem(node: Located, i: number): Located['place'] {
  const list = child(node, 'localAddresses');
  return (list?.kind === 'list' ? list.items[i] : undefined)?.place ?? node.place;
}

/** `5000-65535`. */
function readPorts(node: Located | undefined, faults: FaultList): PortRangeConfig {
  if (node === undefined) return DEFAULT_PORTS;
  const match = node.kind === 'scalar' ? /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(node.value)) : null;
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match !== null && first >= 1 && first <= last && last <= MAX_PORT) return [first, last];
  const message = `ports must be a range from 1 to ${MAX_PORT} such as ${DEFAULT_PORTS.join('-')}, not ${describe(node)}`;
  faults.add('CONFIG_INVALID', message, node.place);
  return DEFAULT_PORTS;
}
