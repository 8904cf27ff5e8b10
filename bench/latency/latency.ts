/**
 * Latency: how much later a datagram arrives for having gone through a director, what a director costs when nothing happens, and
 * whether its first seconds stall. Sender and receiver share core 0 and one clock; frames are received by core 0 and forwarded by
 * core 1, on which the director runs (kernel routing: all on core 0, or steered to core 1). A veth without director is the zero.
 */
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { labObstacle } from '../../src/lab/namespaces.ts';
import type { Suite, SuiteOptions, SuiteResult } from '../figures.ts';
import { DIRECTOR_CORE, MASQ_ADDRESS, REAL_SERVERS, WIRE_SERVER } from '../lab/addresses.ts';
import { Cast, type Member } from '../lab/cast.ts';
import { readCpuTime } from '../lab/cpuTime.ts';
import { compileTool } from '../lab/nativeTools.ts';
import { otherPeers } from '../lab/peers.ts';
import { keepOffDirectorCore, type Placement, place } from '../lab/placement.ts';
import { Recorder } from '../lab/recorder.ts';
import { closeStage, openStage } from '../lab/stage.ts';
import { startUvs, uvsPeers } from '../lab/uvsPeer.ts';
import { underChurn } from './churn.ts';
import { type Delays, measureDelays, measureStall } from './delays.ts';
import { LATER_MEASURE, latencyTargets, MACHINE_MEASURE, START_MEASURE, WIRE } from './latencyTargets.ts';
import { measureMemory } from './memory.ts';

interface Scale {
  readonly repetitions: number;
  readonly seconds: number;
  readonly idleSeconds: number;
  readonly startRepetitions: number;
  /** Of load, in which the worker's collections are counted. */
  readonly memorySeconds: number;
}

const FULL_SCALE: Scale = { repetitions: 5, seconds: 1, idleSeconds: 10, startRepetitions: 5, memorySeconds: 60 };
const QUICK_SCALE: Scale = { repetitions: 1, seconds: 0.3, idleSeconds: 2, startRepetitions: 1, memorySeconds: 2 };
const RATES_PPS = [5000, 100_000];
/** At the start of a director: the load, and how long its first seconds are. */
const START = { ratePps: 5000, seconds: 3 };
const WARM_UP_SECONDS = 1.5;
/** After waking up, until a director is at rest. */
const SETTLE_MS = 1000;

/** A full run takes about seven minutes, a quick one less than one. */
export const latency: Suite = async (options) => {
  const obstacle = labObstacle()?.message ?? (cpus().length < 2 ? 'latency needs two processor cores' : undefined);
  if (obstacle !== undefined) {
    options.progress(`latency left out: ${obstacle}`);
    return { figures: [], targets: [] };
  }
  const giveBack = keepOffDirectorCore();
  const cast = new Cast(options.progress);
  try {
    await cast.prepare();
    return await run(cast, options);
  } finally {
    await cast.close();
    giveBack();
  }
};

async function run(cast: Cast, options: SuiteOptions): Promise<SuiteResult> {
  const { quick, progress, signal } = options;
  const tool = compileTool('delay', cast.folder);
  const peers = [...otherPeers().filter(({ name }) => name === 'kernel routing'), ...uvsPeers()];
  await cast.add(peers, '', (member) => warmUp(tool, member));
  const recorder = new Recorder('latency');
  await measureAll(cast, tool, quick ? QUICK_SCALE : FULL_SCALE, recorder, options).catch((error: unknown) => {
    if (!signal.aborted || recorder.figures().length === 0) throw error;
    progress('latency: cut short; what was measured until then counts');
  });
  const figures = recorder.figures();
  return { figures, targets: latencyTargets(figures), missing: cast.missing };
}

