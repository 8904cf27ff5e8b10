/** Words that listings and saved lines share: masks, flags of schedulers, tunnels, big numbers. */
import { formatAddress } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import type { DestinationSettings, ServiceKey, ServiceSettings } from '../table/actions.ts';
import { parseSchedulerFlags, schedulerFlagNames } from './values.ts';

/** How each forwarding method is listed, and the option that asks for it. */
export const METHOD_WORDS: Readonly<Record<DestinationSettings['method'], { readonly listed: string; readonly option: string }>> =
  {
    masq: { listed: 'Masq', option: '-m' },
    // Nobody asks for it: it is what becomes of the director's own address.
    local: { listed: 'Local', option: '-g' },
    tunnel: { listed: 'Tunnel', option: '-i' },
    route: { listed: 'Route', option: '-g' },
    fullnat: { listed: 'FullNat', option: '--fullnat' },
  };

const CHECKSUM_SIGNS = { none: '-c', full: '+c', remote: 'r+c' } as const;
const CHECKSUM_OPTIONS = { none: '--tun-nocsum', full: '--tun-csum', remote: '--tun-remcsum' } as const;
/** Schedulers whose flags have names; their third flag has none and is not shown. */
const HAVE_NAMES = ['sh', 'mh'];

export function isV6Service(key: ServiceKey): boolean {
  return 'firewallMark' in key ? key.family === 'v6' : key.address.includes(':');
}

/** `255.255.255.0`, `64`; undefined when it is each client by itself. */
export function maskText(key: ServiceKey, { persistencePrefix, persistenceMask }: ServiceSettings): string | undefined {
  if (isV6Service(key)) return persistencePrefix === 128 ? undefined : `${persistencePrefix}`;
  const word = persistencePrefix === 0 ? 0 : -1 << (32 - persistencePrefix);
  const mask = persistenceMask ?? formatAddress({ family: Family.v4, words: [0, 0, 0, word] });
  return mask === '255.255.255.255' ? undefined : mask;
}

/**
 * `sh-fallback,sh-port`, in the order of their bits, under whatever names they were given; undefined when there is none.
 * @param compat '' when there is only one without a name
 */
export function flagsText({ scheduler, schedulerFlags }: ServiceSettings, compat = false): string | undefined {
  const text = namesOfFlags(scheduler, schedulerFlags);
  return text !== '' || (compat && schedulerFlags.length > 0) ? text : undefined;
}

function namesOfFlags(scheduler: string, schedulerFlags: readonly string[]): string {
  const bits = parseSchedulerFlags(schedulerFlags.join(','), scheduler);
  if (typeof bits === 'object') return schedulerFlags.join(',');
  return schedulerFlagNames(HAVE_NAMES.includes(scheduler) ? bits & 3 : bits, scheduler).join(',');
}

/** `gue:6080:-c`, `gre:+c`, `ipip`, `n/a`; at most 15 characters, as ipvsadm has room for. */
export function tunnelInfo({ method, tunnel }: DestinationSettings): string {
  if (method !== 'tunnel') return 'n/a';
  if (tunnel === undefined || tunnel.type === 'ipip') return 'ipip';
  const port = tunnel.type === 'gue' ? `:${tunnel.port}` : '';
  return `${tunnel.type}${port}:${CHECKSUM_SIGNS[tunnel.checksum]}`.slice(0, 15);
}

/** ` --tun-type gue --tun-port 6080 --tun-csum`; '' without a tunnel. */
export function tunnelOptions({ method, tunnel }: DestinationSettings): string {
  if (method !== 'tunnel') return '';
  if (tunnel === undefined || tunnel.type === 'ipip') return ' --tun-type ipip';
  const port = tunnel.type === 'gue' ? ` --tun-port ${tunnel.port}` : '';
  return ` --tun-type ${tunnel.type}${port} ${CHECKSUM_OPTIONS[tunnel.checksum]}`;
}

/** From 10^8 on in thousands, from 10^9 on in millions and so on, cut off; nine columns with the blank before it. */
export function bigNumber(value: number, exact: boolean): string {
  if (exact) return ` ${`${value}`.padStart(8)}`;
  const [, divisor, letter] = STEPS.find(([below]) => value < below)!;
  return letter === '' ? `${value}`.padStart(9) : `${Math.floor(value / divisor)}${letter}`.padStart(9);
}

const STEPS: readonly (readonly [below: number, divisor: number, letter: string])[] = [
  [1e8, 1, ''],
  [1e9, 1e3, 'K'],
  [1e11, 1e6, 'M'],
  [1e14, 1e9, 'G'],
  [Number.POSITIVE_INFINITY, 1e12, 'T'],
];
