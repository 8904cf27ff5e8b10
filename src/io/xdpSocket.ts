/** Opens the socket of an AF_XDP port: room for its rings in the arena, and the frame memory shared with the ports before it. */
import { UvsError } from '../base/errors.ts';
import { NONE } from '../base/terms.ts';
import type { InterfaceFacts } from './interfaceFacts.ts';
import { asking, type NativeAddon, native, type XdpOpenOptions, type XdpSocket } from './native.ts';
import {
  CHUNK_BYTES,
  CHUNK_HEADROOM_BYTES,
  RECEIVE_FRAMES,
  TRANSMIT_FRAMES,
  XDP_PORT_CHUNKS,
  type XdpMemory,
} from './xdpMemory.ts';

const DESCRIPTOR_BYTES = 16;
const RINGS = 4;
const SEND_BUFFER_BYTES = 16 << 20;
/** A burst and what the one before has left: one system call each. */
const KICK_FRAMES = 256;
/** XDP_COPY and XDP_USE_NEED_WAKEUP: every driver can copy, and the flag saves system calls. */
const BIND_FLAGS = (1 << 1) | (1 << 3);

const BUSY_ATTEMPTS = 50;
const BUSY_WAIT_MS = 10;

/** Bytes of arena that `ports` AF_XDP ports take with their memory, alignment included. */
export function xdpBytes(ports: number): number {
  const memory = ports * XDP_PORT_CHUNKS * CHUNK_BYTES + 2 * 65_536;
  return memory + ports * (RINGS + 1) * ringBytes(native().pageBytes);
}

type XdpCalls = Pick<NativeAddon, 'pageBytes' | 'xdpOpen'>;

/** @throws UvsError NOT_ROOT, PORT_OPEN_FAILED, CAPACITY_EXCEEDED (arena too small) */
export function openXdpSocket(memory: XdpMemory, facts: InterfaceFacts, queue: number, calls: XdpCalls): XdpSocket {
  const room = ringBytes(calls.pageBytes);
  const ringsAt = memory.arena.reserve(RINGS * room, calls.pageBytes);
  if (ringsAt === NONE) {
    const message = `the rings of ${facts.name} need ${RINGS * room} bytes of frame memory, ${memory.arena.free} are free`;
    throw new UvsError('CAPACITY_EXCEEDED', message, { hint: 'Make the arena larger, or use fewer AF_XDP ports.' });
  }
  const options = {
    interfaceIndex: facts.index,
    queue,
    bindFlags: BIND_FLAGS,
    umemAt: memory.at,
    umemBytes: memory.bytes,
    chunkBytes: CHUNK_BYTES,
    headroomBytes: CHUNK_HEADROOM_BYTES,
    sendBufferBytes: SEND_BUFFER_BYTES,
    kickFrames: KICK_FRAMES,
    ringBytes: room,
    receiveAt: ringsAt,
    receiveEntries: RECEIVE_FRAMES,
    transmitAt: ringsAt + room,
    transmitEntries: TRANSMIT_FRAMES,
    fillAt: ringsAt + 2 * room,
    fillEntries: RECEIVE_FRAMES,
    completionAt: ringsAt + 3 * room,
    completionEntries: TRANSMIT_FRAMES,
  };
  const socket = asking(`AF_XDP on ${facts.name}, queue ${queue}`, () => openPatiently(memory, options, calls));
  memory.sockets.push(socket.fd);
  return socket;
}

/** The kernel frees a queue in the background, a moment after its socket has closed: a port that is opened again may come too early. */
function openPatiently(memory: XdpMemory, options: Omit<XdpOpenOptions, 'sharedFd'>, calls: XdpCalls): XdpSocket {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let attempt = 1; ; attempt++) {
    try {
      return openShared(memory, options, calls);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EBUSY' || attempt === BUSY_ATTEMPTS) throw error;
    }
    Atomics.wait(sleeper, 0, 0, BUSY_WAIT_MS);
  }
}

/** A socket whose interface has gone shares no longer (EBADF): then the one before it, and in the end none. */
function openShared(memory: XdpMemory, options: Omit<XdpOpenOptions, 'sharedFd'>, calls: XdpCalls): XdpSocket {
  for (const sharedFd of [...memory.sockets].reverse()) {
    try {
      return calls.xdpOpen(memory.arena.buffer, { ...options, sharedFd });
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EBADF') throw error;
    }
  }
  return calls.xdpOpen(memory.arena.buffer, { ...options, sharedFd: -1 });
}

function ringBytes(page: number): number {
  return page * (1 + Math.ceil((Math.max(RECEIVE_FRAMES, TRANSMIT_FRAMES) * DESCRIPTOR_BYTES) / page));
}
