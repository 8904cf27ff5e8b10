/**
 * The thread that breathes: opens its ports, then serves them until it is told to stop. It has no event loop: messages are looked for
 * between bursts, when the control word says that there is one.
 */
import { randomBytes } from 'node:crypto';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { UvsError } from '../base/errors.ts';
import { SeededRandom } from '../base/random.ts';
import { applyTables } from '../engine/applyTables.ts';
import { Director } from '../engine/director.ts';
import { HEADROOM } from '../io/port.ts';
import { Waiter } from '../io/waiter.ts';
import { Tables } from '../table/tables.ts';
import { Breath } from './breath.ts';
import type { WorkerStart } from './handle.ts';
import type { Reply, Request } from './messages.ts';
import { failureOf, OpenPorts } from './openPorts.ts';
import { selectorFacts } from './selectorFacts.ts';
import { snapshot } from './snapshot.ts';

/** Idle time before the worker sleeps: a wake-up costs more than this much spinning. */
const SPIN_MS = 0.05;
/** Longest sleep: timers of connections have ticks of 100 ms. */
const SLEEP_MS = 20;

const machineClock: Clock = { now: () => performance.now() };

class DataPlaneWorker {
  readonly #start: WorkerStart;
  readonly #open: OpenPorts;
  readonly #director: Director;
  readonly #breath: Breath;
  readonly #waiter: Waiter;
  readonly #control: Int32Array;
  #localAddresses: readonly string[];
  #messagesSeen = 0;
  #running = true;

  constructor(start: WorkerStart) {
    const { options } = start;
    this.#start = start;
    this.#control = new Int32Array(start.control);
    this.#localAddresses = options.localAddresses;
    this.#open = new OpenPorts(options);
    const ports = this.#open.ports.map(({ port }) => port);
    this.#director = new Director({
      arena: this.#open.arena,
      tables: new Tables(options.limits, options.seed),
      links: ports.map((port) => port.facts),
      hostPort: this.#open.hostPort,
      headroom: HEADROOM,
      clock: machineClock,
      random: new SeededRandom(randomBytes(4).readInt32LE()),
    });
    this.#breath = new Breath(this.#director, ports);
    this.#waiter = new Waiter(ports);
  }

  /** For `wake` of io/waiter.ts. */
  get wakeDescriptor(): number {
    return this.#waiter.wakeDescriptor;
  }

  run(): void {
    let lastWork = performance.now();
    while (this.#running) {
      const frames = this.#breath.breathe();
      if (Atomics.load(this.#control, 0) !== this.#messagesSeen) this.#readMessages();
      if (frames > 0) lastWork = performance.now();
      else if (performance.now() - lastWork > SPIN_MS) {
        this.#waiter.wait(SLEEP_MS);
        lastWork = performance.now();
      }
    }
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
        return { id, kind: 'status', status: snapshot(this.#director.state, this.#open.ports, request.connections) };
      case 'stop':
        this.#running = false;
        return { id, kind: 'done' };
    }
  }

  #select(): void {
    this.#open.select(selectorFacts(this.#director.state.tables, this.#localAddresses));
  }
}

assert(parentPort !== null, 'this file is a worker');
try {
  const worker = new DataPlaneWorker(workerData as WorkerStart);
  parentPort.postMessage({ kind: 'ready', wakeDescriptor: worker.wakeDescriptor });
  try {
    worker.run();
  } finally {
    worker.close();
  }
} catch (error) {
  parentPort.postMessage({ kind: 'failed', ...failureOf(error) });
  throw error;
}
