/**
 * The real server's end of a tunnel (IP in IP, GUE, GRE), for kernels without them: a process in the real server's namespace.
 *
 *     eth0 --(rule: protocol 4, 41, 47 or 17 -> table 100)--> device --> this process --inner packet--> device --> the kernel: VIP on lo
 *
 * Outer packets come by a routing rule that stands before the local table (labPlan, TUNNEL_TABLE), so the kernel neither takes them
 * itself nor answers that it does not know the protocol, and nothing needs to be captured. UDP that is not GUE goes back as it is. The
 * device goes with the process, and its routes with it.
 */
import { writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../base/assert.ts';
import { NONE } from '../base/terms.ts';
import { native } from '../io/native.ts';
import { TunPort } from '../io/tunPort.ts';
import { Waiter } from '../io/waiter.ts';
import { Burst } from '../memory/burst.ts';
import { FrameArena } from '../memory/frameArena.ts';
import * as ethernet from '../packet/ethernet.ts';
import { Flow, FlowFault, FragmentKind, parseFlow } from '../packet/flow.ts';
import { TUNNEL_DEVICE, TUNNEL_TABLE } from './labPlan.ts';
import { runIp } from './namespaces.ts';
import { Reassembly } from './reassembly.ts';
import { innerPacketAt, isTunnelPacket } from './tunnelPacket.ts';

const FRAMES = 128;
/** A datagram that was put together is longer than any link's MTU. */
const MTU_BYTES = 65_535;
/** Room for the longest packet that can have been put together, with its link header. */
const SLOT_BYTES = 65_536 + 64;
const SLOTS = 16;
const ARENA_BYTES = 16 << 20;
/** Longest that a signal waits while the thread sleeps. */
const SLEEP_MS = 50;

/** Takes outer packets from a TUN device and gives what is inside back to it. */
class TunnelUnpacker {
  readonly #port: TunPort;
  readonly #arena: FrameArena;
  readonly #received = new Burst();
  readonly #inner = new Burst();
  readonly #flow = new Flow();
  readonly #reassembly = new Reassembly();
  readonly #slotsAt: number;
  #slotsUsed = 0;

  constructor(port: TunPort, arena: FrameArena) {
    this.#port = port;
    this.#arena = arena;
    this.#slotsAt = arena.reserve(SLOT_BYTES * SLOTS);
    assert(this.#slotsAt !== NONE, 'the arena has room for the slots');
  }

  /** Unpacks everything that waits. @returns packets received */
  unpack(): number {
    const count = this.#port.receive(this.#received);
    for (let i = 0; i < count; i++) this.#unpackOne(this.#received.at[i]!, this.#received.bytes[i]!);
    this.#send();
    this.#port.release(this.#received);
    return count;
  }

  #send(): void {
    this.#port.transmit(this.#inner, 0);
    this.#inner.count = 0;
    this.#slotsUsed = 0;
  }

  #unpackOne(frameAt: number, frameBytes: number): void {
    const flow = this.#flow;
    const v = this.#arena.view;
    const fault = parseFlow(v, frameAt, frameBytes, flow);
    if (!isTunnelPacket(fault, flow)) {
      if (fault === FlowFault.none) this.#give(v, flow.l3, flow.end);
    } else if (flow.fragment === FragmentKind.none) {
      const at = innerPacketAt(v, flow);
      if (at !== NONE) this.#give(v, at, flow.end);
    } else {
      const whole = this.#reassembly.add(v, flow);
      if (whole !== undefined) this.#unpackWhole(whole);
    }
  }

  /** Of a datagram that came in pieces; `#flow` describes the last one of them. */
  #unpackWhole(payload: Uint8Array): void {
    const flow = this.#flow;
    const v = new DataView(payload.buffer, payload.byteOffset, payload.length);
    flow.l4 = 0;
    flow.end = payload.length;
    flow.fragment = FragmentKind.none;
    const at = innerPacketAt(v, flow);
    if (at === NONE) return;
    if (this.#slotsUsed === SLOTS) this.#send();
    const slot = this.#slotsAt + this.#slotsUsed++ * SLOT_BYTES;
    this.#arena.bytes.set(payload.subarray(at), slot + ethernet.HEADER_BYTES);
    this.#give(this.#arena.view, slot + ethernet.HEADER_BYTES, slot + ethernet.HEADER_BYTES + flow.end - at);
  }

  /** The link header goes over what is in front of the packet, which nobody needs any more. */
  #give(v: DataView, packetAt: number, end: number): void {
    const frameAt = packetAt - ethernet.HEADER_BYTES;
    ethernet.write(v, frameAt, 0, 0, 0, 0, ethernet.etherTypeOf(v.getUint8(packetAt) >> 4));
    const i = this.#inner.push(frameAt, end - frameAt);
    this.#inner.output[i] = 0;
  }
}

async function main(): Promise<void> {
  const arena = new FrameArena(native().arena(ARENA_BYTES));
  const port = new TunPort(arena, { name: TUNNEL_DEVICE, mtu: MTU_BYTES, frames: FRAMES });
  // On a device without an address the kernel drops every source unless the check is off altogether, also a loose one.
  writeFileSync(`/proc/sys/net/ipv4/conf/${port.facts.name}/rp_filter`, '0');
  for (const family of ['-4', '-6']) {
    await runIp([family, 'route', 'replace', 'default', 'dev', port.facts.name, 'table', String(TUNNEL_TABLE)]);
  }
  const end = { wanted: false };
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      end.wanted = true;
    });
  }
  process.stdout.on('error', () => {});
  process.stdout.write('ready\n');
  const waiter = new Waiter([port]);
  const unpacker = new TunnelUnpacker(port, arena);
  while (!end.wanted) {
    if (unpacker.unpack() === 0) waiter.wait(SLEEP_MS);
    await nextTurn();
  }
  waiter.close();
  port.close();
}

if (import.meta.main) await main();