/** What fails is named and left out; throws when the signal says that it is enough. */
async function measureAll(
  cast: Cast,
  tool: string,
  scale: Scale,
  recorder: Recorder,
  { progress, signal }: SuiteOptions,
): Promise<void> {
  const attempt = async (what: string, work: () => Promise<void>) => {
    signal.throwIfAborted();
    await work().catch((error: unknown) =>
      progress(`latency: ${what}: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  for (let i = 1; i <= scale.repetitions; i++) {
    for (const member of cast.members) {
      await attempt(member.description.name, () => member.awake(() => measureMember(tool, member, scale, recorder)));
    }
    progress(`latency: repetition ${i} of ${scale.repetitions}`);
  }
  await attempt('at rest', () => measureRest(cast.members, scale, recorder));
  for (const member of cast.members.filter(({ description }) => description.wait === 'adaptive')) {
    await attempt('collections', () => member.awake(() => measureMemory(tool, member, scale.memorySeconds, recorder)));
    progress(`latency: ${member.description.name}, collections in ${scale.memorySeconds} s of load`);
  }
  const stallTool = compileTool('stall', cast.folder);
  for (let i = 1; i <= scale.startRepetitions; i++) {
    await attempt('the machine alone', () => measureMachine(stallTool, recorder));
    for (const io of ['packet', 'xdp'] as const) {
      await attempt(`start of ${io}`, () => measureStart(tool, cast.folder, io, recorder));
    }
    progress(`latency: start ${i} of ${scale.startRepetitions}`);
  }
}

/** A director that has just started is still being compiled, on the same core; its first seconds are a figure of their own. */
async function warmUp(tool: string, member: Member): Promise<void> {
  await place(member.stage, 'split');
  const address = member.description.io === 'kernel' ? REAL_SERVERS[0] : MASQ_ADDRESS;
  await measureDelays(tool, member.stage, address, Math.max(...RATES_PPS), WARM_UP_SECONDS);
}

async function measureMember(tool: string, member: Member, scale: Scale, recorder: Recorder): Promise<void> {
  const { name, io, wait } = member.description;
  const isKernel = io === 'kernel';
  const ways: readonly (readonly [name: string, address: string, placement: Placement])[] = isKernel
    ? [
        [WIRE, WIRE_SERVER, 'split'],
        [name, REAL_SERVERS[0], 'split'],
        [`${name}, steered`, REAL_SERVERS[0], 'rps'],
      ]
    : [[name, MASQ_ADDRESS, 'split']];
  for (const [label, address, placement] of ways) {
    await place(member.stage, placement);
    for (const [ratePps, churn] of conditionsOf(member)) {
      const measured = () => measureDelays(tool, member.stage, address, ratePps, scale.seconds);
      const { sent, received, p50, p99, p999, max } = churn ? await underChurn(member.peer, measured) : await measured();
      const note = `${received} of ${sent} arrived`;
      for (const [measure, value] of Object.entries({ p50, p99, 'p99.9': p999, max })) {
        const labels = { measure, ratePps, io, ...(wait === '' ? {} : { wait }), ...(churn ? { control: 'busy' } : {}) };
        recorder.add({ name: label, labels, unit: 'us one way', value, note });
      }
    }
  }
}

/** UVS also while its control side answers for its status and reads its configuration again, many times a second. */
function conditionsOf({ description, peer }: Member): (readonly [ratePps: number, churn: boolean])[] {
  const quiet = RATES_PPS.map((ratePps) => [ratePps, false] as const);
  const isCompared = peer.status !== undefined && description.wait !== 'block';
  return isCompared ? [...quiet, ...RATES_PPS.map((ratePps) => [ratePps, true] as const)] : quiet;
}

/** Directors that do not spin, all at once: each one's own processor time. */
async function measureRest(members: readonly Member[], { idleSeconds }: Scale, recorder: Recorder): Promise<void> {
  const resting = members.filter(({ description }) => description.wait === 'adaptive' || description.wait === 'block');
  for (const { peer } of resting) peer.resume();
  try {
    await delay(SETTLE_MS);
    const before = resting.map(({ peer }) => readCpuTime(peer.pids).processSeconds);
    const startedAt = performance.now();
    await delay(idleSeconds * 1000);
    const elapsed = (performance.now() - startedAt) / 1000;
    for (const [i, { peer, description }] of resting.entries()) {
      const used = readCpuTime(peer.pids).processSeconds - before[i]!;
      const labels = { measure: 'at rest', io: description.io, wait: description.wait };
      recorder.add({ name: description.name, labels, unit: '% of a core', value: (used / elapsed) * 100 });
    }
  } finally {
    for (const { peer } of resting) peer.pause();
  }
}

/** The share of the machine in a stall: no director, no sender. */
async function measureMachine(stallTool: string, recorder: Recorder): Promise<void> {
  const value = await measureStall(stallTool, DIRECTOR_CORE, START.seconds);
  recorder.add({ name: 'a program that only spins', labels: { measure: MACHINE_MEASURE }, unit: 'ms kept waiting', value });
}

/**
 * The sender runs before the director does: the worst delay of the first seconds after the first arrival, and beside it that of as many
 * seconds later, which is what this machine does to a director that has long been running.
 */
async function measureStart(tool: string, folder: string, io: 'packet' | 'xdp', recorder: Recorder): Promise<void> {
  const stage = await openStage();
  try {
    await place(stage, 'split');
    const delays = measureDelays(tool, stage, MASQ_ADDRESS, START.ratePps, START.seconds);
    delays.catch(() => {});
    const { peer } = await startUvs(stage, folder, { io, wait: 'adaptive' });
    try {
      noteWorst(recorder, io, START_MEASURE, await delays);
      noteWorst(recorder, io, LATER_MEASURE, await measureDelays(tool, stage, MASQ_ADDRESS, START.ratePps, START.seconds));
    } finally {
      await peer.stop();
    }
  } finally {
    await closeStage(stage);
  }
}

function noteWorst(recorder: Recorder, io: string, measure: string, { max, maxAtMs, p99, sent, received }: Delays): void {
  const note = `at ${maxAtMs.toFixed(0)} ms; p99 ${p99.toFixed(0)} us, ${received} of ${sent} arrived`;
  const labels = { measure, ratePps: START.ratePps, io, wait: 'adaptive' };
  recorder.add({ name: `uvs ${io} adaptive`, labels, unit: 'ms one way', value: max / 1000, note });
}
