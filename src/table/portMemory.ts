/** Whether the pools of local ports (localPorts.ts) stay within the memory that they may take, found out before anything changes. */
import { parseAddress } from '../base/address.ts';
import { UvsError } from '../base/errors.ts';
import { Family } from '../base/terms.ts';
import type { FullnatSettings, TableAction } from './actions.ts';
import type { Tables } from './tables.ts';

/** Of all workers together. */
const MAX_POOL_BYTES = 2 ** 30;
/** Two bits for each pair of address and port (portPool.ts), and a little for the levels above. */
const BYTES_PER_PAIR = 0.26;
/** A service by firewall mark has a pool for each protocol. */
const POOLS_BY_MARK = 3;

/** @returns CAPACITY_EXCEEDED when real servers by fullnat and local addresses are too many for each other, else undefined */
export function lackOfPortMemory(tables: Tables, actions: readonly TableAction[]): UvsError | undefined {
  const added = actions.filter(addsPool);
  const settings = actions.findLast((action) => action.kind === 'setFullnat')?.fullnat;
  if (added.length === 0 && settings === undefined) return undefined;
  const pools = tables.localPorts.poolCount + added.reduce((sum, { service }) => sum + poolsOfOne('firewallMark' in service), 0);
  const bytes = pools * pairsOf(settings ?? tables.localPorts.settings) * BYTES_PER_PAIR;
  if (bytes <= MAX_POOL_BYTES) return undefined;
  const needed = `${pools} real servers by fullnat would need ${Math.ceil(bytes / 2 ** 20)} MB to keep their local ports apart`;
  const hint = `There are ${MAX_POOL_BYTES / 2 ** 20} MB: use fewer local addresses, or a narrower range of ports.`;
  return new UvsError('CAPACITY_EXCEEDED', needed, { hint });
}

type PoolAction = Extract<TableAction, { kind: 'addDestination' | 'editDestination' }>;

/** One that has its pool already counts twice, which is on the safe side. */
function addsPool(action: TableAction): action is PoolAction {
  return (action.kind === 'addDestination' || action.kind === 'editDestination') && action.settings.method === 'fullnat';
}

function poolsOfOne(isByMark: boolean): number {
  return isByMark ? POOLS_BY_MARK : 1;
}

/** Pairs of address and port that a real server may have, of the family that has more. */
function pairsOf({ localAddresses, ports: [first, last] }: FullnatSettings): number {
  const v6 = localAddresses.filter((text) => parseAddress(text)?.family === Family.v6).length;
  return Math.max(v6, localAddresses.length - v6) * (last - first + 1);
}
