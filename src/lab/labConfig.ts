/** The director's configuration for a lab: HTTP and UDP echo on the virtual addresses of both families. */
import { stringify } from 'yaml';
import { formatDestinationKey } from '../table/actions.ts';
import { GUE_PORT, type LabPlan } from './labPlan.ts';

/** What a lab's services may have beside a scheduler. */
export interface LabServiceOptions {
  readonly schedulerFlags?: readonly string[];
  /** Seconds; 0 = none. */
  readonly persistenceSeconds?: number;
  /** Services by firewall mark, and rules that mark their packets, instead of services by address. */
  readonly byMark?: boolean;
  /** Of method tun; default ipip. */
  readonly tunnel?: LabTunnel;
  /** Of every real server; default 1. */
  readonly weight?: number;
}

/** Kinds of tunnels, and how a configuration writes them. */
export const LAB_TUNNELS = {
  ipip: { type: 'ipip' },
  gue: { type: 'gue', port: GUE_PORT },
  'gue-csum': { type: 'gue', port: GUE_PORT, checksum: 'full' },
  'gue-remcsum': { type: 'gue', port: GUE_PORT, checksum: 'remote' },
  gre: { type: 'gre' },
  'gre-csum': { type: 'gre', checksum: 'full' },
} as const;
export type LabTunnel = keyof typeof LAB_TUNNELS;

/** One of the four services. */
interface LabService {
  readonly family: 'v4' | 'v6';
  readonly protocol: 'tcp' | 'udp';
  readonly virtualPort: number;
  readonly realPort: number;
}

/** The four services, as YAML for `uvs run --config`. */
export function labConfig(plan: LabPlan, scheduler: string, options: LabServiceOptions = {}): string {
  const services = labServices(plan);
  const localAddresses = plan.localAddresses.flatMap(({ v4, v6 }) => [v4, v6]);
  const config = {
    services: services.map((of) => service(plan, scheduler, options, of)),
    ...(localAddresses.length === 0 ? {} : { fullnat: { localAddresses } }),
  };
  if (options.byMark !== true) return stringify(config);
  return stringify({
    ...config,
    classification: services.map((of) => ({
      mark: of.virtualPort,
      target: plan.virtual[of.family],
      protocol: of.protocol,
      targetPorts: of.virtualPort,
    })),
  });
}

function labServices({ ports }: LabPlan): readonly LabService[] {
  return (['v4', 'v6'] as const).flatMap((family) => [
    { family, protocol: 'tcp' as const, virtualPort: ports.virtualHttp, realPort: ports.realHttp },
    { family, protocol: 'udp' as const, virtualPort: ports.virtualEcho, realPort: ports.realEcho },
  ]);
}

function service(plan: LabPlan, scheduler: string, options: LabServiceOptions, of: LabService): object {
  const { schedulerFlags = [], persistenceSeconds = 0, byMark = false, tunnel = 'ipip', weight = 1 } = options;
  const address = formatDestinationKey({ address: plan.virtual[of.family], port: of.virtualPort });
  return {
    ...(byMark ? { fwmark: of.virtualPort, family: of.family } : { address: `${of.protocol} ${address}` }),
    scheduler,
    ...(schedulerFlags.length === 0 ? {} : { schedulerFlags }),
    ...(persistenceSeconds === 0 ? {} : { persistence: persistenceSeconds }),
    method: plan.method,
    ...(tunnel === 'ipip' ? {} : { tunnel: LAB_TUNNELS[tunnel] }),
    realServers: plan.realServers.map((server) => ({
      address: formatDestinationKey({ address: server.address[of.family], port: of.realPort }),
      weight,
    })),
  };
}
