/** What `uvs run --dry-run` prints: the interfaces that would be attached, and the actions that would be applied. */
import type { Config } from '../config/model.ts';
import { planInterfaces, planTunDevices } from '../control/interfacePlan.ts';
import { chooseEngines, type IoCircumstances, type IoName } from '../control/ioChoice.ts';
import { planChanges } from '../control/planChanges.ts';
import { EMPTY_TABLES, tablesOf } from '../control/tables.ts';
import type { HostNetwork } from '../network/hostNetwork.ts';
import { formatAction } from '../table/actions.ts';

/** One line for each interface and each action. Rejects as `planInterfaces` does. */
export async function dryRunText(
  config: Config,
  io: IoName,
  network: HostNetwork,
  circumstances?: IoCircumstances,
): Promise<string> {
  const planned = await (io === 'tun' ? planTunDevices : planInterfaces)(config, network);
  const engines = chooseEngines(
    io,
    planned.map(({ link }) => link),
    circumstances,
  );
  const interfaceLines = engines.map(
    (engine, i) => `interface ${engine.name} by ${engine.io}: ${planned[i]?.reason}; ${engine.reason}`,
  );
  const interfaces = planned.map(({ link }) => link.name);
  return [...interfaceLines, ...planChanges(EMPTY_TABLES, tablesOf(config, interfaces)).map(formatAction)].join('\n');
}
