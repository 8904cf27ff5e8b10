/**
 * The thread that breathes: opens its ports, then serves them until it is told to stop. It has no event loop: messages are looked for
 * between bursts, when the control word says that there is one.
 */
import { randomBytes } from 'node:crypto';
import { getHeapStatistics } from 'node:v8';
import { MessageChannel, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { UvsError } from '../base/errors.ts';
import { SeededRandom } from '../base/random.ts';
import { applyTables } from '../engine/applyTables.ts';
import { Director } from '../engine/director.ts';
import { asking, native } from '../io/native.ts';
import { HEADROOM } from '../io/port.ts';
import { Waiter, wake } from '../io/waiter.ts';
import type { ClassificationRule, TableAction } from '../table/actions.ts';
import { SharedLoads } from '../table/sharedLoads.ts';
import { Tables } from '../table/tables.ts';
import { Breath } from './breath.ts';
import { breatheOn } from './breathing.ts';
import { CoarseClock, FINE_CLOCK, PAUSE_CLOCK } from './coarseClock.ts';
import { CollectionWatch, collectEverything } from './collections.ts';
import { writeSlice } from './connectionSlice.ts';
import { Idle } from './idle.ts';
import { forEveryQueue } from './ingressRules.ts';
import { loadSlotCount } from './loadSlots.ts';
import type { DataPlaneStatus, Reply, Request } from './messages.ts';
import { failureOf, OpenPorts } from './openPorts.ts';
import { residentMemory, withResidentFrames } from './residentMemory.ts';
import { changesSelection } from './selectorChange.ts';
import { selectorFacts } from './selectorFacts.ts';
import { serviceSlice, summary } from './snapshot.ts';
import { warmUp } from './warmUp.ts';
import type { WorkerNotice, WorkerStart } from './workerHandle.ts';

const WARM_MESSAGES = 200;

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
  readonly #collections: CollectionWatch;
  #localAddresses: readonly string[];
  #rules: readonly ClassificationRule[] = [];
  #messagesSeen = 0;
  #running = true;

  constructor(start: WorkerStart) {
    const { options, place } = start;
    this.#start = start;
    this.#control = new Int32Array(start.control);
    this.#localAddresses = options.localAddresses;
    this.#cpu = pin(options.cpus, place.index);
    if (options.warmUp !== false) warm(options);
    this.#open = new OpenPorts(options, place);
    const ports = this.#open.ports.map(({ port }) => port);
    const { arena, hostPort } = this.#open;
    this.#director = withResidentFrames(
      arena,
      () =>
        new Director({
          arena,
          tables: makeTables(start),
          links: ports.map((port) => port.facts),
          hostPort,
          headroom: HEADROOM,
          clock: this.#clock,
          random: new SeededRandom(randomBytes(4).readInt32LE()),
        }),
    );
    this.#breath = new Breath(this.#director, ports);
    this.#waiter = new Waiter(ports);
    this.#idle = new Idle(options.idle ?? 'adaptive', this.#waiter, PAUSE_CLOCK);
    collectEverything();
    this.#collections = new CollectionWatch();
  }

  /** What the control side must know of it. */
  get notice(): WorkerNotice {
    return { kind: 'ready', wakeDescriptor: this.#waiter.wakeDescriptor, shared: this.#open.shared };
  }

  run(): void {
    breatheOn(this.#breath, this.#idle, () => {
      this.#chores();
      return this.#running;
    });
  }

  /** What need not be done for every burst. */
  #chores(): void {
    this.#clock.refresh();
    this.#director.state.tables.traffic.estimate(this.#clock.now(), this.#director.state.settings.runEstimation);
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
      const reply = this.#answer(received.message);
      if (reply.kind === 'connections') this.#start.messages.postMessage(reply, [reply.buffer]);
      else this.#start.messages.postMessage(reply);
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
      case 'apply': {
        const mustSelect = changesSelection(this.#director.state.tables, request.actions);
        applyTables(this.#director.state, forEveryQueue(request.actions, this.#interfaceNames()));
        this.#rules = rulesAfter(this.#rules, request.actions);
        if (mustSelect) this.#select();
        return { id, kind: 'done' };
      }
      case 'localAddresses':
        this.#localAddresses = request.addresses;
        this.#select();
        return { id, kind: 'done' };
      case 'status':
        return { id, kind: 'status', ...this.#status() };
      case 'services':
        return { id, kind: 'services', ...serviceSlice(this.#director.state, request.from) };
      case 'connections':
        writeSlice(this.#director.state, request.from, request.buffer, FINE_CLOCK);
        return { id, kind: 'connections', buffer: request.buffer };
      case 'stop':
        this.#running = false;
        return { id, kind: 'done' };
    }
  }

  /** With as many services as go at once. */
  #status(): { readonly status: DataPlaneStatus; readonly nextService: number } {
    const { services, nextService } = serviceSlice(this.#director.state, 0);
    const status = summary(this.#director.state, this.#open.ports, services);
    const frames = this.#director.state.counters.get('received');
    const worker = { cpu: this.#cpu, connections: status.connections.count, frames };
    const heapBytes = getHeapStatistics().used_heap_size;
    const workers = [{ ...worker, collections: this.#collections.read(), heapBytes }];
    return { status: { ...status, workers }, nextService };
  }

  #interfaceNames(): readonly string[] {
    return this.#open.ports.map(({ port }) => port.facts.name);
  }

  #select(): void {
    this.#open.select(selectorFacts(this.#director.state.tables, this.#rules, this.#localAddresses));
  }
}

/** A worker's share of the connections, and all the rest. */
function makeTables({ options: { limits, seed }, place, loads }: WorkerStart): Tables {
  const tables = new Tables(
    { ...limits, connections: Math.ceil(limits.connections / place.count), localPorts: place },
    seed,
    residentMemory,
  );
  if (loads !== undefined) {
    tables.destinations.loads.share(new SharedLoads(loads, loadSlotCount(limits), place.count, place.index));
  }
  return tables;
}

/** Runs the code warm that these options will need. */
function warm({ interfaces, idle = 'adaptive' }: WorkerStart['options']): void {
  // The first buffer of this kind in a thread makes V8 throw compiled code away, so it has to come before there is any.
  native().arena(1);
  // A field that has never changed is a constant of compiled code: so one Waiter closes before there is any.
  new Waiter([]).close();
  const waiter = new Waiter([]);
  warmUp({
    kinds: interfaces.map(({ io }) => io),
    idle: () => new Idle(idle, waiter, PAUSE_CLOCK),
    beforeSleep: () => wake(waiter.wakeDescriptor),
    processorMicroseconds: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
  });
  waiter.close();
  warmMessages();
}

/** The way of a question from the control side, and of its answer. */
function warmMessages(): void {
  const { port1, port2 } = new MessageChannel();
  for (let id = 0; id < WARM_MESSAGES; id++) {
    port1.postMessage({ id, kind: 'status' });
    const received = receiveMessageOnPort(port2) as { message: Request } | undefined;
    port2.postMessage({ id: received?.message.id, kind: 'done' });
    receiveMessageOnPort(port1);
  }
  port1.close();
  port2.close();
}

function rulesAfter(rules: readonly ClassificationRule[], actions: readonly TableAction[]): readonly ClassificationRule[] {
  return actions.findLast((action) => action.kind === 'setClassification')?.rules ?? rules;
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
