/** Options of `uvs lab` and `uvs demo` that say what the services of a lab have: one set of words for both. */
import { UvsError } from '../base/errors.ts';
import { nearestName } from '../config/nearestName.ts';
import { LAB_TUNNELS, type LabServiceOptions, type LabTunnel } from '../lab/labConfig.ts';
import type { LabMethod } from '../lab/labPlan.ts';
import { integerOption, wordOption } from './commandLine.ts';
import { SCHEDULER_NAMES } from './schedulersCommand.ts';

const TUNNELS = Object.keys(LAB_TUNNELS) as LabTunnel[];
const MAX_PERSISTENCE_SECONDS = 31 * 24 * 3600;

/** Lines of a help text. */
export const SERVICE_OPTIONS_HELP = `  --scheduler NAME     see \`uvs schedulers\` (default rr)
  --flags LIST         flags of the scheduler, such as sh-port,sh-fallback
  --persistence N      a client stays on its real server until it has been silent for N seconds
  --fwmark             services by firewall mark, and rules that mark their packets, instead of services by address
  --tunnel KIND        with --method tun: ${TUNNELS.join(', ')} (default ipip)`;

/** For `parseCommandLine`. */
export const SERVICE_OPTIONS = {
  scheduler: { type: 'string', default: 'rr' },
  flags: { type: 'string' },
  persistence: { type: 'string' },
  fwmark: { type: 'boolean', default: false },
  tunnel: { type: 'string' },
} as const;

interface ServiceValues {
  readonly scheduler: string;
  readonly flags?: string | undefined;
  readonly persistence?: string | undefined;
  readonly fwmark: boolean;
  readonly tunnel?: string | undefined;
}

/** @throws UvsError USAGE or SCHEDULER_UNKNOWN */
export function serviceOptions(values: ServiceValues, method: LabMethod): LabServiceOptions & { readonly scheduler: string } {
  const scheduler = knownScheduler(values.scheduler);
  const schedulerFlags = values.flags?.split(',').map((flag) => wordOption(flag, '--flags', flagsOf(scheduler))) ?? [];
  const tunnel = values.tunnel === undefined ? 'ipip' : wordOption(values.tunnel, '--tunnel', TUNNELS);
  if (values.tunnel !== undefined && method !== 'tun') {
    throw new UvsError('USAGE', `method ${method} has no tunnel`, { hint: 'Add --method tun, or leave --tunnel out.' });
  }
  const { persistence } = values;
  const persistenceSeconds =
    persistence === undefined ? 0 : integerOption(persistence, '--persistence', 1, MAX_PERSISTENCE_SECONDS);
  if (values.fwmark && persistenceSeconds > 0 && (method === 'nat' || method === 'fullnat')) {
    const hint = `Leave one of them out, or use --method dr: the real servers of the ${method} lab listen on other ports.`;
    throw new UvsError('USAGE', 'with --fwmark and --persistence real servers keep the port that the client asked for', { hint });
  }
  return { scheduler, schedulerFlags, persistenceSeconds, byMark: values.fwmark, tunnel };
}

function flagsOf(scheduler: string): readonly string[] {
  return [...(SCHEDULER_NAMES.schedulerFlags[scheduler] ?? []), 'flag-1', 'flag-2', 'flag-3'];
}

function knownScheduler(name: string): string {
  const { schedulers } = SCHEDULER_NAMES;
  if (schedulers.includes(name)) return name;
  const near = nearestName(name, schedulers);
  throw new UvsError(
    'SCHEDULER_UNKNOWN',
    `no scheduler named "${name}"`,
    near === undefined ? {} : { hint: `Did you mean ${near}?` },
  );
}
