// hot path

/** Everything that one worker's data plane remembers, and the steps that concern more than one table. */
import { SeededRandom } from '../base/random.ts';
import { NONE } from '../base/terms.ts';
import type { Allocate } from '../memory/allocate.ts';
import { CallIds } from './callIds.ts';
import { ConnectionFlag } from './connectionFlags.ts';
import { ConnectionTable } from './connections.ts';
import { DestinationTable } from './destinations.ts';
import { ExpectedConnections } from './expectedConnections.ts';
import { FtpDialogues } from './ftpDialogues.ts';
import { FtpPorts } from './ftpPorts.ts';
import { LocalPorts, type PortShare } from './localPorts.ts';
import { ServiceTable } from './services.ts';
import { Traffic } from './traffic.ts';

/** Capacities, fixed at start. */
export interface TableLimits {
  readonly connections: number;
  readonly services: number;
  readonly destinations: number;
  /** Which of the local ports of fullnat are this worker's; default all. */
  readonly localPorts?: PortShare;
}

export class Tables {
  readonly traffic: Traffic;
  readonly services: ServiceTable;
  readonly destinations: DestinationTable;
  readonly connections: ConnectionTable;
  readonly localPorts: LocalPorts;
  /** Of templates that have one. */
  readonly callIds: CallIds;
  readonly ftpPorts = new FtpPorts();
  /** Of control connections of FTP. */
  readonly ftpDialogues: FtpDialogues;
  /** Connections with a port that is not known yet. */
  readonly expected: ExpectedConnections;

  /**
   * @param seed of the connection table's hash; secret, random per start outside tests
   * @param allocate for the connection table, which may be large; plain memory by default
   */
  constructor(limits: TableLimits, seed: number, allocate?: Allocate) {
    this.traffic = new Traffic(limits.services, limits.destinations);
    this.services = new ServiceTable(limits.services);
    this.destinations = new DestinationTable(limits.destinations, this.services, this.traffic);
    const random = new SeededRandom(seed);
    this.localPorts = new LocalPorts(limits.destinations, limits.localPorts ?? { index: 0, count: 1 }, () => random.next());
    this.connections = new ConnectionTable(limits.connections, seed, allocate, this.localPorts.addresses.words);
    this.callIds = new CallIds(this.connections);
    this.ftpDialogues = new FtpDialogues(limits.connections);
    this.expected = new ExpectedConnections(this.connections);
  }

  /**
   * Counts a connection just inserted on its destination (specs/ipvs.md section 3.5): as a template, or as active or inactive by its
   * flag.
   */
  bindConnection(conn: number): void {
    const d = this.connections.destination(conn);
    if (d === NONE) return;
    const flags = this.connections.flags(conn);
    if ((flags & ConnectionFlag.template) !== 0) this.destinations.bindTemplate(d);
    else this.destinations.bind(d, (flags & ConnectionFlag.inactive) === 0);
  }

  /** Takes a connection off its destination's counts, gives back its local port and removes it. */
  removeConnection(conn: number): void {
    const d = this.connections.destination(conn);
    const flags = this.connections.flags(conn);
    if (d !== NONE && (flags & ConnectionFlag.template) !== 0) this.destinations.unbindTemplate(d);
    else if (d !== NONE) this.destinations.unbind(d, (flags & ConnectionFlag.inactive) === 0);
    const local = this.connections.local(conn);
    if (local !== 0) this.localPorts.giveBack(d, this.connections.protocol(conn), local);
    if ((flags & ConnectionFlag.named) !== 0) this.callIds.remove(conn);
    if ((flags & ConnectionFlag.helped) !== 0) this.ftpDialogues.remove(conn);
    this.expected.removing(flags);
    this.connections.remove(conn);
  }

  /** Keeps the `inactive` flag of a connection and the active count of its destination in step with its state. */
  setActive(conn: number, isActive: boolean): void {
    const flags = this.connections.flags(conn);
    if (((flags & ConnectionFlag.inactive) === 0) === isActive) return;
    this.connections.setFlags(conn, flags ^ ConnectionFlag.inactive);
    const d = this.connections.destination(conn);
    if (d !== NONE) this.destinations.setActive(d, isActive);
  }
}
