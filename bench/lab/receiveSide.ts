/**
 * Real tools load both cores, and a director may have its frames received on its own core (steered there, or by a thread) or by whoever
 * sends them. Which is better differs: a director in the kernel gains a core by steering, while one that spins is interrupted by it. So
 * each is tried both ways before its first repetition of a load, and measured the better way from then on.
 */
import type { Member } from './cast.ts';
import type { Throughput } from './loads.ts';
import { type Placement, place } from './placement.ts';

const SIDES: readonly Placement[] = ['rps', 'split'];

/** What stands in the note of a figure. */
const TEXTS: Readonly<Record<Placement, string>> = {
  napi: 'received by threads on its own core',
  rps: 'received on its own core',
  split: "received on the sender's core",
};

const chosen = new WeakMap<Member, Map<string, Placement>>();

/**
 * Runs `load` with the receive side that suits this director and load best.
 * @param name of the load, for the memory
 * @returns its result, and where frames were received, for people
 */
export async function atBetterSide<Result extends Throughput>(
  member: Member,
  name: string,
  load: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly side: string }> {
  const known = chosen.get(member) ?? new Map<string, Placement>();
  chosen.set(member, known);
  let side = known.get(name);
  if (side === undefined) {
    side = await betterSide(member, load);
    known.set(name, side);
  }
  await place(member.stage, side);
  return { result: await load(), side: TEXTS[side] };
}

/** One run each; a side on which the load fails is no choice. Rejects when it fails on both. */
async function betterSide(member: Member, load: () => Promise<Throughput>): Promise<Placement> {
  const values = new Map<Placement, number>();
  let failure: unknown;
  for (const side of SIDES) {
    await place(member.stage, side);
    await load().then(
      ({ value }) => values.set(side, value),
      (error: unknown) => {
        failure = error;
      },
    );
  }
  const best = SIDES.filter((side) => values.has(side)).toSorted((a, b) => values.get(b)! - values.get(a)!)[0];
  if (best === undefined) throw failure;
  return best;
}
