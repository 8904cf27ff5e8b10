/** What is done with each member of the cast in one repetition, and how it is written down. */
import type { Member } from './cast.ts';
import { type FrameRun, runBulk, runOffered, runOverload, runRequests, type Throughput } from './loads.ts';
import type { Load, Method } from './peers.ts';
import { place, setOffloads } from './placement.ts';
import { atBetterSide } from './receiveSide.ts';
import type { Recorder } from './recorder.ts';

export interface Scale {
  readonly repetitions: number;
  /** Of one load of frames. wrk and iperf3 know only whole seconds, so theirs is always 1. */
  readonly frameSeconds: number;
  /** Halvings in the search for the highest rate that loses at most 1 %. */
  readonly searchSteps: number;
}

export const FULL_SCALE: Scale = { repetitions: 5, frameSeconds: 1, searchSteps: 5 };
export const QUICK_SCALE: Scale = { repetitions: 1, frameSeconds: 0.3, searchSteps: 2 };

/** What a capacity may lose. */
const TOLERATED_LOSS = 0.01;
/** The search begins between these parts of what came through in overload. */
const SEARCH_FROM = 0.3;
const SEARCH_TO = 2.2;
const SEARCH_SECONDS = 0.25;
/**
 * The ring of a veth holds 256 frames, a millisecond's worth: whatever else the core does for three of them costs a run 1 %. So a run
 * that loses little is given further chances; one that loses much is not.
 */
const TRIES = 3;
const HOPELESS_LOSS = 0.2;
const TOOL_SECONDS = 1;

/** One load on one member, once. Rejects when it failed; the director is awake. */
export async function perform(member: Member, method: Method, load: Load, scale: Scale, recorder: Recorder): Promise<void> {
  switch (load) {
    case 'frames':
      await place(member.stage, 'napi');
      return performFrames(member, method, scale, recorder);
    case 'split':
      await place(member.stage, 'split');
      return noteFrames(recorder, member, method, 'split overload', await runOverload(member, method, scale.frameSeconds));
    case 'connections':
    case 'keep-alive':
      return performRequests(member, method, load, recorder);
    case 'up':
    case 'down':
    case 'udp':
      return performBulk(member, method, load, 'on', recorder);
  }
}

/** Bulk between endpoints that compute their checksums and cut their segments themselves. */
export async function performWithoutOffloads(member: Member, method: Method, recorder: Recorder): Promise<void> {
  await setOffloads(member.stage, false);
  try {
    await performBulk(member, method, 'up', 'off', recorder);
  } finally {
    await setOffloads(member.stage, true);
  }
}

async function performRequests(
  member: Member,
  method: Method,
  load: Extract<Load, 'connections' | 'keep-alive'>,
  recorder: Recorder,
): Promise<void> {
  const { result, side } = await atBetterSide(member, `${method} ${load}`, () => runRequests(member, method, load, TOOL_SECONDS));
  noteRequests(recorder, member, method, load, result, side);
}

async function performBulk(
  member: Member,
  method: Method,
  load: Extract<Load, 'up' | 'down' | 'udp'>,
  offloads: 'on' | 'off',
  recorder: Recorder,
): Promise<void> {
  const name = `${method} ${load} ${offloads}`;
  const { result, side } = await atBetterSide(member, name, () => runBulk(member, method, load, TOOL_SECONDS));
  noteBulk(recorder, member, method, load, offloads, result, side);
}

async function performFrames(member: Member, method: Method, scale: Scale, recorder: Recorder): Promise<void> {
  const overload = await runOverload(member, method, scale.frameSeconds);
  noteFrames(recorder, member, method, 'overload', overload);
  const capacity = await searchCapacity(member, method, overload.forwardedPps, scale.searchSteps);
  noteFrames(recorder, member, method, 'capacity', capacity);
}

/** Halves the interval, on a logarithmic scale. @returns the run at the highest rate that lost no more than is tolerated */
async function searchCapacity(member: Member, method: Method, overloadPps: number, steps: number): Promise<FrameRun> {
  let [low, high] = [overloadPps * SEARCH_FROM, overloadPps * SEARCH_TO];
  let found: FrameRun | undefined;
  for (let i = 0; i < steps; i++) {
    const rate = Math.sqrt(low * high);
    const run = await runWithChances(member, method, rate);
    if (run.loss <= TOLERATED_LOSS) {
      found = run;
      low = rate;
    } else high = rate;
  }
  // Not one step was good enough: the lowest rate is looked at, whatever it loses.
  return found ?? (await runWithChances(member, method, low));
}

async function runWithChances(member: Member, method: Method, rate: number): Promise<FrameRun> {
  let run = await runOffered(member, method, rate, SEARCH_SECONDS);
  for (let i = 1; i < TRIES && run.loss > TOLERATED_LOSS && run.loss < HOPELESS_LOSS; i++) {
    run = await runOffered(member, method, rate, SEARCH_SECONDS);
  }
  return run;
}

function labelsOf({ description: { io, wait } }: Member, method: Method): Record<string, string> {
  return { method, io, ...(wait === '' ? {} : { wait }) };
}

function noteFrames(recorder: Recorder, member: Member, method: Method, load: string, run: FrameRun): void {
  const { name } = member.description;
  const labels = { load, ...labelsOf(member, method), bytes: 64 };
  const share = Math.min(1, run.cpu.coreSeconds / run.seconds) * 100;
  const note =
    `offered ${(run.offeredPps / 1e6).toFixed(3)} Mpps, lost ${(run.loss * 100).toFixed(1)} %, core ${share.toFixed(0)} % busy` +
    (run.loss > TOLERATED_LOSS && load === 'capacity' ? '; loses more than 1 % at every rate' : '');
  recorder.add({ name, labels, unit: 'Mpps', value: run.forwardedPps / 1e6, note });
  if (run.forwarded > 0)
    recorder.add({ name, labels, unit: 'core ns/packet', value: (run.cpu.coreSeconds / run.forwarded) * 1e9 });
}

function noteRequests(recorder: Recorder, member: Member, method: Method, load: Load, run: Throughput, side: string): void {
  const { name } = member.description;
  const labels = { load, ...labelsOf(member, method), clients: 64 };
  const what = load === 'connections' ? 'connection' : 'request';
  const note = `director's processes ${((run.cpu.processSeconds / run.amount) * 1e6).toFixed(1)} us per ${what}; ${side}`;
  recorder.add({ name, labels, unit: `${what}s/s`, value: run.value, note });
  recorder.add({ name, labels, unit: `core us/${what}`, value: (run.cpu.coreSeconds / run.amount) * 1e6 });
}

function noteBulk(
  recorder: Recorder,
  member: Member,
  method: Method,
  load: Load,
  offloads: 'on' | 'off',
  run: Throughput & { readonly loss: number },
  side: string,
): void {
  const { name } = member.description;
  const labels = { load, ...labelsOf(member, method), offloads };
  const process = `director's processes ${(run.cpu.processSeconds / run.amount).toFixed(3)} s per GB; ${side}`;
  const note = load === 'udp' ? `lost ${(run.loss * 100).toFixed(0)} %; ${process}` : process;
  recorder.add({ name, labels, unit: 'Gbit/s', value: run.value, note });
  recorder.add({ name, labels, unit: 'core s/GB', value: run.cpu.coreSeconds / run.amount });
}
