/** The real engine on memory ports: the one place of the simulation that knows how a director is put together. */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { NONE } from '../base/terms.ts';
import { Breath } from '../dataplane/breath.ts';
import type { DataPlaneStatus } from '../dataplane/messages.ts';
import { snapshot } from '../dataplane/snapshot.ts';
import { applyTables } from '../engine/applyTables.ts';
import { Director } from '../engine/director.ts';
import { MemoryPort } from '../io/memoryPort.ts';
import { HEADROOM } from '../io/port.ts';
import type { FrameArena } from '../memory/frameArena.ts';
import type { TableAction } from '../table/actions.ts';
import { Tables } from '../table/tables.ts';
import type { LabPlan, NetworkName } from './labPlan.ts';

/** Tables of a lab are small. */
const LIMITS = { connections: 4096, services: 16, destinations: 256 };

export class SimulatedDirector {
  readonly interfaces: readonly { readonly network: NetworkName; readonly port: MemoryPort }[];
  readonly #director: Director;
  readonly #breath: Breath;

  constructor(plan: LabPlan, arena: FrameArena, clock: Clock, random: Random) {
    this.interfaces = plan.director.interfaces.map(({ name, network, mac }) => ({
      network,
      port: new MemoryPort(arena, { name, mac }),
    }));
    const ports = this.interfaces.map(({ port }) => port);
    this.#director = new Director({
      arena,
      tables: new Tables(LIMITS, random.next() | 0),
      links: ports.map(({ facts }) => facts),
      hostPort: NONE,
      headroom: HEADROOM,
      clock,
      random,
    });
    this.#breath = new Breath(this.#director, ports);
  }

  /** Changes the tables as the control side would. */
  apply(actions: readonly TableAction[]): void {
    applyTables(this.#director.state, actions);
  }

  /** @param connections how many to list at most */
  status(connections: number): DataPlaneStatus {
    const ports = this.interfaces.map(({ port }) => ({ port, io: 'memory', mode: '' }) as const);
    return snapshot(this.#director.state, ports, connections);
  }

  breathe(): void {
    this.#breath.breathe();
  }
}
