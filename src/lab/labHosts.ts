/** The processes of a lab's real servers: HTTP and UDP echo, and for tunnels the endpoint that unpacks. */
import type { LabPlan, LabRealServer } from './labPlan.ts';
import { type LabProcess, startScript } from './labProcess.ts';

/** Starts them all and waits until each is ready. When one fails the others are ended, and the promise rejects with LAB_FAILED. */
export async function startRealServers(plan: LabPlan): Promise<LabProcess[]> {
  const starting = plan.realServers.flatMap((server) => [
    startScript(server.namespace, 'realServer', realServerArguments(plan, server)),
    ...(plan.method === 'tun' ? [startScript(server.namespace, 'tunnelEndpoint', [])] : []),
  ]);
  const outcomes = await Promise.allSettled(starting);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return started;
  await Promise.all(started.map((process) => process.stop()));
  throw failed.reason;
}

function realServerArguments({ ports, method }: LabPlan, { name, listenAddresses }: LabRealServer): string[] {
  const fixed = ['--name', name, '--http', String(ports.realHttp), '--echo', String(ports.realEcho)];
  return [...fixed, ...(method === 'fullnat' ? ['--toa'] : []), ...listenAddresses.flatMap((address) => ['--address', address])];
}
