/**
 * A port that shows every frame to a sink on its way: what the engine got and what it wanted to send. Behaves as the port it wraps;
 * while `enabled` is false it costs one test per burst.
 */
import type { Clock } from '../base/clock.ts';
import { type Burst, TAKEN } from '../memory/burst.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import type { Port, PortCounters, PortFacts } from './port.ts';

export const Direction = { receive: 0, transmit: 1 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

/**
 * Sees one frame: `bytes` bytes of `v` from `at` on, which it must neither change nor keep.
 * @param timeMs what the clock showed when the burst passed
 */
export type TraceSink = (direction: Direction, timeMs: number, v: DataView, at: number, bytes: number) => void;

export class TracingPort implements Port {
  /** Whether the sink is called; switched at any time. */
  enabled = true;
  readonly #inner: Port;
  readonly #v: DataView;
  readonly #clock: Clock;
  readonly #sink: TraceSink;

  /** @param arena the one that `inner` was opened with */
  constructor(inner: Port, arena: FrameArena, clock: Clock, sink: TraceSink) {
    this.#inner = inner;
    this.#v = arena.view;
    this.#clock = clock;
    this.#sink = sink;
  }

  get facts(): PortFacts {
    return this.#inner.facts;
  }

  get counters(): PortCounters {
    return this.#inner.counters;
  }

  get fileDescriptor(): number {
    return this.#inner.fileDescriptor;
  }

  receive(burst: Burst): number {
    const count = this.#inner.receive(burst);
    if (this.enabled && count > 0) {
      const timeMs = this.#clock.now();
      for (let i = 0; i < count; i++) this.#sink(Direction.receive, timeMs, this.#v, burst.at[i]!, burst.bytes[i]!);
    }
    return count;
  }

  transmit(burst: Burst, index: number): void {
    // Before the port has them: afterwards they may be TAKEN.
    if (this.enabled && burst.count > 0) {
      const timeMs = this.#clock.now();
      for (let i = 0; i < burst.count; i++) {
        if (burst.output[i] !== index || burst.at[i] === TAKEN) continue;
        this.#sink(Direction.transmit, timeMs, this.#v, burst.at[i]!, burst.bytes[i]!);
      }
    }
    this.#inner.transmit(burst, index);
  }

  release(burst: Burst): void {
    this.#inner.release(burst);
  }

  close(): void {
    this.#inner.close();
  }
}
