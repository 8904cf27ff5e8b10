/**
 * The lab: a client, a director and a real server in namespaces, and every peer that this machine has in the place of the director,
 * under the same loads in the same run. Core 0 has the endpoints and the generator, core 1 the director. The generator's frames are
 * received on core 1 too, or, where the label says `split`, on core 0; those of real tools where the director does better
 * (receiveSide.ts). Repetitions are interleaved: a slow minute of the machine meets all.
 */
import { cpus } from 'node:os';
import { labObstacle } from '../../src/lab/namespaces.ts';
import type { Suite, SuiteOptions, SuiteResult } from '../figures.ts';
import { askForChoices } from './autoChoice.ts';
import { Cast, type Member } from './cast.ts';
import { labTargets } from './labTargets.ts';
import { primeFlows, runRequests } from './loads.ts';
import { compileTool } from './nativeTools.ts';
import { type Load, type Method, NFT_PEER, otherPeers, type Peer } from './peers.ts';
import { keepOffDirectorCore, place } from './placement.ts';
import { FULL_SCALE, perform, performWithoutOffloads, QUICK_SCALE, type Scale } from './program.ts';
import { withRatios } from './ratios.ts';
import { Recorder } from './recorder.ts';
import { uvsPeers } from './uvsPeer.ts';

/** A full run takes about twelve minutes, a quick one about one. */
export const lab: Suite = async (options) => {
  const obstacle = labObstacle()?.message ?? (cpus().length < 2 ? 'the lab needs two processor cores' : undefined);
  if (obstacle !== undefined) {
    options.progress(`lab left out: ${obstacle}`);
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

async function run(cast: Cast, { quick, peers: wanted = [], progress, signal }: SuiteOptions): Promise<SuiteResult> {
  const scale = quick ? QUICK_SCALE : FULL_SCALE;
  const generator = compileTool('generator', cast.folder);
  const isWanted = (name: string) => wanted.length === 0 || wanted.some((part) => name.includes(part));
  const peers = [...otherPeers(), ...uvsPeers()].filter(
    ({ name, isMain }) => (isMain || !quick || wanted.length > 0) && isWanted(name),
  );
  await cast.add(peers, generator, (member) => proveThatItWorks(member, quick));
  progress(`lab: ${cast.members.length} directors are up: ${cast.members.map((each) => each.description.name).join(', ')}`);
  const recorder = new Recorder('lab');
  for (let i = 1; i <= scale.repetitions; i++) {
    const started = performance.now();
    try {
      for (const member of cast.members) await repeat(member, scale, recorder, { quick, progress, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      progress(`lab: ended in repetition ${i}; what was measured until then is judged`);
      break;
    }
    progress(`lab: repetition ${i} of ${scale.repetitions}, ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  const figures = recorder.figures();
  const choices = await askForChoices(cast);
  return { figures: withRatios(figures), targets: labTargets(figures, choices), missing: cast.missing };
}

/** A peer that does not answer would be a very fast one. */
async function proveThatItWorks(member: Member, quick: boolean): Promise<void> {
  for (const [method, loads] of loadsOf(member.description, quick)) {
    if (loads.includes('frames') || loads.includes('split')) {
      await place(member.stage, 'napi');
      await primeFlows(member, method);
    }
    if (quick || !loads.includes('connections')) continue;
    await place(member.stage, 'rps');
    await runRequests(member, method, 'connections', 1);
  }
}

/** One round with one member; a load that fails is said, and the others go on. */
async function repeat(
  member: Member,
  scale: Scale,
  recorder: Recorder,
  { quick, progress, signal }: SuiteOptions,
): Promise<void> {
  const { description, awake } = member;
  const attempt = async (what: string, work: () => Promise<void>) => {
    signal.throwIfAborted();
    await awake(work).catch((error: unknown) =>
      progress(`lab: ${description.name}, ${what}: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  for (const [method, loads] of loadsOf(description, quick)) {
    for (const load of loads) await attempt(`${method} ${load}`, () => perform(member, method, load, scale, recorder));
  }
  const isCompared = description.name === NFT_PEER || (description.io !== 'kernel' && description.wait === 'adaptive');
  if (isCompared) await attempt('without offloads', () => performWithoutOffloads(member, 'masq', recorder));
}

/** A quick run shows that each kind of load works, with one direction of bulk. */
function loadsOf({ loads }: Peer, quick: boolean): readonly (readonly [Method, readonly Load[]])[] {
  const left: readonly Load[] = ['keep-alive', 'down', 'udp'];
  return (Object.entries(loads) as [Method, readonly Load[]][]).map(([method, all]) => [
    method,
    quick ? all.filter((load) => !left.includes(load)) : all,
  ]);
}
