/** Several workers as one: what they counted is added up, what was configured is the same in all of them. */
import type { DataPlaneStatus, DestinationStatus, PortStatus, ServiceStatus, TrafficCounters } from './messages.ts';

/** @param statuses one per worker, the leader's first @param connections how many connections to list at most */
export function mergeStatus(statuses: readonly DataPlaneStatus[], connections: number): DataPlaneStatus {
  const tables = statuses.map((status) => status.connections);
  return {
    ports: mergePorts(statuses.flatMap(({ ports }) => ports)),
    services: mergeServices(statuses),
    connections: {
      count: sum(tables.map(({ count }) => count)),
      capacity: sum(tables.map(({ capacity }) => capacity)),
      list: tables.flatMap(({ list }) => list).slice(0, connections),
    },
    traffic: mergeTraffic(statuses.map(({ traffic }) => traffic)),
    rates: mergeTraffic(statuses.map(({ rates }) => rates)),
    counters: addCounters(statuses.map(({ counters }) => counters)),
    workers: statuses.flatMap(({ workers = [] }) => workers),
  };
}

/** Ports of one interface are one port, but for AF_XDP, where each has a queue of its own, which its mode names. */
function mergePorts(ports: readonly PortStatus[]): PortStatus[] {
  const groups = Map.groupBy(ports, ({ name, io, mode }) => JSON.stringify([name, io, mode]));
  return [...groups.values()].map((group) => ({ ...group[0]!, counters: addCounters(group.map(({ counters }) => counters)) }));
}

function mergeServices(statuses: readonly DataPlaneStatus[]): ServiceStatus[] {
  const [first, ...others] = statuses;
  const found = others.map(({ services }) => byKey(services));
  return first!.services.map((service) => mergeService([service, ...sameIn(found, service)]));
}

function mergeService(all: readonly ServiceStatus[]): ServiceStatus {
  const [first, ...others] = all;
  const found = others.map(({ destinations }) => byKey(destinations));
  return {
    ...first!,
    traffic: mergeTraffic(all.map(({ traffic }) => traffic)),
    rates: mergeTraffic(all.map(({ rates }) => rates)),
    destinations: first!.destinations.map((destination) => mergeDestination([destination, ...sameIn(found, destination)])),
  };
}

function mergeDestination(all: readonly DestinationStatus[]): DestinationStatus {
  return {
    ...all[0]!,
    activeConnections: sum(all.map(({ activeConnections }) => activeConnections)),
    inactiveConnections: sum(all.map(({ inactiveConnections }) => inactiveConnections)),
    persistentClients: sum(all.map(({ persistentClients }) => persistentClients)),
    overloaded: all.some(({ overloaded }) => overloaded),
    traffic: mergeTraffic(all.map(({ traffic }) => traffic)),
    rates: mergeTraffic(all.map(({ rates }) => rates)),
  };
}

function byKey<Entry extends { readonly key: unknown }>(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  return new Map(entries.map((entry) => [JSON.stringify(entry.key), entry]));
}

/** The entries with the same key, of those that have one. */
function sameIn<Entry extends { readonly key: unknown }>(found: readonly ReadonlyMap<string, Entry>[], like: Entry): Entry[] {
  const key = JSON.stringify(like.key);
  return found.flatMap((entries) => entries.get(key) ?? []);
}

/** Estimates may be added like counts: before they are rounded, estimating is linear but for the last digit of its fixed point. */
function mergeTraffic(all: readonly TrafficCounters[]): TrafficCounters {
  return {
    connections: sum(all.map(({ connections }) => connections)),
    inPackets: sum(all.map(({ inPackets }) => inPackets)),
    outPackets: sum(all.map(({ outPackets }) => outPackets)),
    inBytes: sum(all.map(({ inBytes }) => inBytes)),
    outBytes: sum(all.map(({ outBytes }) => outBytes)),
  };
}

/** Sums by name. */
export function addCounters(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const counters of all) for (const [name, value] of Object.entries(counters)) total[name] = (total[name] ?? 0) + value;
  return total;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
