/**
 * The native helper, typed, and what its failures mean to a person. The only file that loads it. The helper throws Errors with
 * `code` (name of the errno) and `syscall`; functions that are called per burst return minus the errno instead of throwing.
 */
import { createRequire } from 'node:module';
import { type ErrorCode, UvsError } from '../base/errors.ts';
import type { BpfCalls } from './selector.ts';

/** Where one ring of an AF_XDP socket lies: byte offsets in the arena. */
export interface XdpRingPlace {
  readonly producerAt: number;
  readonly consumerAt: number;
  readonly flagsAt: number;
  readonly entriesAt: number;
  /** A power of two. */
  readonly entries: number;
}

export interface XdpSocket {
  readonly fd: number;
  readonly receive: XdpRingPlace;
  readonly transmit: XdpRingPlace;
  readonly fill: XdpRingPlace;
  readonly completion: XdpRingPlace;
}

/** Offsets are of the arena and lie on pages; `sharedFd` is -1 for the first socket, which registers the frame memory. */
export interface XdpOpenOptions {
  readonly interfaceIndex: number;
  readonly queue: number;
  readonly bindFlags: number;
  readonly sharedFd: number;
  readonly umemAt: number;
  readonly umemBytes: number;
  readonly chunkBytes: number;
  readonly headroomBytes: number;
  readonly sendBufferBytes: number;
  /** Frames that one xdpKick sends at most, in copy mode; a kernel before 6.17 sends 32. */
  readonly kickFrames: number;
  /** Room of each ring. */
  readonly ringBytes: number;
  readonly receiveAt: number;
  readonly receiveEntries: number;
  readonly transmitAt: number;
  readonly transmitEntries: number;
  readonly fillAt: number;
  readonly fillEntries: number;
  readonly completionAt: number;
  readonly completionEntries: number;
}

export interface PacketOpenOptions {
  readonly interfaceIndex: number;
  readonly slotBytes: number;
  readonly slots: number;
  readonly slotsPerBlock: number;
  readonly reserveBytes: number;
  readonly vnetHeader: boolean;
  /** Receive nothing until somebody attaches another filter. */
  readonly dropAll: boolean;
  readonly sendBufferBytes: number;
  /** A frame longer than a slot waits whole in a queue of so many bytes, for packetReceive; 0 = no queue. */
  readonly receiveBufferBytes: number;
}

export interface TunOpenOptions {
  readonly tap: boolean;
  readonly vnetHeader: boolean;
  readonly multiQueue: boolean;
  /** The kernel may hand over partial checksums and super-frames. */
  readonly receiveOffloads: boolean;
}

/** An interface, as the kernel describes it. */
export interface InterfaceReport {
  readonly index: number;
  readonly mtu: number;
  /** Six bytes; zero when it has none. */
  readonly mac: Uint8Array;
  /** IFF_ flags. */
  readonly flags: number;
  /** ARPHRD_ number: what its link header is. */
  readonly type: number;
  /** Empty when it does not say. */
  readonly driver: string;
  /** Receive queues in use, at least 1. */
  readonly receiveQueues: number;
  readonly txChecksum: boolean;
  readonly tso: boolean;
  readonly gro: boolean;
}

/**
 * The functions of build/Release/uvs.node. A batch is an Int32Array of pairs (offset in the arena, bytes), of which from..count-1 are
 * meant; at most 256 per call.
 */
