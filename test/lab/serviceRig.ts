/** A lab whose director changes its configuration while it runs: what the tests of persistence, marks and tunnels share. */
import { parse, stringify } from 'yaml';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { type LabRequests, sendRequests } from '../../src/lab/labClient.ts';
import { type LabServiceOptions, labConfig } from '../../src/lab/labConfig.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import type { LabMethod, LabPlan } from '../../src/lab/labPlan.ts';
import { startScript } from '../../src/lab/labProcess.ts';
import { planLab } from '../../src/lab/topologies.ts';
import { HOST_PORT } from './endToEndRig.ts';

/** A configuration as plain data, as far as these tests change it. */
export interface PlainConfig {
  services: { realServers: { address: string; weight?: number }[]; [key: string]: unknown }[];
  classification?: object[];
  settings?: object;
}

export interface ServiceLab {
  readonly plan: LabPlan;
  readonly director: LabDirector;
  /** @returns what answered each request: the name of a server, or an error */
  ask(requests: LabRequests): Promise<string[]>;
  /** Lets the director run with the lab's configuration, changed. */
  configure(scheduler: string, options: LabServiceOptions, change?: (config: PlainConfig) => void): Promise<void>;
  close(): Promise<void>;
}

/** Client, director with a server of its own on HOST_PORT of every address, real servers. */
export async function openServiceLab(name: string, method: LabMethod, realServers: number, io: string): Promise<ServiceLab> {
  const plan = planLab(name, method, realServers);
  try {
    await labUp(plan);
    const [director] = await Promise.all([
      startDirector(plan, { scheduler: 'rr', io, warmUp: false }),
      startRealServers(plan),
      startHostServer(plan),
    ]);
    return {
      plan,
      director,
      ask: async (requests) => (await sendRequests(plan, requests)).map(({ server, error }) => error ?? server ?? 'nobody'),
      configure: (scheduler, options, change = () => {}) => {
        const config = parse(labConfig(plan, scheduler, options)) as PlainConfig;
        change(config);
        // Without aliases: `change` may have used one object twice.
        return director.reload(stringify(config, { aliasDuplicateObjects: false }));
      },
      close: async () => {
        await director.stop();
        await labDown(name);
      },
    };
  } catch (error) {
    await labDown(name);
    throw error;
  }
}

async function startHostServer({ directorAddress, virtual, director }: LabPlan): Promise<void> {
  const addresses = [directorAddress.v4, directorAddress.v6, virtual.v4, virtual.v6];
  const fixed = ['--name', 'director', '--http', String(HOST_PORT), '--echo', String(HOST_PORT)];
  await startScript(director.namespace, 'realServer', [...fixed, ...addresses.flatMap((each) => ['--address', each])]);
}
