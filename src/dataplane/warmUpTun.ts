/** A made-up kernel behind a TunPort: packets to be read, and a place for what is written. */
import { constants } from 'node:os';
import { TunPort } from '../io/tunPort.ts';
import { VIRTIO_HEADER_BYTES, writeVirtioHeader } from '../io/virtioHeader.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import type { MadeUpFrame } from './warmUpFrames.ts';
import { describe, MadeUpAnswers, type MadeUpPort, MTU, madeUpFacts, NO_SOCKET, unlikeOthers } from './warmUpPort.ts';

const ETHERNET_BYTES = 14;
const MAX_WAITING = 128;
const { EAGAIN } = constants.errno;

export class MadeUpTunPort implements MadeUpPort {
  readonly port: TunPort;
  readonly #arena: FrameArena;
  readonly #waiting: MadeUpFrame[] = [];

  constructor(arena: FrameArena, name: string) {
    this.#arena = arena;
    const answers = new MadeUpAnswers();
    this.port = new TunPort(arena, {
      name,
      mtu: MTU,
      receiveOffloads: true,
      kernel: unlikeOthers({
        facts: madeUpFacts(name),
        tunOpen: () => ({ fd: NO_SOCKET, name }),
        tunSteer: () => {},
        tunRead: (_fd, _arena, batch, from, count) => this.#read(batch, from, count),
        tunWrite: (_fd, _arena, _batch, from, count) => answers.answer(count - from),
        closeFd: () => {},
      }),
    });
  }

  receive(frame: MadeUpFrame): boolean {
    const isArp = frame.bytes[12] === 0x08 && frame.bytes[13] === 0x06;
    if (this.#waiting.length === MAX_WAITING || isArp) return false;
    this.#waiting.push(frame);
    return true;
  }

  #read(batch: Int32Array, from: number, count: number): number {
    const { bytes, view } = this.#arena;
    let got = 0;
    for (let i = from; i < count && this.#waiting.length > 0; i++) {
      const frame = this.#waiting.shift()!;
      const headerAt = batch[2 * i]!;
      const packet = frame.bytes.subarray(ETHERNET_BYTES);
      writeVirtioHeader(view, headerAt, describe(frame, 0), 0, ETHERNET_BYTES);
      bytes.set(packet, headerAt + VIRTIO_HEADER_BYTES);
      batch[2 * i + 1] = VIRTIO_HEADER_BYTES + packet.length;
      got++;
    }
    return got === 0 ? -EAGAIN : got;
  }
}
