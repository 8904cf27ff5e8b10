// hot path

/**
 * What passed, per service, per destination and in total, in shared memory: the worker counts, control reads without asking.
 * specs/ipvs.md section 7.1: bytes are those of the IP packet, in before it is rewritten, out after. Counters never go back: setting
 * one to zero (`ipvsadm -Z`) keeps its value as a baseline, and what is shown is the count since then.
 */
import { sharedBuffer } from '../memory/shared.ts';
import { RateRows, RateSchedule, type TrafficRates } from './trafficRates.ts';
import { TRAFFIC } from './trafficRow.ts';

/** What is shown: counted since the row was made or set to zero. */
export interface TrafficTotals {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

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
  readonly #serviceBaselines: Float64Array;
  readonly #destinationBaselines: Float64Array;
  readonly #totalBaseline = new Float64Array(WORDS);
  readonly #serviceRates: RateRows;
  readonly #destinationRates: RateRows;
  readonly #totalRates = new RateRows(this.totals);
  readonly #schedule = new RateSchedule();
  #isEstimating = true;

  constructor(services: number, destinations: number) {
    this.serviceBuffer = sharedBuffer(services * WORDS * Float64Array.BYTES_PER_ELEMENT);
    this.destinationBuffer = sharedBuffer(destinations * WORDS * Float64Array.BYTES_PER_ELEMENT);
    this.services = new Float64Array(this.serviceBuffer);
    this.destinations = new Float64Array(this.destinationBuffer);
    this.#serviceBaselines = new Float64Array(this.services.length);
    this.#destinationBaselines = new Float64Array(this.destinations.length);
    this.#serviceRates = new RateRows(this.services);
    this.#destinationRates = new RateRows(this.destinations);
    this.#totalRates.restart(0);
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
    return read(this.#isEstimating ? this.services : this.#serviceRates.sampled, this.#serviceBaselines, service * WORDS);
  }

  ofDestination(destination: number): TrafficTotals {
    const rows = this.#isEstimating ? this.destinations : this.#destinationRates.sampled;
    return read(rows, this.#destinationBaselines, destination * WORDS);
  }

  total(): TrafficTotals {
    return read(this.#isEstimating ? this.totals : this.#totalRates.sampled, this.#totalBaseline, 0);
  }

  ratesOfService(service: number): TrafficRates {
    return this.#serviceRates.of(service);
  }

  ratesOfDestination(destination: number): TrafficRates {
    return this.#destinationRates.of(destination);
  }

  totalRates(): TrafficRates {
    return this.#totalRates.of(0);
  }

  /**
   * Takes the samples of the rates that are due; to be called more often than every two seconds, between bursts. It looks at every row
   * in use: about 5 ns for one that rests, 30 ns for one that moves.
   * @param isEstimating false (`run_estimation`): rates stand still and, as in Linux, what is shown of the counters does, as it was at
   *   the last sample; the first sample after it has all that was missed
   */
  estimate(nowMs: number, isEstimating: boolean): void {
    const samples = this.#schedule.due(nowMs);
    this.#isEstimating = isEstimating;
    if (!isEstimating) return;
    for (let i = 0; i < samples; i++) {
      this.#serviceRates.sample();
      this.#destinationRates.sample();
      this.#totalRates.sample();
    }
  }

  /** A row for a new service. */
  clearService(service: number): void {
    clear(this.services, this.#serviceBaselines, service * WORDS);
    this.#serviceRates.restart(service);
  }

  /** A row for a new destination. */
  clearDestination(destination: number): void {
    clear(this.destinations, this.#destinationBaselines, destination * WORDS);
    this.#destinationRates.restart(destination);
  }

  /** From now on the service shows what comes from now on. Its destinations and the total are not touched. */
  zeroService(service: number): void {
    rebase(this.services, this.#serviceBaselines, service * WORDS);
    this.#serviceRates.restart(service);
  }

  zeroDestination(destination: number): void {
    rebase(this.destinations, this.#destinationBaselines, destination * WORDS);
    this.#destinationRates.restart(destination);
  }

  zeroTotal(): void {
    rebase(this.totals, this.#totalBaseline, 0);
    this.#totalRates.restart(0);
  }
}

function count(rows: Float64Array, packetsAt: number, bytesAt: number, bytes: number): void {
  rows[packetsAt]! += 1;
  rows[bytesAt]! += bytes;
}

function clear(rows: Float64Array, baselines: Float64Array, at: number): void {
  rows.fill(0, at, at + WORDS);
  baselines.fill(0, at, at + WORDS);
}

function rebase(rows: Float64Array, baselines: Float64Array, at: number): void {
  for (let i = at; i < at + WORDS; i++) baselines[i] = rows[i]!;
}

function read(rows: Float64Array, baselines: Float64Array, at: number): TrafficTotals {
  const since = (word: number) => rows[at + word]! - baselines[at + word]!;
  return {
    connections: since(CONNECTIONS),
    inPackets: since(IN_PACKETS),
    outPackets: since(OUT_PACKETS),
    inBytes: since(IN_BYTES),
    outBytes: since(OUT_BYTES),
  };
}
