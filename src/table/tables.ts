// hot path

/** Everything that one worker's data plane remembers, and the steps that concern more than one table. */
import { NONE } from '../base/terms.ts';
import type { Allocate } from '../memory/allocate.ts';
import { ConnectionFlag } from './connectionFlags.ts';
import { ConnectionTable } from './connections.ts';
import { DestinationTable } from './destinations.ts';
import { ServiceTable } from './services.ts';
import { Traffic } from './traffic.ts';

/** Capacities, fixed at start. */
export interface TableLimits {
  readonly connections: number;
  readonly services: number;
  readonly destinations: number;
}

export class Tables {
  readonly traffic: Traffic;
  readonly services: ServiceTable;
  readonly destinations: DestinationTable;
  readonly connections: ConnectionTable;

  /**
   * @param seed of the connection table's hash; secret, random per start outside tests
   * @param allocate for the connection table, which may be large; plain memory by default
   */
  constructor(limits: TableLimits, seed: number, allocate?: Allocate) {
    this.traffic = new Traffic(limits.services, limits.destinations);
    this.services = new ServiceTable(limits.services);
    this.destinations = new DestinationTable(limits.destinations, this.services, this.traffic);
    this.connections = new ConnectionTable(limits.connections, seed, allocate);
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

  /** Takes a connection off its destination's counts and removes it. */
  removeConnection(conn: number): void {
    const d = this.connections.destination(conn);
    const flags = this.connections.flags(conn);
    if (d !== NONE && (flags & ConnectionFlag.template) !== 0) this.destinations.unbindTemplate(d);
    else if (d !== NONE) this.destinations.unbind(d, (flags & ConnectionFlag.inactive) === 0);
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
