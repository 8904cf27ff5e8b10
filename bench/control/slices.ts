/** A listing of many connections, slice by slice: how long frames wait for each, and how long all of it takes on the control side. */
import { SeededRandom } from '../../src/base/random.ts';
import { Family, NONE, Protocol } from '../../src/base/terms.ts';
import { FINE_CLOCK } from '../../src/dataplane/coarseClock.ts';
import { nextRow, readSlice, SLICE_BYTES, writeSlice } from '../../src/dataplane/connectionSlice.ts';
import { applyTables } from '../../src/engine/applyTables.ts';
import { Director } from '../../src/engine/director.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { Tables } from '../../src/table/tables.ts';

const TIMEOUT_TICKS = 9000;
const SERVICE = { protocol: 'tcp', address: '10.1.0.1', port: 80 } as const;

export interface SliceTimes {
  readonly connections: number;
  /** Of each slice, in order, as the worker spends it. */
  readonly waitUs: readonly number[];
  /** Of all slices, as the control side spends it. */
  readonly readMs: number;
}

/** A director whose table holds so many connections. */
export function filledDirector(connections: number): Director {
  const tables = new Tables({ connections, services: 4, destinations: 4 }, 1);
  const arena = new FrameArena(new ArrayBuffer(1 << 16));
  const random = new SeededRandom(1);
  const director = new Director({ arena, tables, links: [], hostPort: 0, headroom: 64, clock: FINE_CLOCK, random });
  const settings = { scheduler: 'rr', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
  const server = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
  applyTables(director.state, [
    { kind: 'addService', service: SERVICE, settings },
    { kind: 'addDestination', service: SERVICE, destination: { address: '10.2.0.1', port: 80 }, settings: server },
  ]);
  const key = {
    family: Family.v4,
    protocol: Protocol.tcp,
    source0: 0,
    source1: 0,
    source2: 0,
    source3: 0,
    target0: 0,
    target1: 0,
    target2: 0,
    target3: 0x0a010001,
    sourcePort: 0,
    targetPort: 80,
  };
  for (let i = 0; i < connections; i++) {
    key.source3 = 0x0a400000 + (i >>> 12);
    key.sourcePort = 1024 + (i & 0xfff);
    tables.connections.insert(key, 0, 0, 0, 0x0a020001, 80, 0, 0, 0, 0, TIMEOUT_TICKS);
  }
  return director;
}

/** Lists all of them once. */
export function listAll({ state }: Director): SliceTimes {
  const buffer = new ArrayBuffer(SLICE_BYTES);
  const waitUs: number[] = [];
  let connections = 0;
  let readMs = 0;
  for (let from = 0; from !== NONE; from = nextRow(buffer)) {
    const begun = performance.now();
    writeSlice(state, from, buffer, FINE_CLOCK);
    const written = performance.now();
    connections += readSlice(buffer).length;
    waitUs.push((written - begun) * 1000);
    readMs += performance.now() - written;
  }
  return { connections, waitUs, readMs };
}
