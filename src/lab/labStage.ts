/** A demonstration with real frames: namespaces, real servers, `uvs run`, a client. */
import type { ClientResult } from './clientRequests.ts';
import type { DemoOptions, DemoStage, ProgressListener } from './demoStage.ts';
import { labDown, labUp, listLabs } from './lab.ts';
import { clientResults, type LabRequests, startClient } from './labClient.ts';
import { type LabDirector, startDirector } from './labDirector.ts';
import { startRealServers } from './labHosts.ts';
import type { LabPlan } from './labPlan.ts';
import type { LabProcess } from './labProcess.ts';
import { commandLine } from './namespaces.ts';
import { planLab } from './topologies.ts';

const LAB_PREFIX = 'demo';

/**
 * Builds the whole lab. When a step fails, or `signal` is aborted, nothing is left.
 * Rejects with LAB_FAILED, TOOL_MISSING, NOT_ROOT, NOT_LINUX, or the signal's reason.
 */
export async function openLabStage(options: DemoOptions, onProgress: ProgressListener, signal: AbortSignal): Promise<DemoStage> {
  await removeAbandonedDemos();
  // Of this process, so that two demonstrations do not disturb each other.
  const plan = planLab(`${LAB_PREFIX}${process.pid}`, options.method, options.realServers);
  const stage: { processes: LabProcess[]; director?: LabDirector } = { processes: [] };
  const close = async () => {
    await stage.director?.stop();
    await Promise.all(stage.processes.map((each) => each.stop()));
    await labDown(plan.name);
  };
  try {
    await labUp(plan);
    onProgress(`${plan.nodes.length} namespaces: ${plan.nodes.map(({ name }) => name).join(', ')}`);
    signal.throwIfAborted();
    const servers = startRealServers(plan).then((processes) => {
      onProgress(`HTTP and UDP echo on ${plan.realServers.map(({ name }) => name).join(', ')}`);
      return processes;
    });
    const starting = startDirector(plan, options);
    [stage.processes, stage.director] = await Promise.all([servers, starting]);
    const { ports } = await stage.director.status();
    // Beside the interfaces there is the way back into the host's own stack.
    const outside = ports.filter(({ name }) => plan.director.interfaces.some((each) => each.name === name));
    onProgress(
      `director attached to ${outside.map(({ name, io, mode }) => `${name} by ${io}${mode && ` (${mode})`}`).join(', ')}`,
    );
    signal.throwIfAborted();
    return labStage(plan, options, stage.director, outside[0]?.io ?? options.io, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function labStage(
  plan: LabPlan,
  { family, udp }: DemoOptions,
  director: LabDirector,
  io: string,
  close: () => Promise<void>,
): DemoStage {
  const send = (count: number, more: Partial<LabRequests> = {}) => startClient(plan, { count, family, udp, ...more });
  async function* sendSteadily(intervalMs: number, signal: AbortSignal): AsyncGenerator<ClientResult> {
    const client = send(0, { intervalMs });
    const stop = () => void client.stop();
    signal.addEventListener('abort', stop);
    try {
      if (!signal.aborted) yield* clientResults(client);
    } finally {
      signal.removeEventListener('abort', stop);
      await client.stop();
    }
  }
  const host = family === 'v6' ? `[${plan.virtual.v6}]` : plan.virtual.v4;
  return {
    plan,
    io,
    hint: `Try it from another terminal:  ip netns exec ${plan.client.namespace} curl http://${host}/`,
    send: (count) => clientResults(send(count)),
    sendSteadily,
    status: () => director.status(),
    close,
  };
}

/** Labs of demonstrations whose process is no more: they were killed before they could clean up. */
async function removeAbandonedDemos(): Promise<void> {
  for (const lab of await listLabs()) {
    const pid = /^demo(\d+)$/.exec(lab)?.[1];
    if (pid !== undefined && !commandLine(Number(pid)).includes('demo')) await labDown(lab);
  }
}
