/**
 * Before a worker opens its ports, it runs its own code on made-up frames until V8 has compiled it: the first real frame is handled as
 * fast as the millionth, and no branch is met for the first time under load, which would throw compiled code away. Everything here is
 * scratch: directors, tables, ports and memory of their own. What counts is what V8 learns about the code, so it is the code that this
 * worker will run, and no other: the same kinds of port, the same loop, the same way to wait.
 *
 *     made-up clients and real servers -> ports with made-up kernels -> breatheOn -> Director      (docs/decisions/0011)
 */
import type { IoKind } from './messages.ts';
import { changeKernels } from './warmUpPort.ts';
import { Scene, type SceneOptions } from './warmUpScene.ts';
import { conversations } from './warmUpTraffic.ts';

export interface WarmUpOptions {
  /** Of the ports that the worker will open; those that come twice count once. */
  readonly kinds: readonly IoKind[];
  /** What the worker will wait with. */
  readonly idle: SceneOptions['idle'];
  /** Makes the next sleep end at once. */
  readonly beforeSleep: SceneOptions['beforeSleep'];
  /** Processor time that this process has used so far, microseconds; without it, nobody waits for the compiler. */
  readonly processorMicroseconds?: () => number;
  /** How often everything is played; default 8. */
  readonly rounds?: number;
}

const DEFAULT_ROUNDS = 8;
/** No start takes longer for it. */
const BUDGET_MS = 1000;
/** The compiler works in threads of its own, which need time when all cores are busy. */
const NAP_MS = 5;
const COMPILER_BUDGET_MS = 600;
/** A nap in which the process did less than this: the compiler is done. */
const QUIET_MICROSECONDS = 500;
const QUIET_NAPS = 3;

/** For as long as the thread lives: compiled code refers to objects that it has met, and is thrown away together with them. */
const kept: Scene[] = [];

/**
 * Runs the code of the data plane warm.
 * @returns what the engine counted, for each scene
 */
export function warmUp(options: WarmUpOptions): readonly Readonly<Record<string, number>>[] {
  const { rounds = DEFAULT_ROUNDS } = options;
  const start = performance.now();
  const everything = conversations();
  const kinds = [...new Set(options.kinds)];
  // A table that is soon full, beside ordinary ones; and two of each, for code that has met one object knows it by name.
  const scenes = kinds.flatMap((kind) => [8192, 8192, 64].map((connections) => ({ kind, connections })));
  kept.push(...scenes.map(({ kind, connections }, i) => new Scene({ ...options, kind, connections, seed: i })));
  for (let round = 0; round < rounds && performance.now() - start < BUDGET_MS; round++) {
    changeKernels(round);
    for (const scene of kept) scene.play(everything);
    nap();
  }
  awaitCompiler(options.processorMicroseconds);
  for (const scene of kept) scene.steady(everything);
  awaitCompiler(options.processorMicroseconds);
  return kept.map(({ counters }) => counters);
}

/** Returns when nothing in this process computes any more, or when that takes too long. */
function awaitCompiler(processorMicroseconds: (() => number) | undefined): void {
  if (processorMicroseconds === undefined) return;
  let quiet = 0;
  const start = performance.now();
  while (quiet < QUIET_NAPS && performance.now() - start < COMPILER_BUDGET_MS) {
    const before = processorMicroseconds();
    nap();
    quiet = processorMicroseconds() - before < QUIET_MICROSECONDS ? quiet + 1 : 0;
  }
}

function nap(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, NAP_MS);
}
