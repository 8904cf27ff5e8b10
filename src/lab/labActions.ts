/** The tables of a lab's director, as the actions that control and network would send: for simulations, which have neither. */
import { address, formatAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { parseConfig } from '../config/readConfig.ts';
import { planChanges } from '../control/planChanges.ts';
import { EMPTY_TABLES, realServerAddresses, tablesOf } from '../control/tables.ts';
import { SCHEDULERS } from '../scheduler/registry.ts';
import type { TableAction } from '../table/actions.ts';
import { type LabServiceOptions, labConfig } from './labConfig.ts';
import type { LabInterface, LabPlan } from './labPlan.ts';

const KNOWN_SCHEDULERS = {
  schedulers: SCHEDULERS.map(({ name }) => name),
  schedulerFlags: Object.fromEntries(SCHEDULERS.map(({ name, flags }) => [name, flags])),
};
const MTU_BYTES = 1500;

/** Services, real servers and their next hops. Throws the first fault of the configuration, such as SCHEDULER_UNKNOWN. */
export function labActions(plan: LabPlan, scheduler: string, options: LabServiceOptions = {}): TableAction[] {
  const { config, faults } = parseConfig(labConfig(plan, scheduler, options), 'the lab', KNOWN_SCHEDULERS);
  if (config === undefined) throw faults[0];
  const interfaces = plan.director.interfaces.map(({ name }) => name);
  const tables = tablesOf(config, interfaces);
  const hops = realServerAddresses(tables).map((each): TableAction => nextHop(plan, each));
  return [...planChanges(EMPTY_TABLES, tables), ...hops];
}

/** A neighbour of the director, or behind the director's default gateway. */
function nextHop(plan: LabPlan, server: string): TableAction {
  const isV6 = server.includes(':');
  const routes = isV6 ? plan.director.routes.v6 : plan.director.routes.v4;
  const gateway = routes[0]?.replace('default via ', '');
  for (const neighbour of gateway === undefined ? [server] : [server, gateway]) {
    for (const [port, own] of plan.director.interfaces.entries()) {
      const mac = neighbourMac(plan, own, neighbour);
      const source = own.addresses.find((each) => each.includes(':') === isV6)?.split('/')[0];
      if (mac === undefined || source === undefined) continue;
      return { kind: 'setNextHop', nextHop: { address: server, port, mac, source, mtu: MTU_BYTES } };
    }
  }
  throw new Error(`the plan has no way to ${server}`);
}

/** The MAC address of a host on the network of `own`; undefined when it is not there. */
export function neighbourMac(plan: LabPlan, own: Pick<LabInterface, 'network'>, host: string): string | undefined {
  const wanted = formatAddress(address(host));
  return plan.nodes
    .flatMap(({ interfaces }) => interfaces)
    .find(({ network, addresses }) => network === own.network && addresses.some((each) => withoutPrefix(each) === wanted))?.mac;
}

/** The address in `10.77.0.1/24`, in its canonical form. */
export function withoutPrefix(text: string): string {
  const [host, prefix] = text.split('/');
  assert(host !== undefined && prefix !== undefined, `${text} has a prefix length`);
  return formatAddress(address(host));
}
