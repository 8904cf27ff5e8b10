/** A made-up kernel behind a PacketPort: it fills the receive ring as AF_PACKET does and takes what is sent. */
import { assert } from '../base/assert.ts';
import { PacketPort } from '../io/packetPort.ts';
import { VIRTIO_HEADER_BYTES, writeVirtioHeader } from '../io/virtioHeader.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import type { MadeUpFrame } from './warmUpFrames.ts';
import { describe, MadeUpAnswers, type MadeUpPort, madeUpFacts, NO_SOCKET, PAGE_BYTES, unlikeOthers } from './warmUpPort.ts';

const SLOTS = 128;
const FRAME_IN_SLOT = 154;
const SLOT_USER = 1;
/** The slot has the beginning; the whole frame waits in the socket's queue. */
const SLOT_COPY = 2;

export class MadeUpPacketPort implements MadeUpPort {
  readonly port: PacketPort;
  readonly #arena: FrameArena;
  #ringAt = 0;
  #slotBytes = 0;
  #next = 0;
  readonly #queue: MadeUpFrame[] = [];

  constructor(arena: FrameArena, name: string) {
    this.#arena = arena;
    const answers = new MadeUpAnswers();
    this.port = new PacketPort(arena, {
      interface: name,
      slots: SLOTS,
      kernel: unlikeOthers({
        facts: madeUpFacts(name),
        pageBytes: PAGE_BYTES,
        packetOpen: (_arena, at, { slotBytes }) => {
          this.#ringAt = at;
          this.#slotBytes = slotBytes;
          return NO_SOCKET;
        },
        packetSend: (_fd, _arena, _batch, from, count) => answers.answer(count - from),
        packetReceive: (_fd, _arena, batch, from, count) => {
          for (let i = from; i < count; i++) batch[2 * i + 1] = this.#unqueue(batch[2 * i]!);
          return count - from;
        },
        packetStatistics: () => 0,
        packetFanout: () => 0,
        closeFd: () => {},
      }),
    });
  }

  receive(frame: MadeUpFrame): boolean {
    const slotAt = this.#ringAt + this.#next * this.#slotBytes;
    const { words, view, bytes } = this.#arena;
    if (words[slotAt >> 2] !== 0) return false;
    const at = slotAt + FRAME_IN_SLOT;
    const isLong = FRAME_IN_SLOT + frame.bytes.length > this.#slotBytes;
    if (isLong) this.#queue.push(frame);
    else bytes.set(frame.bytes, at);
    words[(slotAt >> 2) + 1] = frame.bytes.length;
    words[(slotAt >> 2) + 2] = frame.bytes.length;
    words[(slotAt >> 2) + 3] = FRAME_IN_SLOT | ((FRAME_IN_SLOT + 14) << 16);
    writeVirtioHeader(view, at - VIRTIO_HEADER_BYTES, describe(frame, at), 0, 0);
    words[slotAt >> 2] = isLong ? SLOT_USER | SLOT_COPY : SLOT_USER;
    this.#next = (this.#next + 1) % SLOTS;
    return true;
  }

  /** @param at of the virtio header @returns the bytes written there */
  #unqueue(at: number): number {
    const frame = this.#queue.shift();
    assert(frame !== undefined, 'each slot with a beginning has its frame in the queue');
    const frameAt = at + VIRTIO_HEADER_BYTES;
    this.#arena.bytes.set(frame.bytes, frameAt);
    writeVirtioHeader(this.#arena.view, at, describe(frame, frameAt), 0, 0);
    return VIRTIO_HEADER_BYTES + frame.bytes.length;
  }
}
