// hot path

/**
 * What passed, per service, per destination and in total, in shared memory: the worker counts, control reads without asking.
 * specs/ipvs.md section 7.1: bytes are those of the IP packet, in before it is rewritten, out after.
 */
import { layout } from '../memory/layout.ts';
import { sharedBuffer } from '../memory/shared.ts';

/** Totals since the row was made. */
export interface TrafficTotals {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** Doubles of one row, in this order. */
export const TRAFFIC = layout('connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes');

const WORDS = TRAFFIC.words;
const CONNECTIONS = TRAFFIC.connections;
const IN_PACKETS = TRAFFIC.inPackets;
const OUT_PACKETS = TRAFFIC.outPackets;
const IN_BYTES = TRAFFIC.inBytes;
const OUT_BYTES = TRAFFIC.outBytes;

export class Traffic {
  /** Rows of five doubles; may be read from another thread. */
  readonly serviceBuffer: SharedArrayBuffer | ArrayBuffer;
  readonly destinationBuffer: SharedArrayBuffer | ArrayBuffer;
  /** Rows of TRAFFIC. Beside this class engine/fastPath.ts counts in them, nobody else (decision 0010). */
  readonly services: Float64Array;
  readonly destinations: Float64Array;
  readonly totals = new Float64Array(sharedBuffer(WORDS * Float64Array.BYTES_PER_ELEMENT));

  constructor(services: number, destinations: number) {
    this.serviceBuffer = sharedBuffer(services * WORDS * Float64Array.BYTES_PER_ELEMENT);
    this.destinationBuffer = sharedBuffer(destinations * WORDS * Float64Array.BYTES_PER_ELEMENT);
    this.services = new Float64Array(this.serviceBuffer);
    this.destinations = new Float64Array(this.destinationBuffer);
  }

  /** A new connection: not for templates, bypass or synchronised entries (specs 2.4). */
  addConnection(service: number, destination: number): void {
    this.services[service * WORDS + CONNECTIONS]! += 1;
    this.destinations[destination * WORDS + CONNECTIONS]! += 1;
    this.totals[CONNECTIONS]! += 1;
  }

  /** A packet from the client. */
  addIn(service: number, destination: number, bytes: number): void {
    count(this.services, service * WORDS + IN_PACKETS, service * WORDS + IN_BYTES, bytes);
    count(this.destinations, destination * WORDS + IN_PACKETS, destination * WORDS + IN_BYTES, bytes);
    count(this.totals, IN_PACKETS, IN_BYTES, bytes);
  }

  /** A packet to the client. */
  addOut(service: number, destination: number, bytes: number): void {
    count(this.services, service * WORDS + OUT_PACKETS, service * WORDS + OUT_BYTES, bytes);
    count(this.destinations, destination * WORDS + OUT_PACKETS, destination * WORDS + OUT_BYTES, bytes);
    count(this.totals, OUT_PACKETS, OUT_BYTES, bytes);
  }

  ofService(service: number): TrafficTotals {
    return read(this.services, service * WORDS);
  }

  ofDestination(destination: number): TrafficTotals {
    return read(this.destinations, destination * WORDS);
  }

  total(): TrafficTotals {
    return read(this.totals, 0);
  }

  clearService(service: number): void {
    this.services.fill(0, service * WORDS, (service + 1) * WORDS);
  }

  clearDestination(destination: number): void {
    this.destinations.fill(0, destination * WORDS, (destination + 1) * WORDS);
  }
}

function count(rows: Float64Array, packetsAt: number, bytesAt: number, bytes: number): void {
  rows[packetsAt]! += 1;
  rows[bytesAt]! += bytes;
}

function read(rows: Float64Array, at: number): TrafficTotals {
  return {
    connections: rows[at + CONNECTIONS]!,
    inPackets: rows[at + IN_PACKETS]!,
    outPackets: rows[at + OUT_PACKETS]!,
    inBytes: rows[at + IN_BYTES]!,
    outBytes: rows[at + OUT_BYTES]!,
  };
}
