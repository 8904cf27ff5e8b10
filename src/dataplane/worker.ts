/**
 * The thread that breathes: opens its ports, then serves them until it is told to stop. It has no event loop: messages are looked for
 * between bursts, when the control word says that there is one.
 */
import { randomBytes } from 'node:crypto';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { UvsError } from '../base/errors.ts';
import { SeededRandom } from '../base/random.ts';
import { applyTables } from '../engine/applyTables.ts';
import { Director } from '../engine/director.ts';
import { asking, native } from '../io/native.ts';
import { HEADROOM } from '../io/port.ts';
import { Waiter } from '../io/waiter.ts';
import { Tables } from '../table/tables.ts';
import { Breath } from './breath.ts';
import { CoarseClock } from './coarseClock.ts';
import { Idle } from './idle.ts';
import type { DataPlaneStatus, Reply, Request } from './messages.ts';
import { failureOf, OpenPorts } from './openPorts.ts';
import { selectorFacts } from './selectorFacts.ts';
import { snapshot } from './snapshot.ts';
import { warmUp } from './warmUp.ts';
import type { WorkerNotice, WorkerStart } from './workerHandle.ts';

/** Breaths between two looks at the host's device. One that has frames ends every sleep, so none is kept waiting. */
const BREATHS_PER_HOST_LOOK = 16;
/** Breaths between two looks at the clock and for messages. */
const BREATHS_PER_CHORE = 32;

class DataPlaneWorker {
  readonly #start: WorkerStart;
  readonly #open: OpenPorts;
  readonly #director: Director;
  readonly #breath: Breath;
  readonly #waiter: Waiter;
  readonly #idle: Idle;
  readonly #clock = new CoarseClock();
  readonly #control: Int32Array;
  readonly #cpu: number | null;
  #localAddresses: readonly string[];
  #messagesSeen = 0;
  #running = true;

  constructor(start: WorkerStart) {
    const { options, place } = start;
    this.#start = start;
    this.#control = new Int32Array(start.control);
    this.#localAddresses = options.localAddresses;
    this.#cpu = pin(options.cpus, place.index);
    if (options.warmUp !== false) warmUp((bytes) => native().arena(bytes));
    this.#open = new OpenPorts(options, place);
    const ports = this.#open.ports.map(({ port }) => port);
    const connections = Math.ceil(options.limits.connections / place.count);
    this.#director = new Director({
      arena: this.#open.arena,
      tables: new Tables({ ...options.limits, connections }, options.seed, (bytes) => native().arena(bytes)),
      links: ports.map((port) => port.facts),
      hostPort: this.#open.hostPort,
      headroom: HEADROOM,
      clock: this.#clock,
      random: new SeededRandom(randomBytes(4).readInt32LE()),
    });
    this.#breath = new Breath(this.#director, ports);
    this.#waiter = new Waiter(ports);
    this.#idle = new Idle(options.idle ?? 'adaptive', this.#waiter);
  }

  /** What the control side must know of it. */
  get notice(): WorkerNotice {
    return { kind: 'ready', wakeDescriptor: this.#waiter.wakeDescriptor, shared: this.#open.shared };
  }

  run(): void {
    for (let breaths = 0; this.#running; breaths = (breaths + 1) | 0) {
      if (breaths % BREATHS_PER_CHORE === 0) this.#chores();
      if (this.#breath.breathe(breaths % BREATHS_PER_HOST_LOOK === 0) > 0) this.#idle.busy();
      else if (this.#idle.quiet()) this.#chores();
    }
  }

  /** What need not be done for every burst. */
  #chores(): void {
    this.#clock.refresh();
    if (Atomics.load(this.#control, 0) !== this.#messagesSeen) this.#readMessages();
  }

  close(): void {
    this.#open.close();
    this.#waiter.close();
    this.#start.messages.close();
  }

  #readMessages(): void {
    this.#messagesSeen = Atomics.load(this.#control, 0);
    for (;;) {
      const received = receiveMessageOnPort(this.#start.messages) as { message: Request } | undefined;
      if (received === undefined) return;
      this.#start.messages.postMessage(this.#answer(received.message));
    }
  }

  #answer(request: Request): Reply {
    const { id } = request;
    try {
      return this.#carryOut(request);
    } catch (error) {
      // A refusal is an answer; a mistake of ours ends the worker.
      if (!(error instanceof UvsError)) throw error;
      return { id, kind: 'refused', ...failureOf(error) };
    }
  }

  #carryOut(request: Request): Reply {
    const { id } = request;
    switch (request.kind) {
      case 'apply':
        applyTables(this.#director.state, request.actions);
        this.#select();
        return { id, kind: 'done' };
      case 'localAddresses':
        this.#localAddresses = request.addresses;
        this.#select();
        return { id, kind: 'done' };
      case 'status':
        return { id, kind: 'status', status: this.#status(request.connections) };
      case 'stop':
        this.#running = false;
        return { id, kind: 'done' };
    }
  }

  #status(connections: number): DataPlaneStatus {
    const status = snapshot(this.#director.state, this.#open.ports, connections);
    const frames = this.#director.state.counters.get('received');
    return { ...status, workers: [{ cpu: this.#cpu, connections: status.connections.count, frames }] };
  }

  #select(): void {
    this.#open.select(selectorFacts(this.#director.state.tables, this.#localAddresses));
  }
}

/** @returns the processor that this thread runs on from now on; null = any */
function pin(cpus: readonly number[] | undefined, index: number): number | null {
  const cpu = cpus?.[index % cpus.length];
  if (cpu === undefined) return null;
  asking(`processor ${cpu}`, () => native().pinThread(cpu));
  return cpu;
}

assert(parentPort !== null, 'this file is a worker');
try {
  const worker = new DataPlaneWorker(workerData as WorkerStart);
  parentPort.postMessage(worker.notice);
  try {
    worker.run();
  } finally {
    worker.close();
  }
} catch (error) {
  parentPort.postMessage({ kind: 'failed', ...failureOf(error) });
  throw error;
}
