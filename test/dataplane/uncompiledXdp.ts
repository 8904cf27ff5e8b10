/**
 * Run by xdpAllocation.test.ts in a process that compiles nothing: frames through two AF_XDP ports, the wait for the next ones, and the
 * clocks. Prints how many bytes of V8's heap each round took. Compiled code keeps fractions in registers; here each one is an object.
 */
import { CoarseClock, PAUSE_CLOCK } from '../../src/dataplane/coarseClock.ts';
import { Idle } from '../../src/dataplane/idle.ts';
import { MadeUpXdpPort } from '../../src/dataplane/warmUpXdp.ts';
import { XDP_PORT_CHUNKS, XdpMemory } from '../../src/io/xdpMemory.ts';
import { Burst, SegmentKind } from '../../src/memory/burst.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';

const ROUNDS = 3000;
const FRAMES = 3;
/** Breaths without a frame between two bursts: more than one look at the clock. */
const QUIET_BREATHS = 40;

const memory = new XdpMemory(new FrameArena(new ArrayBuffer(32 << 20)), 2 * XDP_PORT_CHUNKS);
const [from, to] = [new MadeUpXdpPort(memory, 'from'), new MadeUpXdpPort(memory, 'to')];
const waiter = { wait: () => true };
const idle = new Idle('adaptive', waiter, PAUSE_CLOCK);
const clock = new CoarseClock();
const burst = new Burst();
const frame = {
  bytes: new Uint8Array(60),
  segmentKind: SegmentKind.none,
  checksum: 0,
  transportAt: 34,
  checksumOffset: 6,
  segmentBytes: 0,
} as const;
let forwarded = 0;
let ticks = 0;

function round(): void {
  for (let i = 0; i < FRAMES; i++) from.receive(frame);
  forwarded += from.port.receive(burst);
  for (let i = 0; i < burst.count; i++) burst.output[i] = 1;
  to.port.transmit(burst, 1);
  from.port.release(burst);
  idle.busy();
  for (let i = 0; i < QUIET_BREATHS; i++) {
    to.port.receive(burst);
    idle.quiet();
    ticks = (ticks + clock.now()) | 0;
  }
}

function bytesOf(rounds: number): number {
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < rounds; i++) round();
  return process.memoryUsage().heapUsed - before;
}

bytesOf(100);
const bytes = bytesOf(ROUNDS) / ROUNDS;
if (forwarded !== (ROUNDS + 100) * FRAMES) throw new Error(`only ${forwarded} frames went on`);
process.stdout.write(JSON.stringify({ bytesPerRound: bytes }));
