/** What the lab tests share: labs of their own names, a lab with everything in it, and why tests are skipped when they are. */
import { parse, stringify } from 'yaml';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { labConfig } from '../../src/lab/labConfig.ts';
import { type LabDirector, startDirector } from '../../src/lab/labDirector.ts';
import { startRealServers } from '../../src/lab/labHosts.ts';
import type { LabMethod, LabPlan } from '../../src/lab/labPlan.ts';
import { startScript } from '../../src/lab/labProcess.ts';
import { labObstacle, runIp } from '../../src/lab/namespaces.ts';
import { planLab } from '../../src/lab/topologies.ts';

/** A lab name that no other test run has at the same time. */
export function labName(prefix: string): string {
  return `${prefix}${process.pid.toString(36)}`;
}

/** Whether lab tests must be skipped; the reason is printed. */
export function mustSkip(): boolean {
  const obstacle = labObstacle();
  if (obstacle !== undefined) process.stderr.write(`lab tests are skipped: ${obstacle.message}\n`);
  return obstacle !== undefined;
}

/** Runs a command in a namespace, and gives back what it printed. */
export function inNamespace(namespace: string, command: readonly string[]): Promise<string> {
  return runIp(['netns', 'exec', namespace, ...command]);
}

/** A UDP service whose real servers do not listen there. */
export const CLOSED_PORT = 9;
/** Of a server on the director's own host, on its own and on the virtual addresses. */
export const HOST_PORT = 2222;

export interface EndToEndLab {
  readonly plan: LabPlan;
  director: LabDirector;
  close(): Promise<void>;
}

/** Client, director with the lab's services and one more on CLOSED_PORT, two real servers, and a server on the director's host. */
export async function openEndToEndLab(name: string, method: LabMethod, io: string): Promise<EndToEndLab> {
  const plan = planLab(name, method, 2);
  try {
    await labUp(plan);
    const [director] = await Promise.all([
      startDirector(plan, { scheduler: 'rr', io, config: endToEndConfig(plan), warmUp: io === 'xdp' }),
      startRealServers(plan),
      startHostServer(plan),
    ]);
    const lab: EndToEndLab = {
      plan,
      director,
      close: async () => {
        await lab.director.stop();
        await labDown(name);
      },
    };
    return lab;
  } catch (error) {
    await labDown(name);
    throw error;
  }
}

/** The configuration of such a lab. */
export function endToEndConfig(plan: LabPlan): string {
  const closed = { ...plan, ports: { ...plan.ports, virtualEcho: CLOSED_PORT, realEcho: CLOSED_PORT } };
  const isTranslated = plan.method === 'nat' || plan.method === 'fullnat';
  const withoutHttp = { ...closed, ports: { ...closed.ports, virtualHttp: 81, realHttp: isTranslated ? 8081 : 81 } };
  const [all, more] = [plan, withoutHttp].map((each) => parse(labConfig(each, 'rr')) as { services: object[] });
  return stringify({ ...all, services: [...all!.services, ...more!.services] });
}

async function startHostServer(plan: LabPlan): Promise<void> {
  const { directorAddress, virtual } = plan;
  const addresses = [directorAddress.v4, directorAddress.v6, virtual.v4, virtual.v6];
  const fixed = ['--name', 'director', '--http', String(HOST_PORT), '--echo', String(HOST_PORT)];
  await startScript(plan.director.namespace, 'realServer', [...fixed, ...addresses.flatMap((each) => ['--address', each])]);
}
