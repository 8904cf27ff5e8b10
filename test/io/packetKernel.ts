/** A kernel behind a PacketPort that a test fills and reads: slots of TPACKET_V2, the socket's queue, and what was sent. */
import { type PacketKernel, PacketPort, type PacketPortOptions } from '../../src/io/packetPort.ts';
import { VIRTIO_HEADER_BYTES } from '../../src/io/virtioHeader.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';

const PAGE_BYTES = 4096;
const MAC_IN_SLOT = 154;
const USER = 1;
const COPY = 2;
const LOSING = 4;
const VLAN_VALID = 16;
const NO_SOCKET = 1 << 20;

export interface ArrivingFrame {
  readonly bytes: Uint8Array;
  /** VLAN tag control information. */
  readonly tag?: number;
  /** The socket's queue is full: of a long frame, only its beginning arrives. */
  readonly isQueueFull?: boolean;
}

export class FakePacketKernel {
  readonly arena = new FrameArena(new ArrayBuffer(16 << 20));
  readonly port: PacketPort;
  /** Frames that were sent, without their virtio headers. */
  readonly sent: Uint8Array[] = [];
  /** Answers of the next calls in place of the real ones: minus an errno, or how many frames go at most. */
  readonly sendAnswers: number[] = [];
  readonly receiveAnswers: number[] = [];
  /** Frames that found no slot; told by the next statistics. */
  lost = 0;
  calls = 0;
  readonly #queue: Uint8Array[] = [];
  #ringAt = 0;
  #slotBytes = 0;
  #slots = 0;
  #next = 0;

  constructor(options: Omit<PacketPortOptions, 'interface' | 'kernel'> = {}) {
    this.port = new PacketPort(this.arena, { interface: 'fake0', slots: 128, ...options, kernel: this.#calls() });
  }

  /** Slots that are not the kernel's. */
  get heldSlots(): number {
    let held = 0;
    for (let i = 0; i < this.#slots; i++) if (this.#status(i) !== 0) held++;
    return held;
  }

  /** Long frames that nobody has fetched. */
  get queued(): number {
    return this.#queue.length;
  }

  arrive({ bytes, tag, isQueueFull = false }: ArrivingFrame): void {
    const slotAt = this.#ringAt + this.#next * this.#slotBytes;
    const { words, view } = this.arena;
    if (words[slotAt >> 2] !== 0) {
      this.lost++;
      return;
    }
    const room = this.#slotBytes - MAC_IN_SLOT;
    const isLong = bytes.length > room;
    this.arena.bytes.fill(0, slotAt + MAC_IN_SLOT - VIRTIO_HEADER_BYTES, slotAt + MAC_IN_SLOT);
    this.arena.bytes.set(bytes.subarray(0, room), slotAt + MAC_IN_SLOT);
    view.setInt32(slotAt + 4, bytes.length, true);
    view.setInt32(slotAt + 8, Math.min(room, bytes.length), true);
    view.setUint16(slotAt + 12, MAC_IN_SLOT, true);
    view.setUint16(slotAt + 24, tag ?? 0, true);
    const isQueued = isLong && !isQueueFull && this.#queues;
    if (isQueued) this.#queue.push(bytes);
    const flags = (isQueued ? COPY : 0) | (tag === undefined ? 0 : VLAN_VALID) | (this.lost > 0 ? LOSING : 0);
    words[slotAt >> 2] = USER | flags;
    this.#next = (this.#next + 1) % this.#slots;
  }

  #queues = false;

  #status(slot: number): number {
    return this.arena.words[(this.#ringAt + slot * this.#slotBytes) >> 2]!;
  }

  #calls(): PacketKernel {
    return {
      facts: FACTS,
      pageBytes: PAGE_BYTES,
      packetOpen: (_arena, at, { slotBytes, slots, receiveBufferBytes }) => {
        [this.#ringAt, this.#slotBytes, this.#slots, this.#queues] = [at, slotBytes, slots, receiveBufferBytes > 0];
        return NO_SOCKET;
      },
      packetSend: (_fd, _arena, batch, from, count) => this.#send(batch, from, count),
      packetReceive: (_fd, _arena, batch, from, count) => this.#receive(batch, from, count),
      packetStatistics: () => {
        const { lost } = this;
        this.lost = 0;
        return lost;
      },
      packetFanout: () => 0,
      closeFd: () => {},
    };
  }

  #send(batch: Int32Array, from: number, count: number): number {
    this.calls++;
    const answer = this.sendAnswers.shift() ?? count;
    if (answer < 0) return answer;
    const until = Math.min(count, from + answer);
    for (let i = from; i < until; i++) {
      const at = batch[2 * i]!;
      this.sent.push(this.arena.bytes.slice(at + VIRTIO_HEADER_BYTES, at + batch[2 * i + 1]!));
    }
    return until - from;
  }

  #receive(batch: Int32Array, from: number, count: number): number {
    this.calls++;
    const answer = this.receiveAnswers.shift() ?? count;
    if (answer < 0) return answer;
    const taken = Math.min(answer, count - from, this.#queue.length);
    for (let i = from; i < from + taken; i++) {
      const frame = this.#queue.shift()!;
      const [at, room] = [batch[2 * i]!, batch[2 * i + 1]!];
      this.arena.bytes.fill(0, at, at + VIRTIO_HEADER_BYTES);
      this.arena.bytes.set(frame.subarray(0, room - VIRTIO_HEADER_BYTES), at + VIRTIO_HEADER_BYTES);
      batch[2 * i + 1] = frame.length + VIRTIO_HEADER_BYTES;
    }
    return taken;
  }
}

const FACTS = {
  index: 1,
  name: 'fake0',
  mtu: 1500,
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  macHigh: 0x0200,
  macLow: 1,
  txChecksum: true,
  tso: true,
  gro: true,
  receiveQueues: 1,
  flags: 1,
  type: 1,
  driver: '',
  isUp: true,
  isEthernet: true,
};
