/** Opens what a worker needs of the machine: frame memory, ports, the kernel-side selector, and the way back to the host. */
import { UvsError } from '../base/errors.ts';
import { NONE } from '../base/terms.ts';
import { filterEntries, type SelectorFacts } from '../bpf/endpoints.ts';
import { ethernetFacts } from '../io/interfaceFacts.ts';
import { native } from '../io/native.ts';
import { PacketPort } from '../io/packetPort.ts';
import { KernelSelector } from '../io/selector.ts';
import { TunPort, type TunPortOptions } from '../io/tunPort.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../io/xdpMemory.ts';
import { XdpPort } from '../io/xdpPort.ts';
import { FrameArena } from '../memory/frameArena.ts';
import type { InterfaceRequest, SharedKernel, WorkerOptions } from './messages.ts';
import type { NamedPort } from './snapshot.ts';

/** Address space, not memory: pages come on first touch. Below the 2 GiB that a frame's offset can name. */
const ARENA_BYTES = 1 << 30;
/**
 * A receive ring of 1024 slots (2 MB) holds what comes while the kernel's own work has the core: 256 lost frames where the two share
 * it. More interfaces than these do not find room for that in the arena.
 */
const MANY_INTERFACES = 8;
/** Frames for the host go into this TUN device, one per director and network namespace. */
const HOST_DEVICE = 'uvs-host';
/** 192.0.0.8, the dummy address of RFC 7600: a device without one fails every reverse-path check that the host may make. */
const HOST_DEVICE_ADDRESS = 0xc0000008 | 0;

/** Which of the workers this is; the first one, the leader, holds what they share in the kernel. */
export interface WorkerPlace {
  readonly index: number;
  readonly count: number;
  /** Undefined for the leader. */
  readonly shared: SharedKernel | undefined;
}

export class OpenPorts {
  readonly arena = new FrameArena(native().arena(ARENA_BYTES));
  /** In the order of the requested interfaces, then the host port, then the further receive queues of interfaces that have several. */
  readonly ports: NamedPort[] = [];
  readonly hostPort: number;
  /** For the workers that follow. */
  readonly shared: SharedKernel;
  readonly #place: WorkerPlace;
  readonly #packetSlots: number;
  readonly #selector: KernelSelector | undefined;
  readonly #xdpMemory: () => XdpMemory;
  readonly #furtherQueues: NamedPort[] = [];
  readonly #sharedInterfaces: SharedKernel['interfaces'][number][] = [];

