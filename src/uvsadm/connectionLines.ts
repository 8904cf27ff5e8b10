/** The lines of `-L -c` and of `-L --daemon` (specs/ipvs.md section 7.3). */
import type { DaemonOptions } from './command.ts';
import type { ListedConnection } from './director.ts';
import type { EndpointNames } from './endpointNames.ts';

/** @param persistenceData with the columns of the persistence engine */
export function connectionTitle(persistenceData: boolean): string {
  const columns = ['state'.padEnd(11), 'source'.padEnd(18), 'virtual'.padEnd(18)];
  const last = persistenceData ? ['destination'.padEnd(18), 'pe name'.padEnd(16), 'pe_data'] : ['destination'];
  return `IPVS connection entries\npro expire ${[...columns, ...last].join(' ')}\n`;
}

/** Long names push what stands behind them. */
export function connectionLine(connection: ListedConnection, names: EndpointNames, persistenceData: boolean): string {
  const { protocol, state, expiresSeconds, client, virtual, destination, engine } = connection;
  const [from, to, at] = [client, virtual, destination].map((key) => names.of(key, protocol.toLowerCase()));
  const row = `${protocol.padEnd(3)} ${clock(expiresSeconds).padEnd(6)} ${state.padEnd(11)} ${from!.padEnd(18)} ${to!.padEnd(18)} `;
  if (!persistenceData || engine === undefined) return `${row}${at}\n`;
  return `${row}${at!.padEnd(16)} ${engine.name.padEnd(18)} ${engine.data}\n`;
}

/** `master sync daemon (mcast=eth0, syncid=5, ...)`, without what is not known. */
export function daemonLine(daemon: DaemonOptions): string {
  const facts = [
    ['mcast', daemon.interface],
    ['syncid', daemon.syncId],
    ['maxlen', daemon.maxBytes],
    ['group', daemon.group],
    ['port', daemon.port],
    ['ttl', daemon.ttl],
  ].filter(([, value]) => value !== undefined);
  return `${daemon.role} sync daemon (${facts.map(([name, value]) => `${name}=${value}`).join(', ')})\n`;
}

/** Minutes and seconds; hours are minutes. */
function clock(seconds: number): string {
  return `${`${Math.floor(seconds / 60)}`.padStart(2, '0')}:${`${seconds % 60}`.padStart(2, '0')}`;
}
