/**
 * The client of a simulation: one request at a time. TCP: handshake, request, the server's answer and FIN, our FIN, its ACK. UDP: one
 * datagram each way. A reset, or a segment out of order, is an error of the request.
 */
import { type Address, formatAddress } from '../base/address.ts';
import type { Random } from '../base/random.ts';
import { Protocol } from '../base/terms.ts';
import { TcpFlag } from '../packet/tcp.ts';
import { type SimulatedPacket, START_HOP_LIMIT } from './simulationPacket.ts';

/** How a request stands; `finished` and `failed` are final. */
export type RequestPhase = 'opening' | 'waiting' | 'closing' | 'finished' | 'failed';

export interface SimulatedTarget {
  readonly source: Address;
  readonly address: Address;
  readonly port: number;
  readonly udp: boolean;
}

const { fin, syn, rst, psh, ack } = TcpFlag;
const FIRST_PORT = 32_768;
const PORT_COUNT = 28_232;
const NOTHING = new Uint8Array();

export class SimulatedClient {
  phase: RequestPhase = 'finished';
  /** Why the last request failed. */
  error: string | null = null;
  readonly #random: Random;
  #target: SimulatedTarget | undefined;
  #port: number;
  #sequence = 0;
  #expected = 0;
  #answer: Uint8Array[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#port = random.below(PORT_COUNT);
  }

  /** Begins a request from the next source port. @returns the packet to send */
  start(target: SimulatedTarget, question: string): SimulatedPacket {
    this.#target = target;
    this.#port = (this.#port + 1) % PORT_COUNT;
    this.#answer = [];
    this.error = null;
    this.phase = target.udp ? 'waiting' : 'opening';
    this.#sequence = this.#random.next() | 0;
    this.#expected = 0;
    if (target.udp) return this.#packet(0, new TextEncoder().encode(question));
    return this.#packet(syn, NOTHING);
  }

  /** The text of the answer so far. */
  get answer(): string {
    return new TextDecoder().decode(Uint8Array.from(this.#answer.flatMap((part) => [...part])));
  }

  /** The client's program. */
  receive(packet: SimulatedPacket): SimulatedPacket[] {
    const target = this.#target;
    const isOurs =
      target !== undefined &&
      packet.targetPort === FIRST_PORT + this.#port &&
      packet.sourcePort === target.port &&
      formatAddress(packet.source) === formatAddress(target.address);
    if (!isOurs) return [];
    if (target.udp) {
      this.#answer.push(packet.payload);
      this.phase = 'finished';
      return [];
    }
    return packet.protocol === Protocol.tcp ? this.#receiveSegment(packet) : [];
  }

  #receiveSegment(packet: SimulatedPacket): SimulatedPacket[] {
    if ((packet.flags & rst) !== 0) return this.#fail('ECONNRESET');
    switch (this.phase) {
      case 'opening':
        return this.#finishHandshake(packet);
      case 'waiting':
        return this.#takeAnswer(packet);
      case 'closing':
        // The ACK of our FIN; nothing else is left to come.
        if (packet.acknowledgement === this.#sequence) this.phase = 'finished';
        return [];
      case 'finished':
      case 'failed':
        return [];
    }
  }

  #finishHandshake(packet: SimulatedPacket): SimulatedPacket[] {
    if (packet.flags !== (syn | ack) || packet.acknowledgement !== this.#sequence) return this.#fail('BAD_HANDSHAKE');
    this.#expected = (packet.sequence + 1) | 0;
    this.phase = 'waiting';
    const request = new TextEncoder().encode('GET / HTTP/1.1\r\nConnection: close\r\n\r\n');
    return [this.#packet(ack, NOTHING), this.#packet(psh | ack, request)];
  }

  #takeAnswer(packet: SimulatedPacket): SimulatedPacket[] {
    if (packet.sequence !== this.#expected) return this.#fail('SEGMENT_LOST');
    this.#answer.push(packet.payload);
    this.#expected = (this.#expected + packet.payload.length) | 0;
    if ((packet.flags & fin) === 0) return packet.payload.length > 0 ? [this.#packet(ack, NOTHING)] : [];
    this.#expected = (this.#expected + 1) | 0;
    this.phase = 'closing';
    return [this.#packet(fin | ack, NOTHING)];
  }

  #fail(error: string): SimulatedPacket[] {
    this.phase = 'failed';
    this.error = error;
    return [];
  }

  /** One packet of ours; moves the sequence on. */
  #packet(flags: number, payload: Uint8Array): SimulatedPacket {
    const target = this.#target!;
    const sequence = this.#sequence;
    this.#sequence = (sequence + payload.length + ((flags & (syn | fin)) === 0 ? 0 : 1)) | 0;
    return {
      source: target.source,
      target: target.address,
      hopLimit: START_HOP_LIMIT,
      protocol: target.udp ? Protocol.udp : Protocol.tcp,
      sourcePort: FIRST_PORT + this.#port,
      targetPort: target.port,
      flags,
      sequence,
      acknowledgement: this.#expected,
      payload,
    };
  }
}
