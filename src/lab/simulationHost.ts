/**
 * A host of the simulation: ports on memory switches, addresses, fixed neighbours, a gateway. What arrives for one of its addresses
 * goes to its program; a router also sends on what is for others. Nothing is retransmitted: a simulation loses nothing.
 */
import { formatAddress, parseMac } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { MemoryPort } from '../io/memoryPort.ts';
import { Burst } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import * as ethernet from '../packet/ethernet.ts';
import { neighbourMac, withoutPrefix } from './labActions.ts';
import type { LabNode, LabPlan, NetworkName } from './labPlan.ts';
import { formatPacket, type Mac, readPacket, type SimulatedPacket, START_HOP_LIMIT, writeFrame } from './simulationPacket.ts';

/** What a host does with a packet for one of its addresses: answers, if any, in order. */
export type SimulatedProgram = (packet: SimulatedPacket) => readonly SimulatedPacket[];

/** Told of every packet that a host receives. */
export type PacketListener = (host: string, packet: string) => void;

interface SimulatedInterface {
  readonly network: NetworkName;
  readonly port: MemoryPort;
  readonly mac: Mac;
}

const ETHERNET_AND_MTU = 1600;

export class SimulatedHost {
  readonly name: string;
  readonly interfaces: readonly SimulatedInterface[];
  readonly #plan: LabPlan;
  readonly #arena: FrameArena;
  readonly #addresses: ReadonlySet<string>;
  readonly #gateways: readonly string[];
  readonly #forwards: boolean;
  readonly #program: SimulatedProgram;
  readonly #listener: PacketListener;
  readonly #burst = new Burst();
  readonly #outgoing = new Burst();
  /** Where frames are written before a port copies them out. */
  readonly #draftAt: number;

  constructor(plan: LabPlan, node: LabNode, arena: FrameArena, program: SimulatedProgram, listener: PacketListener) {
    this.name = node.name;
    this.#plan = plan;
    this.#arena = arena;
    this.#program = program;
    this.#listener = listener;
    this.#draftAt = arena.reserve(ETHERNET_AND_MTU);
    this.interfaces = node.interfaces.map(({ network, mac }) => ({
      network,
      port: new MemoryPort(arena, { name: `${node.name}-${network}`, mac }),
      mac: macOf(mac),
    }));
    const own = [...node.loopbackAddresses, ...node.interfaces.flatMap((each) => each.addresses)];
    this.#addresses = new Set(own.map(withoutPrefix));
    this.#gateways = [...node.routes.v4, ...node.routes.v6].map((route) => route.replace('default via ', ''));
    this.#forwards = node.name === 'router';
  }

  /** Sends a packet on its way: to a neighbour, or to the gateway of its family. */
  send(packet: SimulatedPacket): void {
    const target = formatAddress(packet.target);
    const direct = this.#neighbour(target);
    const gateway = this.#gateways.find((each) => each.includes(':') === target.includes(':'));
    const next = direct ?? (gateway === undefined ? undefined : this.#neighbour(gateway));
    assert(next !== undefined, `${this.name} has a route to ${target}`);
    const { via, mac } = next;
    this.#outgoing.count = 0;
    const bytes = writeFrame(this.#arena.view, this.#draftAt, packet, via.mac, mac);
    this.#outgoing.push(this.#draftAt, bytes);
    this.#outgoing.output[0] = 0;
    via.port.transmit(this.#outgoing, 0);
  }

  /** Receives what has arrived, and answers. */
  breathe(): void {
    for (const { port, mac } of this.interfaces) {
      const count = port.receive(this.#burst);
      for (let i = 0; i < count; i++) this.#receive(this.#burst.at[i]!, this.#burst.bytes[i]!, mac);
      port.release(this.#burst);
    }
  }

  #receive(at: number, bytes: number, mac: Mac): void {
    const v = this.#arena.view;
    // A switch that has not learned an address yet floods.
    if (ethernet.targetHigh(v, at) !== mac.high || ethernet.targetLow(v, at) !== mac.low) return;
    const l3 = at + ethernet.HEADER_BYTES;
    const packet = readPacket(v, l3, bytes - ethernet.HEADER_BYTES);
    this.#listener(this.name, formatPacket(packet));
    this.#take(packet);
  }

  #take(packet: SimulatedPacket): void {
    if (!this.#addresses.has(formatAddress(packet.target))) {
      assert(this.#forwards && isForwardable(packet), `${this.name} gets no packet for ${formatAddress(packet.target)}`);
      this.send({ ...packet, hopLimit: packet.hopLimit - 1 });
    } else if (packet.inner !== undefined) {
      const { inner } = packet;
      this.#take(readPacket(new DataView(inner.buffer, inner.byteOffset, inner.length), 0, inner.length));
    } else {
      for (const answer of this.#program(packet)) this.send(answer);
    }
  }

  /** The MAC address of a host on one of our networks, and our interface to it. */
  #neighbour(target: string): { via: SimulatedInterface; mac: Mac } | undefined {
    for (const via of this.interfaces) {
      const mac = neighbourMac(this.#plan, via, target);
      if (mac !== undefined) return { via, mac: macOf(mac) };
    }
    return undefined;
  }
}

/** A packet with the addresses and ports of `packet` exchanged, protocol kept. */
export function replyTo(packet: SimulatedPacket): Omit<SimulatedPacket, 'payload'> {
  const { source, target, sourcePort, targetPort } = packet;
  return { ...packet, source: target, target: source, sourcePort: targetPort, targetPort: sourcePort, hopLimit: START_HOP_LIMIT };
}

function isForwardable(packet: SimulatedPacket): boolean {
  return packet.hopLimit > 1;
}

function macOf(text: string): Mac {
  const mac = parseMac(text);
  assert(mac !== undefined, `${text} is a MAC address`);
  return mac;
}
