/**
 * Brings the selector (src/bpf/selector.ts) into the kernel: two maps of endpoints for all interfaces, and per interface either an
 * XDP program in front of AF_XDP sockets, or a filter on AF_PACKET sockets with a program behind the tap that keeps their frames
 * from the host. Links end with the process: after a crash the host has every frame again.
 *
 * Attach first, `update` then: while the map is empty every frame is the host's, and one update turns both programs of an interface.
 */
import { release } from 'node:os';
import { assert } from '../base/assert.ts';
import { UvsError } from '../base/errors.ts';
import { ENDPOINT_KEY_BYTES, ENDPOINT_VALUE_BYTES, type EndpointEntries, fromHex, PREFIX_KEY_BYTES } from '../bpf/endpoints.ts';
import { fanoutProgram } from '../bpf/fanout.ts';
import { SelectorFlavour, type SelectorOptions, selectorProgram } from '../bpf/selector.ts';
import { nativeFailure } from './native.ts';

/** What it needs of the native helper (native/bpf.c); file descriptors in and out. */
export interface BpfCalls {
  mapCreate(options: {
    type: 'hash' | 'prefixes' | 'xskmap' | 'cpuArray';
    keyBytes: number;
    valueBytes: number;
    entries: number;
    name: string;
  }): number;
  mapUpdate(map: number, key: Uint8Array, value: Uint8Array): void;
  mapUpdateFd(map: number, index: number, socket: number): void;
  mapDelete(map: number, key: Uint8Array): void;
  programLoad(options: { type: 'xdp' | 'sched_cls' | 'socket_filter'; instructions: Uint8Array; name: string }): number;
  linkXdp(program: number, ifindex: number, mode: XdpMode): number;
  linkTcxIngress(program: number, ifindex: number): number;
  socketFilter(socket: number, program: number): void;
  closeFd(fd: number): void;
}

/** In the driver, or in the stack behind it: slower, on every interface. */
export type XdpMode = 'native' | 'generic';

export interface KernelSelectorOptions {
  /** Endpoints it holds at most: services, real servers and addresses together. */
  readonly capacity: number;
  /** Receive queues of one interface at most; default 64. */
  readonly queues?: number;
}

/** Where each flavour runs, and the kernel that first had what it needs. */
const FLAVOURS = {
  xdp: { type: 'xdp', needs: '5.18' },
  ingress: { type: 'sched_cls', needs: '6.6' },
  socket: { type: 'socket_filter', needs: '4.19' },
} as const;

const MAP_HINT = 'The kernel lacks memory for the map of endpoints.';

export class KernelSelector {
  readonly #calls: BpfCalls;
  readonly #capacity: number;
  readonly #queues: number;
  readonly #endpoints: number;
  readonly #prefixes: number;
  readonly #installed = new Map<string, number>();
  /** By interface index. */
  readonly #socketMaps = new Map<number, number>();
  readonly #links = new Map<number, number>();
  /** By interface index: filters of AF_PACKET sockets. */
  readonly #filters = new Map<number, number>();
  #fanout: number | undefined;
  /** What the filter of a socket decided, for the program behind the tap; flavours socket and ingress. */
  #verdicts: number | undefined;
  readonly #programs: number[] = [];
  #isOpen = true;

