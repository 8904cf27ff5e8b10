/** The director's configuration for a lab: HTTP and UDP echo on the virtual addresses of both families. */
import { stringify } from 'yaml';
import { formatDestinationKey } from '../table/actions.ts';
import type { LabPlan } from './labPlan.ts';

/** The four services, as YAML for `uvs run --config`. */
export function labConfig(plan: LabPlan, scheduler: string): string {
  const services = (['v4', 'v6'] as const).flatMap((family) => [
    service(plan, scheduler, family, 'tcp', plan.ports.virtualHttp, plan.ports.realHttp),
    service(plan, scheduler, family, 'udp', plan.ports.virtualEcho, plan.ports.realEcho),
  ]);
  return stringify({ services });
}

function service(
  plan: LabPlan,
  scheduler: string,
  family: 'v4' | 'v6',
  protocol: 'tcp' | 'udp',
  virtualPort: number,
  realPort: number,
): object {
  return {
    address: `${protocol} ${formatDestinationKey({ address: plan.virtual[family], port: virtualPort })}`,
    scheduler,
    method: plan.method,
    realServers: plan.realServers.map(({ address }) => ({
      address: formatDestinationKey({ address: address[family], port: realPort }),
      weight: 1,
    })),
  };
}
