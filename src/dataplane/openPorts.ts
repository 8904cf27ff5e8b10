/** Opens what a worker needs of the machine: frame memory, ports, the kernel-side selector, and the way back to the host. */
import { UvsError } from '../base/errors.ts';
import { filterEntries, type SelectorFacts } from '../bpf/endpoints.ts';
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

export class OpenPorts {
  readonly arena = new FrameArena(native().arena(ARENA_BYTES));
  /** In the order of the requested interfaces, then the host port. */
  readonly ports: NamedPort[] = [];
  readonly hostPort: number;
  readonly #selector: KernelSelector;
  readonly #xdpPorts: number;
  #xdpMemory: XdpMemory | undefined;

  /** @throws UvsError, and everything is closed again */
  constructor({ interfaces, limits }: WorkerOptions) {
    const capacity = 2 * limits.services + 3 * limits.destinations + SPARE_ENDPOINTS;
    this.#selector = new KernelSelector(native(), { capacity });
    this.#xdpPorts = interfaces.filter(({ io }) => io === 'xdp').length;
    try {
      for (const request of interfaces) this.ports.push(this.#open(request));
      const mtu = Math.max(1500, ...this.ports.map(({ port }) => port.facts.mtu));
      const port = new TunPort(this.arena, { name: HOST_DEVICE, mtu });
      this.hostPort = this.ports.push({ port, io: 'tun', mode: 'to the host' }) - 1;
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
    for (const { port } of this.ports) port.close();
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

  #openXdp(name: string): NamedPort {
    this.#xdpMemory ??= new XdpMemory(this.arena, XDP_PORT_CHUNKS * this.#xdpPorts);
    const port = new XdpPort(this.#xdpMemory, { interface: name });
    try {
      const { mode } = this.#selector.attachXdp(port.interface.index, port.interface.mac);
      this.#selector.registerSocket(port.interface.index, 0, port.fileDescriptor);
      return { port, io: 'xdp', mode };
    } catch (error) {
      port.close();
      throw error;
    }
  }
}

/** Room for the host's own addresses. */
const SPARE_ENDPOINTS = 1024;

/** What went wrong, for the other thread: an Error loses its code on the way. */
export function failureOf(error: unknown): { code: string; message: string; hint: string } {
  if (error instanceof UvsError) return { code: error.code, message: error.message, hint: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'PORT_OPEN_FAILED', message, hint: 'Try another --io; `uvs run --help` lists them.' };
}
