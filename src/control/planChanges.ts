/**
 * From what is running to what is desired, as the shortest list of actions: removals, then additions, then edits. Removals come
 * first so that a table that is full has room; a real server that stays is never removed, so its connections stay as well.
 */
import { DEFAULT_FTP_PORTS, formatDestinationKey, formatServiceKey, type TableAction } from '../table/actions.ts';
import type { DestinationEntry, ServiceEntry, Tables } from './tables.ts';

/**
 * Pure. Additions come in the order of `desired`. The order of entries that stay is left as it is: it cannot be changed without
 * removing them.
 */
export function planChanges(running: Tables, desired: Tables): TableAction[] {
  const removals: TableAction[] = [];
  const additions: TableAction[] = [];
  const edits: TableAction[] = [];
  const before = new Map(running.services.map((service) => [formatServiceKey(service.key), service]));
  const after = new Set(desired.services.map((service) => formatServiceKey(service.key)));
  for (const { key } of running.services)
    if (!after.has(formatServiceKey(key))) removals.push({ kind: 'removeService', service: key });
  for (const service of desired.services) {
    const old = before.get(formatServiceKey(service.key));
    if (old === undefined) additions.push({ kind: 'addService', service: service.key, settings: service.settings });
    else if (!isSame(old.settings, service.settings)) {
      edits.push({ kind: 'editService', service: service.key, settings: service.settings });
    }
    planDestinations(old?.destinations ?? [], service, removals, additions, edits);
  }
  if (!isSame(running.timeouts, desired.timeouts)) edits.push({ kind: 'setTimeouts', timeouts: desired.timeouts });
  const changed = Object.entries(desired.settings).filter(([name, value]) => !isEqual(running.settings[name], value));
  if (changed.length > 0) edits.push({ kind: 'setSettings', settings: Object.fromEntries(changed) });
  if (!isEqual(running.fullnat, desired.fullnat)) edits.push({ kind: 'setFullnat', fullnat: desired.fullnat });
  const ftpPorts = desired.ftpPorts ?? DEFAULT_FTP_PORTS;
  if (!isEqual(running.ftpPorts ?? DEFAULT_FTP_PORTS, ftpPorts)) edits.push({ kind: 'setFtpPorts', ports: ftpPorts });
  if (!isEqual(running.classification, desired.classification)) {
    edits.push({ kind: 'setClassification', rules: desired.classification });
  }
  return [...removals, ...additions, ...edits];
}

function planDestinations(
  running: readonly DestinationEntry[],
  { key: service, destinations }: ServiceEntry,
  removals: TableAction[],
  additions: TableAction[],
  edits: TableAction[],
): void {
  const before = new Map(running.map((entry) => [formatDestinationKey(entry.key), entry]));
  const after = new Set(destinations.map(({ key }) => formatDestinationKey(key)));
  for (const { key } of running) {
    if (!after.has(formatDestinationKey(key))) removals.push({ kind: 'removeDestination', service, destination: key });
  }
  for (const { key: destination, settings } of destinations) {
    const old = before.get(formatDestinationKey(destination));
    if (old === undefined) additions.push({ kind: 'addDestination', service, destination, settings });
    else if (!isSame(old.settings, settings)) edits.push({ kind: 'editDestination', service, destination, settings });
  }
}

/** Equality of settings, whose keys may come in any order; one that is absent is undefined. */
function isSame<T extends object>(a: T, b: T): boolean {
  const names = Object.keys({ ...a, ...b }) as (keyof T)[];
  return names.every((name) => isEqual(a[name], b[name]));
}

/** Of plain values that are always built in the same way. */
function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
