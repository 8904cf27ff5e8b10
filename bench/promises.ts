/** The targets by their ids, so that a run can name those that it did not measure. A suite judges; bench/README.md explains. */
import { judge, type SuiteName, type Target } from './figures.ts';

/** One target before anything is measured. */
export interface Promised {
  readonly id: string;
  readonly suite: SuiteName;
  readonly text: string;
  readonly sense: Target['sense'];
  readonly target: number;
  readonly unit: string;
}

const ROWS: readonly (readonly [string, SuiteName, string, Target['sense'], number, string])[] = [
  ['1a', 'pipeline', 'NAT 64 B, 10 k connections', 'at most', 30, 'ns'],
  ['1b', 'pipeline', 'NAT 64 B, 1 M connections', 'at most', 130, 'ns'],
  ['1c', 'pipeline', 'NAT 64 B, engine against the C kernel', 'at most', 2, 'x'],
  ['2a', 'lab', 'NAT small frames, one core, below overload, against nftables NAT', 'at least', 1, 'x'],
  ['2b', 'lab', 'NAT small frames, one core, in overload, against nftables NAT', 'at least', 1, 'x'],
  ['2c', 'lab', 'DR small frames, one core, against nftables NAT', 'at least', 1.1, 'x'],
  ['2d', 'lab', 'NAT small frames, receive on the other core, against nftables NAT', 'at least', 1.6, 'x'],
  ['3a', 'lab', 'connections/s through NAT, against nftables NAT', 'at least', 1, 'x'],
  ['3b', 'lab', 'connections/s through NAT, against the best of HAProxy and nginx', 'at least', 1.28, 'x'],
  ['4a', 'lab', 'bulk through NAT, spinning, against nftables NAT', 'at least', 0.92, 'x'],
  ['4b', 'lab', 'bulk through NAT, blocking, against nftables NAT', 'at least', 0.88, 'x'],
  ['4c', 'lab', 'bulk through NAT, against the best proxy', 'at least', 1.9, 'x'],
  ['5a', 'latency', 'one core at rest', 'at most', 1, '%'],
  ['5b', 'latency', 'longest collection in 60 s of load', 'at most', 1, 'ms'],
  ['5c', 'latency', 'added latency spinning, p50', 'at most', 5, 'us'],
  ['5d', 'latency', 'added latency adaptive, p50', 'at most', 30, 'us'],
  ['5e', 'latency', 'longest stall in the first 3 s', 'at most', 1, 'ms'],
  ['6a', 'lab', '--io auto against the faster port, veth with offloads', 'at least', 0.97, 'x'],
  ['6b', 'lab', '--io auto against the faster port, veth without offloads', 'at least', 0.97, 'x'],
  ['6c', 'lab', '--io auto against the faster port, DR with small frames', 'at least', 0.97, 'x'],
  ['7a', 'control', 'uvsadm -L -n, 1000 services x 10 real servers', 'at most', 300, 'ms'],
  ['7b', 'control', 'uvsadm -e, among 1000 services x 10 real servers', 'at most', 120, 'ms'],
  ['7c', 'control', 'frames wait for a slice of a listing of connections, p99', 'at most', 100, 'us'],
];

export const PROMISES: readonly Promised[] = ROWS.map(([id, suite, text, sense, target, unit]) => ({
  id,
  suite,
  text,
  sense,
  target,
  unit,
}));

/**
 * The targets of a run, by id.
 * @param measured what the suites judged; one id once
 * @param chosen the suites that were to run: what they owe and did not judge stands there with the value NaN
 * @throws when an id comes twice: results of different days could not be compared
 */
export function allTargets(measured: readonly Target[], chosen: readonly SuiteName[]): readonly Target[] {
  const byId = new Map<string, Target>();
  for (const target of measured) {
    if (byId.has(target.id)) throw new Error(`target ${target.id} was judged twice`);
    byId.set(target.id, target);
  }
  for (const { id, suite, text, sense, target, unit } of PROMISES) {
    if (!byId.has(id) && chosen.includes(suite)) byId.set(id, judge(id, text, Number.NaN, sense, target, unit));
  }
  return [...byId.values()].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
}
