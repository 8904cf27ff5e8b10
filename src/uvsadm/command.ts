/** What a command line of `uvsadm` asks for, once it is understood: every default filled in, every name resolved. */
import type { DestinationKey, DestinationSettings, ServiceKey, Timeouts } from '../table/actions.ts';

/** Of `-A` and `-E`, which replaces everything: what is left out returns to its default. */
export interface ServiceOptions {
  /** At most 15 characters. */
  readonly scheduler: string;
  /** Bits 1, 2 and 4: `flag-1`, `flag-2`, `flag-3`. */
  readonly schedulerFlags: number;
  /** 0 = not persistent. */
  readonly persistenceSeconds: number;
  /** IPv4: the mask as an int32 word, of any form. IPv6: the length of the prefix. Kept without persistence, too. */
  readonly netmask: number;
  readonly onePacket: boolean;
  /** '' = none. */
  readonly persistenceEngine: string;
}

/** Which lines `-L` prints; of several views the first in this order counts. */
export const LIST_VIEWS = ['stats', 'rate', 'thresholds', 'persistent-conn', 'tun-info'] as const;
export type ListView = (typeof LIST_VIEWS)[number] | 'default';

export interface ListOptions {
  /** Only this one, without the head line of the whole table. */
  readonly service?: ServiceKey;
  /** `-c`, `--timeout` and `--daemon` list something else than services. */
  readonly subject: 'services' | 'connections' | 'timeouts' | 'daemons';
  readonly view: ListView;
  readonly numeric: boolean;
  readonly exact: boolean;
  readonly sorted: boolean;
  /** With `-c`: a column for the data of the persistence engine. */
  readonly persistenceData: boolean;
  /** Ours: one JSON object instead of text. */
  readonly json: boolean;
  /** Ours: order and signs as ipvsadm has them. */
  readonly compat: boolean;
  /** Ours: again every so many seconds, which is the caller's to do; undefined = once. */
  readonly watchSeconds: number | undefined;
}

export interface SaveOptions {
  readonly numeric: boolean;
  /** Ours: as of a listing. */
  readonly compat: boolean;
  /** Ours: also what plain `-S` loses. */
  readonly all: boolean;
}

export type DaemonRole = 'master' | 'backup';

/** Of the synchronisation daemon; what is undefined is the director's to choose. */
export interface DaemonOptions {
  readonly role: DaemonRole;
  readonly interface: string;
  readonly syncId: number;
  readonly maxBytes: number | undefined;
  readonly group: string | undefined;
  readonly port: number | undefined;
  readonly ttl: number | undefined;
}

export type Command =
  | { readonly kind: 'addService' | 'editService'; readonly service: ServiceKey; readonly options: ServiceOptions }
  | { readonly kind: 'deleteService'; readonly service: ServiceKey }
  | {
      readonly kind: 'addServer' | 'editServer';
      readonly service: ServiceKey;
      readonly server: DestinationKey;
      readonly settings: DestinationSettings;
    }
  | { readonly kind: 'deleteServer'; readonly service: ServiceKey; readonly server: DestinationKey }
  | { readonly kind: 'clear' }
  | { readonly kind: 'zero'; readonly service?: ServiceKey }
  | { readonly kind: 'list'; readonly options: ListOptions }
  | { readonly kind: 'save'; readonly options: SaveOptions }
  | { readonly kind: 'restore' }
  | { readonly kind: 'setTimeouts'; readonly timeouts: Timeouts }
  | { readonly kind: 'startDaemon'; readonly options: DaemonOptions }
  | { readonly kind: 'stopDaemon'; readonly role: DaemonRole; readonly syncId: number }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' };

/** Exit codes of ipvsadm 1.31 (specs/ipvs.md section 8.4). */
export const ExitCode = {
  done: 0,
  /** A listing that cannot be made. */
  listing: 1,
  /** A value or a combination of options is wrong. */
  usage: 2,
  /** An unknown option, no command, or the kernel said no: -1, of which a shell sees 255. */
  refused: 255,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Why nothing was done: a line for standard error, without its newline, and the exit code. */
export class Refusal {
  readonly exitCode: ExitCode;
  readonly message: string;

  constructor(exitCode: ExitCode, message: string) {
    this.exitCode = exitCode;
    this.message = message;
  }
}