export interface NativeAddon extends BpfCalls {
  readonly pageBytes: number;
  arena(bytes: number): ArrayBuffer;
  /** Ones' complement sum of the 16-bit words, not complemented (RFC 1071). */
  checksum(arena: ArrayBuffer, at: number, bytes: number): number;
  /** Puts plain memory where the rings of `fd` lay, then closes it. */
  closeFd(fd: number): void;
  interfaceFacts(name: string): InterfaceReport;
  setInterfaceUp(name: string, up: boolean): void;
  /** An IPv4 address, int32 in host order, with a mask of 32 bits. */
  setInterfaceAddress(name: string, address: number): void;
  setInterfaceMtu(name: string, mtu: number): void;
  setTxChecksum(name: string, on: boolean): void;
  packetOpen(arena: ArrayBuffer, at: number, options: PacketOpenOptions): number;
  packetSend(fd: number, arena: ArrayBuffer, batch: Int32Array, from: number, count: number): number;
  /** Frames from the queue; writes the length of each in place of its room. */
  packetReceive(fd: number, arena: ArrayBuffer, batch: Int32Array, from: number, count: number): number;
  /** Joins a group of sockets, or makes one (-1); `program` says which of them gets a frame. @returns the group */
  packetFanout(fd: number, group: number, program: number): number;
  /** Frames lost since the last call. */
  packetStatistics(fd: number): number;
  xdpOpen(arena: ArrayBuffer, options: XdpOpenOptions): XdpSocket;
  xdpKick(fd: number, attempts: number): number;
  xdpWake(fd: number): void;
  xdpStatistics(fd: number): { receiveDropped: number; receiveRingFull: number; invalidDescriptors: number };
  /** What XDP the driver offers: bits of XdpFeature; -1 when the kernel does not say (before 6.3). */
  xdpFeatures(index: number): number;
  tunOpen(name: string, options: TunOpenOptions): { fd: number; name: string };
  /** `program` says which queue of a device with several gets a packet. */
  tunSteer(fd: number, program: number): void;
  /** Writes the length of each packet in place of the room of its slot. */
  tunRead(fd: number, arena: ArrayBuffer, batch: Int32Array, from: number, count: number): number;
  tunWrite(fd: number, arena: ArrayBuffer, batch: Int32Array, from: number, count: number): number;
  /** The listening TCP socket keeps the SYN of every connection from now on. */
  saveSyn(fd: number): void;
  /** IP and TCP headers of the SYN that opened the connection; empty when there is none. The kernel gives them out once. */
  savedSyn(fd: number): ArrayBuffer;
  /** How many are readable; negative entries are skipped, and one that never will be is made -1. */
  poll(fds: Int32Array, count: number, timeoutMs: number): number;
  eventFd(): number;
  eventFdSignal(fd: number): void;
  /** Whether it was signalled. */
  eventFdClear(fd: number): boolean;
  /** The monotonic clock modulo 2^32, as int32. Allocates nothing, as a number with a fraction would. */
  microseconds(): number;
  pinThread(cpu: number): void;
}

let loaded: NativeAddon | undefined;

/** The helper, loaded on first use. @throws UvsError NOT_LINUX, NATIVE_MISSING */
export function native(): NativeAddon {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux') throw new UvsError('NOT_LINUX', `real frames need Linux, this is ${process.platform}`);
  try {
    loaded = createRequire(import.meta.url)('../../build/Release/uvs.node') as NativeAddon;
  } catch (cause) {
    throw new UvsError('NATIVE_MISSING', 'the native helper build/Release/uvs.node cannot be loaded', { cause });
  }
  return loaded;
}

/** `call`; what the kernel refuses becomes a UvsError about `what`. */
export function asking<Result>(what: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw nativeFailure(error, what);
  }
}

/** By errno: the code, and a hint where the code's own is too general. */
const MEANINGS: Readonly<Record<string, readonly [code: ErrorCode, hint?: string]>> = {
  EPERM: ['NOT_ROOT'],
  EACCES: ['NOT_ROOT'],
  ENODEV: ['INTERFACE_UNKNOWN'],
  ENXIO: ['INTERFACE_UNKNOWN'],
  EBUSY: ['PORT_OPEN_FAILED', 'Another program uses this interface or queue in the same way; `ss -0 -p` may show it.'],
  EADDRINUSE: ['PORT_OPEN_FAILED', 'Another program uses this interface or queue in the same way.'],
  ENOENT: ['PORT_OPEN_FAILED', 'The device file is missing; `modprobe tun` makes it.'],
  ENOMEM: ['PORT_OPEN_FAILED', 'Free memory, or ask for smaller rings.'],
  ENOBUFS: ['PORT_OPEN_FAILED', 'Free memory, or ask for smaller rings; `ulimit -l` may be too low for AF_XDP.'],
  EAFNOSUPPORT: ['PORT_OPEN_FAILED', 'This kernel lacks it (CONFIG_XDP_SOCKETS, CONFIG_PACKET); try another --io.'],
  EOPNOTSUPP: ['PORT_OPEN_FAILED', 'The driver of this interface cannot do it; try --io packet.'],
  EMFILE: ['PORT_OPEN_FAILED', 'Raise the limit of open files (`ulimit -n`).'],
};

/** An Error of the helper, or any other, as a UvsError; one that is a UvsError already is returned as it is. */
export function nativeFailure(error: unknown, what: string): UvsError {
  if (error instanceof UvsError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const [meaning, hint] = (typeof code === 'string' ? MEANINGS[code] : undefined) ?? ['PORT_OPEN_FAILED' as const];
  const details = hint === undefined ? { cause: error } : { cause: error, hint };
  return new UvsError(meaning, `${what}: ${typeof message === 'string' ? message : String(error)}`, details);
}