  /** @throws UvsError KERNEL_REFUSED */
  constructor(calls: BpfCalls, { capacity, queues = 64 }: KernelSelectorOptions) {
    this.#calls = calls;
    this.#capacity = capacity;
    this.#queues = queues;
    // Twice, for new entries come before old ones go.
    const size = { keyBytes: ENDPOINT_KEY_BYTES, valueBytes: ENDPOINT_VALUE_BYTES, entries: 2 * capacity };
    this.#endpoints = refusable(
      () => calls.mapCreate({ type: 'hash', name: 'uvs_endpoints', ...size }),
      'The kernel must have CONFIG_BPF_SYSCALL.',
    );
    const prefixSize = { ...size, keyBytes: PREFIX_KEY_BYTES };
    this.#prefixes = refusable(() => calls.mapCreate({ type: 'prefixes', name: 'uvs_prefixes', ...prefixSize }), MAP_HINT);
  }

  /**
   * From now on frames of ours go to the sockets of this interface, by receive queue; where a queue has none, to the host.
   * @param mac 6 bytes, the address of the interface; undefined = every destination address
   * @throws UvsError INTERFACE_UNSUITABLE when it has an XDP program of somebody else, KERNEL_REFUSED
   */
  attachXdp(ifindex: number, mac: Uint8Array | undefined): { mode: XdpMode } {
    assert(this.#isOpen && !this.#links.has(ifindex), 'an interface is attached once');
    const program = this.#load(SelectorFlavour.xdp, mac, this.#socketMap(ifindex));
    try {
      this.#links.set(ifindex, this.#calls.linkXdp(program, ifindex, 'native'));
      return { mode: 'native' };
    } catch (native) {
      if (isTaken(native)) throw takenInterface(ifindex, native);
      return this.#attachGeneric(program, ifindex, native);
    }
  }

  /** File descriptor of the program that chooses one of several workers (bpf/fanout.ts). @throws UvsError KERNEL_REFUSED */
  get fanoutProgram(): number {
    assert(this.#isOpen, 'the selector is open');
    if (this.#fanout !== undefined) return this.#fanout;
    const load = () =>
      this.#calls.programLoad({ type: 'socket_filter', name: 'uvs_fanout', instructions: fanoutProgram(this.#maps) });
    this.#fanout = refusable(load, needsKernel('the choice of a worker', FLAVOURS.socket.needs));
    this.#programs.push(this.#fanout);
    return this.#fanout;
  }

  /** What another worker needs to attach to this interface as well: its filter, or its map of AF_XDP sockets. */
  shared(ifindex: number): { readonly filter: number | undefined; readonly socketMap: number | undefined } {
    return { filter: this.#filters.get(ifindex), socketMap: this.#socketMaps.get(ifindex) };
  }

  /** Frames of ours that arrive on receive queue `queue` go to this AF_XDP socket; it may come before `attachXdp`. */
  registerSocket(ifindex: number, queue: number, socket: number): void {
    assert(this.#isOpen && queue >= 0 && queue < this.#queues, 'a queue is within the limit');
    refusable(
      () => this.#calls.mapUpdateFd(this.#socketMap(ifindex), queue, socket),
      'An AF_XDP socket is registered after it was bound.',
    );
  }

  /**
   * The socket receives frames of ours and nothing else, and the host does not see them any more. Before, the socket must receive
   * nothing (not bound, or with a filter that drops all), or it has unfiltered frames. Several sockets of one interface (fanout) come
   * one by one.
   * @throws UvsError KERNEL_REFUSED
   */
  attachPacket(ifindex: number, mac: Uint8Array | undefined, socket: number): void {
    assert(this.#isOpen, 'the selector is open');
    const filter = this.#filters.get(ifindex) ?? this.#load(SelectorFlavour.socket, mac);
    this.#filters.set(ifindex, filter);
    refusable(() => this.#calls.socketFilter(socket, filter), 'The socket must be an open AF_PACKET socket.');
    if (this.#links.has(ifindex)) return;
    const drop = this.#load(SelectorFlavour.ingress, mac);
    const hint = needsKernel('tcx', FLAVOURS.ingress.needs);
    this.#links.set(
      ifindex,
      refusable(() => this.#calls.linkTcxIngress(drop, ifindex), hint),
    );
  }

  /**
   * Makes the map hold `entries` and nothing else; what is new comes before what is old goes.
   * @returns how many entries were written or removed
   * @throws UvsError CAPACITY_EXCEEDED, and nothing has changed
   */
  update(entries: EndpointEntries): number {
    assert(this.#isOpen, 'the selector is open');
    if (entries.size > this.#capacity) {
      throw new UvsError('CAPACITY_EXCEEDED', `the selector holds ${this.#capacity} endpoints, not ${entries.size}`);
    }
    let changes = 0;
    for (const [key, flags] of entries) {
      if (this.#installed.get(key) === flags) continue;
      refusable(() => this.#calls.mapUpdate(this.#mapOf(key), fromHex(key), flagsBytes(flags)), MAP_HINT);
      this.#installed.set(key, flags);
      changes++;
    }
    for (const key of [...this.#installed.keys()]) {
      if (entries.has(key)) continue;
      refusable(() => this.#calls.mapDelete(this.#mapOf(key), fromHex(key)), MAP_HINT);
      this.#installed.delete(key);
      changes++;
    }
    return changes;
  }

  /** Gives every frame back to the host; a filter stays on its socket. Later calls do nothing. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const maps = [...this.#socketMaps.values(), this.#endpoints, this.#prefixes, this.#verdicts];
    for (const fd of [...this.#links.values(), ...this.#programs, ...maps]) if (fd !== undefined) this.#calls.closeFd(fd);
  }

  get #maps(): { readonly endpoints: number; readonly prefixes: number } {
    return { endpoints: this.#endpoints, prefixes: this.#prefixes };
  }

  /** Keys of prefixes are longer than those of endpoints, and have a map of their own. */
  #mapOf(hexKey: string): number {
    return hexKey.length === 2 * ENDPOINT_KEY_BYTES ? this.#endpoints : this.#prefixes;
  }

  get #verdictArray(): number {
    const size = { keyBytes: 4, valueBytes: 4, entries: 1 };
    this.#verdicts ??= refusable(() => this.#calls.mapCreate({ type: 'cpuArray', name: 'uvs_verdicts', ...size }), MAP_HINT);
    return this.#verdicts;
  }

  #attachGeneric(program: number, ifindex: number, native: unknown): { mode: XdpMode } {
    try {
      this.#links.set(ifindex, this.#calls.linkXdp(program, ifindex, 'generic'));
      return { mode: 'generic' };
    } catch (generic) {
      if (isTaken(generic)) throw takenInterface(ifindex, generic);
      if (isGeneral(generic)) throw nativeFailure(generic, 'the selector');
      const message = `interface ${ifindex} takes no XDP program: ${textOf(native)}; ${textOf(generic)}`;
      throw new UvsError('KERNEL_REFUSED', message, { cause: generic, hint: 'Try --io packet.' });
    }
  }

  #socketMap(ifindex: number): number {
    const known = this.#socketMaps.get(ifindex);
    if (known !== undefined) return known;
    const size = { keyBytes: 4, valueBytes: 4, entries: this.#queues };
    const fd = refusable(
      () => this.#calls.mapCreate({ type: 'xskmap', name: 'uvs_sockets', ...size }),
      'is CONFIG_XDP_SOCKETS set?',
    );
    this.#socketMaps.set(ifindex, fd);
    return fd;
  }

  #load(flavour: SelectorFlavour, mac: Uint8Array | undefined, xskMap?: number): number {
    const options: SelectorOptions = {
      flavour,
      ...this.#maps,
      ...(mac === undefined ? {} : { mac }),
      ...(xskMap === undefined ? { verdicts: this.#verdictArray } : { xskMap }),
    };
    const { type, needs } = FLAVOURS[flavour];
    const load = () => this.#calls.programLoad({ type, name: `uvs_${flavour}`, instructions: selectorProgram(options) });
    const fd = refusable(load, needsKernel(`the selector (${flavour})`, needs));
    this.#programs.push(fd);
    return fd;
  }
}

function flagsBytes(flags: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(flags).buffer);
}

function needsKernel(what: string, version: string): string {
  return `${what} needs Linux ${version} or later; this is ${release()}.`;
}

/** `call`; what the kernel refuses becomes an error for a person. EACCES is the verifier, not a missing privilege. */
function refusable<Result>(call: () => Result, hint: string): Result {
  try {
    return call();
  } catch (cause) {
    if (isGeneral(cause)) throw nativeFailure(cause, 'the selector');
    throw new UvsError('KERNEL_REFUSED', textOf(cause), { cause, hint });
  }
}

/** Missing privilege, missing interface: nothing that only the selector meets. */
function isGeneral(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EPERM' || code === 'ENODEV';
}

/** Native or generic, by link or by netlink: the kernel has two words for "somebody else is here". */
function isTaken(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EBUSY' || code === 'EEXIST';
}

function takenInterface(ifindex: number, cause: unknown): UvsError {
  const message = `interface ${ifindex} has an XDP program of another owner: ${textOf(cause)}`;
  const hint = '`ip -d link` shows it, `ip link set dev NAME xdp off` removes it; or choose --io packet.';
  return new UvsError('INTERFACE_UNSUITABLE', message, { cause, hint });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