  /** @throws UvsError, and everything is closed again */
  constructor({ interfaces, limits }: WorkerOptions, place: WorkerPlace) {
    const capacity = 2 * limits.services + 4 * limits.destinations + SPARE_ENDPOINTS;
    this.#place = place;
    this.#packetSlots = interfaces.length > MANY_INTERFACES ? 256 : 1024;
    this.#xdpMemory = once(() => new XdpMemory(this.arena, XDP_PORT_CHUNKS * queuesOf(interfaces, place)));
    this.#selector = place.shared === undefined ? new KernelSelector(native(), { capacity }) : undefined;
    try {
      const fanoutProgram = place.count === 1 ? NONE : (place.shared?.fanoutProgram ?? this.#selector!.fanoutProgram);
      for (const [i, request] of interfaces.entries()) this.ports.push(this.#open(request, i, fanoutProgram));
      const mtu = Math.max(1500, ...this.ports.map(({ port }) => port.facts.mtu));
      const host = { name: HOST_DEVICE, mtu, address: HOST_DEVICE_ADDRESS };
      this.hostPort = this.ports.push({ port: this.#openTun(host, fanoutProgram), io: 'tun', mode: 'to the host' }) - 1;
      this.ports.push(...this.#furtherQueues);
      this.shared = { fanoutProgram, interfaces: this.#sharedInterfaces };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Tells the kernel which frames are ours; only the leader does. */
  select(facts: SelectorFacts): void {
    this.#selector?.update(filterEntries(facts));
  }

  /** First the selector, so that the host has its frames again; then the ports. */
  close(): void {
    this.#selector?.close();
    for (const { port } of [...this.ports, ...this.#furtherQueues]) port.close();
  }

  #open({ name, io }: InterfaceRequest, place: number, fanoutProgram: number): NamedPort {
    switch (io) {
      case 'packet':
        return this.#openPacket(name, place, fanoutProgram);
      case 'xdp':
        return this.#openXdp(name, place);
      case 'tun':
        this.#sharedInterfaces.push(NOT_SHARED);
        return { port: this.#openTun({ name, receiveOffloads: true }, fanoutProgram), io, mode: 'IP packets' };
    }
  }

  #openTun(options: TunPortOptions, fanoutProgram: number): TunPort {
    const { count, shared } = this.#place;
    const port = new TunPort(this.arena, { ...options, multiQueue: count > 1, joins: shared !== undefined });
    if (count > 1 && shared === undefined) port.steer(fanoutProgram);
    return port;
  }

  #openPacket(name: string, place: number, fanoutProgram: number): NamedPort {
    const port = new PacketPort(this.arena, { interface: name, slots: this.#packetSlots, dropUntilFiltered: true });
    const { index, mac } = port.interface;
    const known = this.#place.shared?.interfaces[place];
    try {
      const group = fanoutProgram === NONE ? NONE : port.joinGroup(known?.group ?? NONE, fanoutProgram);
      if (known === undefined) this.#selector!.attachPacket(index, mac, port.fileDescriptor);
      else native().socketFilter(port.fileDescriptor, known.filter);
      this.#sharedInterfaces.push({ ...NOT_SHARED, group, filter: this.#selector?.shared(index).filter ?? NONE });
      return { port, io: 'packet', mode: 'ring and sendmmsg, offloads' };
    } catch (error) {
      port.close();
      throw error;
    }
  }

  /** One port for each receive queue of ours: a frame comes up on the queue that its network card chose. */
  #openXdp(name: string, place: number): NamedPort {
    const { index, mac, receiveQueues } = ethernetFacts(name);
    const known = this.#place.shared?.interfaces[place];
    const queues = ownQueues(receiveQueues, this.#place);
    const ports = queues.map((queue) => new XdpPort(this.#xdpMemory(), { interface: name, queue }));
    try {
      for (const port of ports) {
        if (known === undefined) this.#selector!.registerSocket(index, port.queue, port.fileDescriptor);
        else native().mapUpdateFd(known.socketMap, port.queue, port.fileDescriptor);
      }
      const mode = known === undefined ? this.#selector!.attachXdp(index, mac).mode : 'shared';
      this.#sharedInterfaces.push({ ...NOT_SHARED, socketMap: this.#selector?.shared(index).socketMap ?? NONE });
      const [first, ...more] = ports.map((port): NamedPort => ({ port, io: 'xdp', mode: `${mode}, queue ${port.queue}` }));
      this.#furtherQueues.push(...more);
      return first!;
    } catch (error) {
      for (const port of ports) port.close();
      throw error;
    }
  }
}

const NOT_SHARED = { group: NONE, filter: NONE, socketMap: NONE };

/** Queues are dealt out to the workers in turn; the caller has seen that there is one for each. */
function ownQueues(receiveQueues: number, { index, count }: WorkerPlace): number[] {
  return Array.from({ length: receiveQueues }, (_, queue) => queue).filter((queue) => queue % count === index);
}

/** AF_XDP sockets that this worker needs. */
function queuesOf(interfaces: readonly InterfaceRequest[], place: WorkerPlace): number {
  const served = interfaces.filter(({ io }) => io === 'xdp');
  return served.reduce((sum, { name }) => sum + ownQueues(ethernetFacts(name).receiveQueues, place).length, 0);
}

/** `make`, called at the first use. */
function once<Result>(make: () => Result): () => Result {
  let made: Result | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Room for the host's own addresses and for classification rules, of which there are 256 at most (config). */
const SPARE_ENDPOINTS = 4096;

/** What went wrong, for the other thread: an Error loses its code on the way. */
export function failureOf(error: unknown): { code: string; message: string; hint: string } {
  if (error instanceof UvsError) return { code: error.code, message: error.message, hint: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'PORT_OPEN_FAILED', message, hint: 'Try another --io; `uvs run --help` lists them.' };
}
