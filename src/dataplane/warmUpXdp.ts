/** A made-up kernel behind an XdpPort: the other end of its four rings. */
import { NONE } from '../base/terms.ts';
import type { XdpOpenOptions, XdpRingPlace } from '../io/native.ts';
import { FRAME_IN_CHUNK, type XdpMemory } from '../io/xdpMemory.ts';
import { XdpPort } from '../io/xdpPort.ts';
import { SegmentKind } from '../memory/burst.ts';
import type { MadeUpFrame } from './warmUpFrames.ts';
import { MadeUpAnswers, type MadeUpPort, madeUpFacts, NO_SOCKET, PAGE_BYTES, unlikeOthers } from './warmUpPort.ts';

const NEED_WAKEUP = 1;
const ADDRESS_WORDS = 2;
const DESCRIPTOR_WORDS = 4;
const NOTHING_LOST = { receiveDropped: 0, receiveRingFull: 0, invalidDescriptors: 0 };

export class MadeUpXdpPort implements MadeUpPort {
  readonly port: XdpPort;
  readonly #memory: XdpMemory;
  readonly #answers = new MadeUpAnswers();
  #receive: XdpRingPlace | undefined;
  #transmit: XdpRingPlace | undefined;
  #fill: XdpRingPlace | undefined;
  #completion: XdpRingPlace | undefined;

  constructor(memory: XdpMemory, name: string) {
    this.#memory = memory;
    this.port = new XdpPort(memory, {
      interface: name,
      kernel: unlikeOthers({
        facts: madeUpFacts(name),
        pageBytes: PAGE_BYTES,
        xdpOpen: (_arena, options) => this.#open(options),
        xdpKick: () => this.#send(),
        xdpWake: () => {},
        xdpStatistics: () => NOTHING_LOST,
        checksum: () => 0,
        closeFd: () => {},
      }),
    });
  }

  receive({ bytes, segmentKind }: MadeUpFrame): boolean {
    const { words, bytes: arena } = this.#memory.arena;
    if (segmentKind !== SegmentKind.none) return false;
    const entry = take(words, this.#fill!, ADDRESS_WORDS);
    if (entry === NONE) return false;
    const address = words[entry]! + FRAME_IN_CHUNK;
    arena.set(bytes, this.#memory.at + address);
    put(words, this.#receive!, DESCRIPTOR_WORDS, address, bytes.length);
    return true;
  }

  #open(o: XdpOpenOptions) {
    const { words } = this.#memory.arena;
    const place = (at: number, entries: number): XdpRingPlace => {
      words[(at + 128) >> 2] = NEED_WAKEUP;
      return { producerAt: at, consumerAt: at + 64, flagsAt: at + 128, entriesAt: at + PAGE_BYTES, entries };
    };
    this.#receive = place(o.receiveAt, o.receiveEntries);
    this.#transmit = place(o.transmitAt, o.transmitEntries);
    this.#fill = place(o.fillAt, o.fillEntries);
    this.#completion = place(o.completionAt, o.completionEntries);
    const { receive, transmit, fill, completion } = {
      receive: this.#receive,
      transmit: this.#transmit,
      fill: this.#fill,
      completion: this.#completion,
    };
    return { fd: NO_SOCKET, receive, transmit, fill, completion };
  }

  /** Everything in the transmit ring is sent at once; when the call fails, nothing. */
  #send(): number {
    const failure = this.#answers.answer(0);
    if (failure < 0) return failure;
    const { words } = this.#memory.arena;
    for (;;) {
      const entry = take(words, this.#transmit!, DESCRIPTOR_WORDS);
      if (entry === NONE) return 0;
      put(words, this.#completion!, ADDRESS_WORDS, words[entry]!, 0);
    }
  }
}

/** The next entry that the port has put in: its index in `words`; NONE when there is none. */
function take(words: Int32Array, { producerAt, consumerAt, entriesAt, entries }: XdpRingPlace, entryWords: number): number {
  const consumer = words[consumerAt >> 2]!;
  if (consumer === words[producerAt >> 2]) return NONE;
  words[consumerAt >> 2] = (consumer + 1) | 0;
  return (entriesAt >> 2) + (consumer & (entries - 1)) * entryWords;
}

function put(words: Int32Array, ring: XdpRingPlace, entryWords: number, address: number, length: number): void {
  const producer = words[ring.producerAt >> 2]!;
  const entry = (ring.entriesAt >> 2) + (producer & (ring.entries - 1)) * entryWords;
  words[entry] = address;
  words[entry + 1] = 0;
  if (entryWords === DESCRIPTOR_WORDS) words[entry + 2] = length;
  words[ring.producerAt >> 2] = (producer + 1) | 0;
}
