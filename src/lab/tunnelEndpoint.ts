/**
 * The real server's end of an IP-in-IP tunnel, for kernels without ipip: a process in the real server's namespace.
 *
 *     eth0 --(rule: protocol 4 or 41 -> table 100)--> device --> this process --inner packet--> device --> the kernel: VIP on lo
 *
 * Outer packets come by a routing rule that stands before the local table (labPlan, TUNNEL_TABLE), so the kernel neither takes them
 * itself nor answers that it does not know the protocol, and nothing needs to be captured. The device goes with the process, and
 * its routes with it.
 */
import { writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../base/assert.ts';
import { BURST_FRAMES, NONE } from '../base/terms.ts';
import { native } from '../io/native.ts';

import { TunPort } from '../io/tunPort.ts';
import { Waiter } from '../io/waiter.ts';
import { Burst } from '../memory/burst.ts';
import { FrameArena } from '../memory/frameArena.ts';
import * as ethernet from '../packet/ethernet.ts';
import { Flow, FragmentKind, parseFlow } from '../packet/flow.ts';
import { TUNNEL_DEVICE, TUNNEL_TABLE } from './labPlan.ts';
import { runIp } from './namespaces.ts';
import { Reassembly } from './reassembly.ts';
import { innerFamily, innerPacketAt, isTunnelPacket } from './tunnelPacket.ts';

const FRAMES = 512;
const MTU_BYTES = 1500;
/** Room for a packet that was put together, with its link header. */
const SLOT_BYTES = 1536;
const ARENA_BYTES = 4 << 20;
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
  /** A slot for each frame of a burst. */
  readonly #slotsAt: number;

  constructor(port: TunPort, arena: FrameArena) {
    this.#port = port;
    this.#arena = arena;
    this.#slotsAt = arena.reserve(SLOT_BYTES * BURST_FRAMES);
    assert(this.#slotsAt !== NONE, 'the arena has room for a burst');
  }

  /** Unpacks everything that waits. @returns packets received */
  unpack(): number {
    const count = this.#port.receive(this.#received);
    this.#inner.count = 0;
    for (let i = 0; i < count; i++) this.#unpackOne(this.#received.at[i]!, this.#received.bytes[i]!);
    this.#port.transmit(this.#inner, 0);
    this.#port.release(this.#received);
    return count;
  }

  #unpackOne(frameAt: number, frameBytes: number): void {
    const flow = this.#flow;
    const v = this.#arena.view;
    if (!isTunnelPacket(parseFlow(v, frameAt, frameBytes, flow), flow)) return;
    if (flow.fragment === FragmentKind.none) {
      const at = innerPacketAt(v, flow);
      // The link header goes over the end of the outer IP header, which nobody needs any more.
      if (at !== NONE) this.#give(at - ethernet.HEADER_BYTES, flow.end - at);
      return;
    }
    const whole = this.#reassembly.add(v, flow);
    if (whole === undefined || whole.length > MTU_BYTES) return;
    const slot = this.#slotsAt + this.#inner.count * SLOT_BYTES;
    this.#arena.bytes.set(whole, slot + ethernet.HEADER_BYTES);
    this.#give(slot, whole.length);
  }

  #give(frameAt: number, packetBytes: number): void {
    ethernet.write(this.#arena.view, frameAt, 0, 0, 0, 0, ethernet.etherTypeOf(innerFamily(this.#flow)));
    const i = this.#inner.push(frameAt, packetBytes + ethernet.HEADER_BYTES);
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
