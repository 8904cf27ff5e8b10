/** Opens what a worker needs of the machine: frame memory, ports, the kernel-side selector, and the way back to the host. */
import { UvsError } from '../base/errors.ts';
import { filterEntries, type SelectorFacts } from '../bpf/endpoints.ts';
import { ethernetFacts } from '../io/interfaceFacts.ts';
import { native } from '../io/native.ts';
import { PacketPort } from '../io/packetPort.ts';
import { KernelSelector } from '../io/selector.ts';
import { TunPort } from '../io/tunPort.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../io/xdpMemory.ts';
import { XdpPort } from '../io/xdpPort.ts';
import { FrameArena } from '../memory/frameArena.ts';
import type { InterfaceRequest, WorkerOptions } from './messages.ts';
import type { NamedPort } from './snapshot.ts';

/** Address space, not memory: pages come on first touch. Below the 2 GiB that a frame's offset can name. */
const ARENA_BYTES = 1 << 30;
/** Frames for the host go into this TUN device, one per director and network namespace. */
const HOST_DEVICE = 'uvs-host';
/** 192.0.0.8, the dummy address of RFC 7600: a device without one fails every reverse-path check that the host may make. */
const HOST_DEVICE_ADDRESS = 0xc0000008 | 0;

export class OpenPorts {
  readonly arena = new FrameArena(native().arena(ARENA_BYTES));
  /** In the order of the requested interfaces, then the host port, then the further receive queues of interfaces that have several. */
  readonly ports: NamedPort[] = [];
  readonly hostPort: number;
  readonly #selector: KernelSelector;
  readonly #xdpMemory: () => XdpMemory;
  readonly #furtherQueues: NamedPort[] = [];

  /** @throws UvsError, and everything is closed again */
  constructor({ interfaces, limits }: WorkerOptions) {
    const capacity = 2 * limits.services + 3 * limits.destinations + SPARE_ENDPOINTS;
    this.#xdpMemory = once(() => new XdpMemory(this.arena, XDP_PORT_CHUNKS * queuesOf(interfaces)));
    this.#selector = new KernelSelector(native(), { capacity });
    try {
      for (const request of interfaces) this.ports.push(this.#open(request));
      const mtu = Math.max(1500, ...this.ports.map(({ port }) => port.facts.mtu));
      const port = new TunPort(this.arena, { name: HOST_DEVICE, mtu, address: HOST_DEVICE_ADDRESS });
      this.hostPort = this.ports.push({ port, io: 'tun', mode: 'to the host' }) - 1;
      this.ports.push(...this.#furtherQueues);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Tells the kernel which frames are ours. @returns entries changed */
  select(facts: SelectorFacts): number {
    return this.#selector.update(filterEntries(facts));
  }

  /** First the selector, so that the host has its frames again; then the ports. */
  close(): void {
    this.#selector.close();
    for (const { port } of [...this.ports, ...this.#furtherQueues]) port.close();
  }

  #open({ name, io }: InterfaceRequest): NamedPort {
    switch (io) {
      case 'packet':
        return this.#openPacket(name);
      case 'xdp':
        return this.#openXdp(name);
      case 'tun':
        return { port: new TunPort(this.arena, { name, receiveOffloads: true }), io, mode: 'IP packets' };
    }
  }

  #openPacket(name: string): NamedPort {
    const port = new PacketPort(this.arena, { interface: name, dropUntilFiltered: true });
    try {
      this.#selector.attachPacket(port.interface.index, port.interface.mac, port.fileDescriptor);
      return { port, io: 'packet', mode: 'ring and sendmmsg, offloads' };
    } catch (error) {
      port.close();
      throw error;
    }
  }

  /** One port for each receive queue: a frame comes up on the queue that its network card chose. */
  #openXdp(name: string): NamedPort {
    const { index, mac, receiveQueues } = ethernetFacts(name);
    const ports = Array.from({ length: receiveQueues }, (_, queue) => new XdpPort(this.#xdpMemory(), { interface: name, queue }));
    try {
      for (const port of ports) this.#selector.registerSocket(index, port.queue, port.fileDescriptor);
      const { mode } = this.#selector.attachXdp(index, mac);
      const [first, ...more] = ports.map((port): NamedPort => ({ port, io: 'xdp', mode: `${mode}, queue ${port.queue}` }));
      this.#furtherQueues.push(...more);
      return first!;
    } catch (error) {
      for (const port of ports) port.close();
      throw error;
    }
  }
}

/** AF_XDP sockets that these interfaces need. */
function queuesOf(interfaces: readonly InterfaceRequest[]): number {
  const served = interfaces.filter(({ io }) => io === 'xdp');
  return served.reduce((sum, { name }) => sum + ethernetFacts(name).receiveQueues, 0);
}

/** `make`, called at the first use. */
function once<Result>(make: () => Result): () => Result {
  let made: Result | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Room for the host's own addresses. */
const SPARE_ENDPOINTS = 1024;

/** What went wrong, for the other thread: an Error loses its code on the way. */
export function failureOf(error: unknown): { code: string; message: string; hint: string } {
  if (error instanceof UvsError) return { code: error.code, message: error.message, hint: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'PORT_OPEN_FAILED', message, hint: 'Try another --io; `uvs run --help` lists them.' };
}
