/** The settings of the synchronisation daemons as the kernel keeps them: one master, one backup, started once each. */
import { formatAddress, parseAddress } from '../base/address.ts';
import type { DaemonOptions, DaemonRole, Refusal } from './command.ts';
import { KernelError, kernelRefusal } from './messages.ts';

const DEFAULT_GROUP = '224.0.0.81';
const DEFAULT_PORT = 8848;
const DEFAULT_TTL = 1;
const ETHERNET_MTU = 1500;
/** IP's longest. */
const MAX_PACKET = 65_535;
const LEAST_BACKUP_BYTES = 1024;
/** IP and UDP headers. */
const HEADER_BYTES = { v4: 28, v6: 48 } as const;

export class Daemons {
  readonly #mtuOf: (name: string) => number | undefined;
  readonly #running = new Map<DaemonRole, DaemonOptions>();

  /** @param mtuOf the MTU of an interface of the host; undefined when there is none of that name */
  constructor(mtuOf: (name: string) => number | undefined) {
    this.#mtuOf = mtuOf;
  }

  /** Fills in what is left to the director. @returns why it does not run */
  start(options: DaemonOptions): Refusal | undefined {
    const mtu = this.#mtuOf(options.interface);
    if (mtu === undefined) return kernelRefusal(KernelError.noDevice);
    if (this.#running.has(options.role)) return kernelRefusal(KernelError.daemonRuns);
    const parsed = parseAddress(options.group ?? DEFAULT_GROUP);
    const group = parsed === undefined ? DEFAULT_GROUP : formatAddress(parsed);
    this.#running.set(options.role, {
      ...options,
      maxBytes: maxBytes(options, group, mtu),
      group,
      port: options.port ?? DEFAULT_PORT,
      ttl: options.ttl ?? DEFAULT_TTL,
    });
    return undefined;
  }

  /** The syncid is not looked at, whatever was typed. */
  stop(role: DaemonRole, _syncId: number): Refusal | undefined {
    return this.#running.delete(role) ? undefined : kernelRefusal(KernelError.noDaemon);
  }

  /** The master first. */
  list(): readonly DaemonOptions[] {
    return (['master', 'backup'] as const).flatMap((role) => this.#running.get(role) ?? []);
  }
}

/** Of a message. When nothing is asked for, a backup takes what fits its interface, a master sends what fits any. */
function maxBytes({ role, maxBytes: wanted }: DaemonOptions, group: string, mtu: number): number {
  const headers = group.includes(':') ? HEADER_BYTES.v6 : HEADER_BYTES.v4;
  const fits = (role === 'backup' ? Math.min(Math.max(mtu, ETHERNET_MTU), MAX_PACKET) : ETHERNET_MTU) - headers;
  const most = Math.min(wanted ?? fits, MAX_PACKET - headers);
  return role === 'backup' ? Math.max(most, LEAST_BACKUP_BYTES) : most;
}
