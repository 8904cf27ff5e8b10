/**
 * What the commands of ipvsadm ask of a director: the running one answers over its control side, the conformance runner over a rig. The
 * text of all of it is made by `runUvsadm`.
 */
import type { DestinationKey, DestinationSettings, ServiceKey, ServiceSettings, Timeouts } from '../table/actions.ts';
import type { DaemonOptions, DaemonRole, Refusal } from './command.ts';
import type { TableCommand } from './toActions.ts';

/** Packets and bytes (IP) counted, or the same per second, not rounded (dataplane/messages.ts). */
export interface Traffic {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

export interface ListedServer {
  readonly key: DestinationKey;
  readonly settings: DestinationSettings;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  /** Persistence templates. */
  readonly persistentClients: number;
  readonly traffic: Traffic;
  readonly rates: Traffic;
}

export interface ListedService {
  readonly key: ServiceKey;
  readonly settings: ServiceSettings;
  readonly traffic: Traffic;
  readonly rates: Traffic;
  /** In the order of the table: the one added last comes first. */
  readonly destinations: readonly ListedServer[];
}

export interface ListedConnection {
  /** `TCP`, `UDP`, `SCTP`; `IP` of a template by firewall mark. */
  readonly protocol: string;
  readonly state: string;
  readonly expiresSeconds: number;
  readonly client: DestinationKey;
  /** Of a template by firewall mark: the mark as an address (specs/ipvs.md section 7.3). */
  readonly virtual: DestinationKey;
  readonly destination: DestinationKey;
  /** Of the persistence engine: its name and what it keeps, such as a Call-ID. */
  readonly engine?: { readonly name: string; readonly data: string };
}

/** What happens in it happens one after the other with every other change of the tables. */
export interface UvsadmDirector {
  /** Size of the connection table, for the head line of a listing. */
  readonly tableSize: number;
  /** Each command judged and applied in its turn, as one would by itself; what is refused changes nothing and stops nobody. */
  change(commands: readonly TableCommand[]): Promise<readonly (Refusal | undefined)[]>;
  services(): Promise<readonly ListedService[]>;
  /** In slices, so that no listing holds up the frames. */
  connections(): AsyncIterable<readonly ListedConnection[]>;
  timeouts(): Promise<Timeouts>;
  /** Settings of the synchronisation daemons, the master first. */
  daemons(): Promise<readonly DaemonOptions[]>;
  startDaemon(options: DaemonOptions): Promise<Refusal | undefined>;
  stopDaemon(role: DaemonRole, syncId: number): Promise<Refusal | undefined>;
}

/** Names for listings without `-n`; undefined = has none. */
export interface ReverseNames {
  hostOf(address: string): Promise<string | undefined>;
  serviceOf(port: number, protocol: string): string | undefined;
}

/** Where the text goes; resolves when more may come. */
export interface Output {
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
}
