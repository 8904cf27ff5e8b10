/** A demonstration in this process: no root, no namespaces, no native code. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientResult } from './clientRequests.ts';
import type { DemoOptions, DemoStage, ProgressListener } from './demoStage.ts';
import { Simulation } from './simulation.ts';
import { planLab } from './topologies.ts';

const SEED = 1;

/** Throws SCHEDULER_UNKNOWN when there is no scheduler of that name. */
export function openSimulationStage(options: DemoOptions, onProgress: ProgressListener): DemoStage {
  const plan = planLab('sim', options.method, options.realServers);
  const simulation = new Simulation(plan, { ...options, seed: SEED });
  onProgress(`client, director and ${options.realServers} real servers in this process`);
  const request = () => simulation.request({ family: options.family, udp: options.udp });
  async function* send(count: number): AsyncGenerator<ClientResult> {
    for (let i = 0; i < count; i++) yield request();
  }
  async function* sendSteadily(intervalMs: number, signal: AbortSignal): AsyncGenerator<ClientResult> {
    while (!signal.aborted) {
      const result = request();
      simulation.wait(Math.max(0, intervalMs - result.milliseconds));
      yield result;
      await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return {
    plan,
    io: 'memory',
    hint: 'Simulated: the real engine, scripted hosts. As root on Linux the same runs with real frames.',
    send,
    sendSteadily,
    status: async () => simulation.status(),
    close: async () => {},
  };
}
