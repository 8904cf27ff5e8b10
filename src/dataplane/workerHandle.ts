/** One worker thread, seen from the control side: its start, questions and answers, its end. */
import { setFlagsFromString } from 'node:v8';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type ErrorCode, UvsError } from '../base/errors.ts';
import { NONE } from '../base/terms.ts';
import { wake } from '../io/waiter.ts';
import type { TableAction } from '../table/actions.ts';
import { nextRow, readSlice, SLICE_BYTES } from './connectionSlice.ts';
import { HEAP_FLAGS, RESOURCE_LIMITS } from './engineFlags.ts';
import type { DataPlane } from './handle.ts';
import type {
  ConnectionEntry,
  ConnectionStatus,
  DataPlaneStatus,
  Reply,
  Request,
  ServiceStatus,
  SharedKernel,
  WorkerOptions,
} from './messages.ts';
import type { WorkerPlace } from './openPorts.ts';
import { connectionStatus } from './snapshot.ts';

/** What a new worker is given; `control[0]` counts the messages posted to it. */
export interface WorkerStart {
  readonly options: WorkerOptions;
  readonly place: WorkerPlace;
  readonly messages: MessagePort;
  readonly control: SharedArrayBuffer;
  /** Counts of all workers (table/sharedLoads.ts); undefined when there is one worker. */
  readonly loads: SharedArrayBuffer | undefined;
}

/** What a worker says of itself, once. */
export type WorkerNotice =
  | { readonly kind: 'ready'; readonly wakeDescriptor: number; readonly shared: SharedKernel }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string };

/** A request without its number. */
type Question = Request extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

const ANSWER_MS = 10_000;
const STOP_MS = 3_000;

/** One worker thread: asks it, and knows when it has ended. */
export class WorkerHandle implements DataPlane {
  readonly ended: Promise<Error | undefined>;
  /** Resolves when the ports are open, with what the next workers join. */
  readonly ready: Promise<SharedKernel>;
  readonly #worker: Worker;
  readonly #messages: MessagePort;
  readonly #control: Int32Array;
  readonly #waiting = new Map<number, (reply: Reply | Error) => void>();
  #wakeDescriptor = NONE;
  #lastId = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: WorkerOptions, place: WorkerPlace, loads: SharedArrayBuffer | undefined) {
    const control = new SharedArrayBuffer(4);
    this.#control = new Int32Array(control);
    const { port1, port2 } = new MessageChannel();
    this.#messages = port1;
    const start: WorkerStart = { options, place, messages: port2, control, loads };
    for (const flag of HEAP_FLAGS) setFlagsFromString(flag);
    this.#worker = new Worker(new URL('./workerThread.ts', import.meta.url), {
      workerData: start,
      transferList: [port2],
      resourceLimits: RESOURCE_LIMITS,
    });
    port1.on('message', (reply: Reply) => this.#waiting.get(reply.id)?.(reply));
    this.ready = new Promise((resolve) => {
      this.#worker.on('message', (notice: WorkerNotice) => {
        if (notice.kind !== 'ready') return;
        this.#wakeDescriptor = notice.wakeDescriptor;
        resolve(notice.shared);
      });
    });
    this.ended = this.#watch();
  }

  async apply(actions: readonly TableAction[]): Promise<void> {
    await this.#ask({ kind: 'apply', actions });
  }

  async setLocalAddresses(addresses: readonly string[]): Promise<void> {
    await this.#ask({ kind: 'localAddresses', addresses });
  }

  async status(connections: number): Promise<DataPlaneStatus> {
    const reply = await this.#ask({ kind: 'status' });
    if (reply.kind !== 'status') throw new Error(`the worker answered "${reply.kind}" to a status request`);
    const { status, nextService } = reply;
    const services = [...status.services, ...(await this.#servicesFrom(nextService))];
    return { ...status, services, connections: { ...status.connections, list: await this.#list(connections) } };
  }

  /** Slice by slice; the worker is asked for the next one when that is wanted. */
  async *connections(): AsyncGenerator<readonly ConnectionEntry[]> {
    let buffer = new ArrayBuffer(SLICE_BYTES);
    for (let from = 0; from !== NONE; ) {
      const reply = await this.#ask({ kind: 'connections', from, buffer }, [buffer]);
      if (reply.kind !== 'connections') throw new Error(`the worker answered "${reply.kind}" to a question for connections`);
      buffer = reply.buffer;
      from = nextRow(buffer);
      yield readSlice(buffer);
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #servicesFrom(row: number): Promise<readonly ServiceStatus[]> {
    const services: ServiceStatus[] = [];
    for (let from = row; from !== NONE; ) {
      const reply = await this.#ask({ kind: 'services', from });
      if (reply.kind !== 'services') throw new Error(`the worker answered "${reply.kind}" to a question for services`);
      services.push(...reply.services);
      from = reply.nextService;
    }
    return services;
  }

  async #list(limit: number): Promise<readonly ConnectionStatus[]> {
    const list: ConnectionStatus[] = [];
    if (limit === 0) return list;
    for await (const slice of this.connections()) {
      list.push(...slice.slice(0, limit - list.length).map(connectionStatus));
      if (list.length === limit) break;
    }
    return list;
  }

  async #stop(): Promise<void> {
    const asked = this.#ask({ kind: 'stop' }).catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_MS);
    });
    await Promise.race([asked.then(() => this.ended), this.ended, late]);
    clearTimeout(timer);
    await this.#worker.terminate();
    this.#messages.close();
  }

  async #ask(question: Question, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    const id = ++this.#lastId;
    const reply = await new Promise<Reply | Error>((resolve) => {
      const timer = setTimeout(
        () => resolve(new Error(`the worker did not answer "${question.kind}" in ${ANSWER_MS} ms`)),
        ANSWER_MS,
      );
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#messages.postMessage({ ...question, id }, transfer);
      Atomics.add(this.#control, 0, 1);
      if (this.#wakeDescriptor !== NONE) wake(this.#wakeDescriptor);
    });
    this.#waiting.delete(id);
    if (reply instanceof Error) throw reply;
    if (reply.kind === 'refused') throw new UvsError(reply.code as ErrorCode, reply.message, { hint: reply.hint });
    return reply;
  }

  /** Resolves when the worker is gone, and answers everybody who still waits. */
  async #watch(): Promise<Error | undefined> {
    let cause: Error | undefined;
    this.#worker.on('message', (notice: WorkerNotice) => {
      if (notice.kind === 'failed') cause = new UvsError(notice.code, notice.message, { hint: notice.hint });
    });
    this.#worker.on('error', (error: Error) => {
      cause ??= error;
    });
    const code = await new Promise<number>((resolve) => this.#worker.on('exit', resolve));
    if (this.#stopping === undefined) cause ??= new Error(`the data-plane worker ended by itself, exit code ${code}`);
    for (const settle of this.#waiting.values()) settle(cause ?? new Error('the data plane has stopped'));
    return cause;
  }
}
