/**
 * A made-up kernel behind a real PacketPort: it fills the receive ring as AF_PACKET does and takes what is sent, so that the warm-up runs
 * the port's own code without an interface.
 */
import { constants } from 'node:os';
import { BURST_FRAMES, ChecksumState } from '../base/terms.ts';
import { PacketPort } from '../io/packetPort.ts';
import { VIRTIO_HEADER_BYTES, writeVirtioHeader } from '../io/virtioHeader.ts';
import { Burst } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import type { MadeUpFrame } from './warmUpFrames.ts';

const SLOTS = 128;
const FRAME_IN_SLOT = 154;
const SLOT_USER = 1;
const PAGE_BYTES = 4096;
/** Never handed to a system call. */
const NO_SOCKET = 1 << 20;
/** One call in so many fails, that the port's code for failures is known too. */
const CALLS_PER_FAILURE = 64;
const { EAGAIN, EMSGSIZE, ENETDOWN } = constants.errno;
const FAILURES = [-EAGAIN, -EMSGSIZE, -ENETDOWN];

export class MadeUpInterface {
  readonly port: PacketPort;
  readonly #arena: FrameArena;
  readonly #burst = new Burst();
  #ringAt = 0;
  #slotBytes = 0;
  #next = 0;
  #calls = 0;

  constructor(arena: FrameArena, name: string, mtu: number) {
    this.#arena = arena;
    const mac = { mac: Uint8Array.of(2, 0, 0, 0, 0x0d, 0), macHigh: 0x0200, macLow: 0x0d00 };
    const offloads = { txChecksum: true, tso: true, gro: true, receiveQueues: 1 };
    const facts = { index: 1, name, mtu, ...mac, ...offloads, flags: 1, type: 1, driver: '', isUp: true, isEthernet: true };
    this.port = new PacketPort(arena, {
      interface: name,
      slots: SLOTS,
      kernel: {
        facts,
        pageBytes: PAGE_BYTES,
        packetOpen: (_arena, at, { slotBytes }) => {
          this.#ringAt = at;
          this.#slotBytes = slotBytes;
          return NO_SOCKET;
        },
        packetSend: (_fd, _arena, _batch, from, count) => {
          this.#calls++;
          return this.#calls % CALLS_PER_FAILURE === 0 ? FAILURES[this.#calls % FAILURES.length]! : count - from;
        },
        packetStatistics: () => 0,
        packetFanout: () => 0,
        closeFd: () => {},
      },
    });
  }

  /** Puts a frame into the next slot. @returns false when the ring is full */
  receive(frame: MadeUpFrame): boolean {
    const slotAt = this.#ringAt + this.#next * this.#slotBytes;
    const { words, view, bytes } = this.#arena;
    if (words[slotAt >> 2] !== 0) return false;
    const at = slotAt + FRAME_IN_SLOT;
    bytes.set(frame.bytes, at);
    words[(slotAt >> 2) + 1] = frame.bytes.length;
    words[(slotAt >> 2) + 2] = frame.bytes.length;
    words[(slotAt >> 2) + 3] = FRAME_IN_SLOT | ((FRAME_IN_SLOT + 14) << 16);
    this.#describe(frame, at, view);
    words[slotAt >> 2] = SLOT_USER;
    this.#next = (this.#next + 1) % SLOTS;
    return true;
  }

  #describe(frame: MadeUpFrame, at: number, view: DataView): void {
    const burst = this.#burst;
    burst.count = 0;
    burst.push(at, frame.bytes.length);
    burst.checksum[0] = frame.checksum;
    burst.checksumStart[0] = frame.checksum === ChecksumState.partial ? frame.transportAt : 0;
    burst.checksumOffset[0] = frame.checksumOffset;
    burst.segmentKind[0] = frame.segmentKind;
    burst.segmentBytes[0] = frame.segmentBytes;
    writeVirtioHeader(view, at - VIRTIO_HEADER_BYTES, burst, 0, 0);
  }
}

/** Frames that one breath takes from a port at most, so many are worth putting in. */
export const FRAMES_PER_BREATH = BURST_FRAMES;
