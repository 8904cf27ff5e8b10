/** What `-L` and `-S` write, asked of a director. */
import { type DestinationKey, formatServiceKey, type ServiceKey } from '../table/actions.ts';
import { ExitCode, type ListOptions, type SaveOptions } from './command.ts';
import { connectionLine, connectionTitle, daemonLine } from './connectionLines.ts';
import type { ListedConnection, ListedService, Output, ReverseNames, UvsadmDirector } from './director.ts';
import { EndpointNames, writtenAddress } from './endpointNames.ts';
import { ConnectionsJson, daemonsJson, servicesJson, timeoutsJson } from './jsonText.ts';
import { KernelError, kernelRefusal } from './messages.ts';
import { savedDaemon, savedLines, savedTimeouts } from './savedLines.ts';
import { type ListingStyle, serviceLines, titleLines } from './serviceViews.ts';
import { sortServers, sortServices } from './sortOrder.ts';

/** IP virtual server version that the listings are those of. */
const IPVS_VERSION = '1.2.1';

/** Text of so many services goes out at once. */
const SERVICES_AT_ONCE = 200;

export interface ListingContext {
  readonly director: UvsadmDirector;
  readonly output: Output;
  readonly reverseNames: ReverseNames;
}

/** @returns the exit code; of a service that does not exist nothing is listed */
export async function writeListing(options: ListOptions, context: ListingContext): Promise<ExitCode> {
  const { director, output } = context;
  switch (options.subject) {
    case 'services':
      return writeServices(options, context);
    case 'connections':
      await writeConnections(options, context);
      return ExitCode.done;
    case 'timeouts': {
      const timeouts = await director.timeouts();
      const { tcp, tcpFin, udp } = timeouts;
      await output.out(options.json ? timeoutsJson(timeouts) : `Timeout (tcp tcpfin udp): ${tcp} ${tcpFin} ${udp}\n`);
      return ExitCode.done;
    }
    case 'daemons': {
      const daemons = await director.daemons();
      const text = options.json ? daemonsJson(daemons) : daemons.map(daemonLine).join('');
      if (text !== '') await output.out(text);
      return ExitCode.done;
    }
  }
}

/** The lines that `-R` reads. */
export async function writeSaved({ numeric, compat, all }: SaveOptions, context: ListingContext): Promise<void> {
  const { director, output, reverseNames } = context;
  const names = new EndpointNames(numeric ? undefined : reverseNames);
  if (all) {
    const daemons = await director.daemons();
    await output.out(savedTimeouts(await director.timeouts()) + daemons.map(savedDaemon).join(''));
  }
  const services = sortServices(marksLast((await director.services()).map(written)), compat);
  // Added in turn, the last comes first: with `--all` the order of the table is kept.
  const ordered = services.map((service) => ({
    ...service,
    destinations: all ? [...service.destinations].reverse() : sortServers(service.destinations, compat),
  }));
  await writeEach(ordered, names, output, (service) => savedLines(service, { names, compat, all }));
}

async function writeServices(options: ListOptions, { director, output, reverseNames }: ListingContext): Promise<ExitCode> {
  const { service, view, exact, compat, sorted, json } = options;
  const listed = (await director.services()).map(written);
  const chosen = service === undefined ? listed : listed.filter(({ key }) => isSame(key, service));
  if (service !== undefined && chosen.length === 0) {
    const refusal = kernelRefusal(KernelError.noSuchService, ExitCode.listing);
    await output.err(`${refusal.message}\n`);
    return refusal.exitCode;
  }
  const ordered = sorted ? sortedAll(chosen, compat) : marksLast(chosen);
  const tableSize = service === undefined ? director.tableSize : undefined;
  if (json) {
    await output.out(servicesJson(ordered, tableSize));
    return ExitCode.done;
  }
  const names = new EndpointNames(options.numeric ? undefined : reverseNames);
  const style: ListingStyle = { names, exact, compat };
  const head = tableSize === undefined ? '' : `IP Virtual Server version ${IPVS_VERSION} (size=${tableSize})\n`;
  await output.out(head + titleLines(view));
  await writeEach(ordered, names, output, (each) => serviceLines(each, view, style));
  return ExitCode.done;
}

async function writeConnections(options: ListOptions, { director, output, reverseNames }: ListingContext): Promise<void> {
  const { numeric, json, persistenceData } = options;
  const names = new EndpointNames(numeric || json ? undefined : reverseNames);
  const asJson = json ? new ConnectionsJson() : undefined;
  await output.out(asJson?.head ?? connectionTitle(persistenceData));
  for await (const slice of director.connections()) {
    if (slice.length === 0) continue;
    const connections = slice.map(writtenConnection);
    await names.learn(endpointsOf(connections));
    const lines = asJson?.lines(connections) ?? connections.map((each) => connectionLine(each, names, persistenceData)).join('');
    await output.out(lines);
  }
  if (asJson !== undefined) await output.out(asJson.tail);
}

function* endpointsOf(connections: readonly ListedConnection[]): Generator<DestinationKey> {
  for (const { client, virtual, destination } of connections) yield* [client, virtual, destination];
}

/** Some services at a time, so that no text of all of them is held. */
async function writeEach(
  services: readonly ListedService[],
  names: EndpointNames,
  output: Output,
  textOf: (service: ListedService) => string,
): Promise<void> {
  for (let i = 0; i < services.length; i += SERVICES_AT_ONCE) {
    const some = services.slice(i, i + SERVICES_AT_ONCE);
    await names.learn(
      some.flatMap(({ key, destinations }) => [...('address' in key ? [key] : []), ...destinations.map((d) => d.key)]),
    );
    await output.out(some.map(textOf).join(''));
  }
}

function sortedAll(services: readonly ListedService[], compat: boolean): ListedService[] {
  return sortServices(marksLast(services), compat).map((service) => ({
    ...service,
    destinations: sortServers(service.destinations, compat),
  }));
}

/** Unsorted, they come in the order of the table, but marks after addresses, as the kernel has a table for each. */
function marksLast(services: readonly ListedService[]): ListedService[] {
  const hasMark = ({ key }: ListedService): boolean => 'firewallMark' in key;
  return [...services.filter((service) => !hasMark(service)), ...services.filter(hasMark)];
}

function isSame(a: ServiceKey, b: ServiceKey): boolean {
  return formatServiceKey(a) === formatServiceKey(writtenKey(b));
}

/** With the addresses as they are written. */
function written(service: ListedService): ListedService {
  const destinations = service.destinations.map((server) => ({ ...server, key: writtenKey(server.key) }));
  return { ...service, key: writtenKey(service.key), destinations };
}

function writtenConnection(connection: ListedConnection): ListedConnection {
  const { client, virtual, destination } = connection;
  return { ...connection, client: writtenKey(client), virtual: writtenKey(virtual), destination: writtenKey(destination) };
}

function writtenKey<K extends object>(key: K): K {
  if (!('address' in key)) return key;
  const text = String(key.address);
  const address = writtenAddress(text);
  return address === text ? key : { ...key, address };
}
