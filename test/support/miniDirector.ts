/**
 * Tables, state machines and schedulers put together without frames: as much of a director as the recordings of scheduling and of
 * state walks exercise. Time is in ticks and moved by hand.
 */
import { parseEndpoint } from '../../src/base/address.ts';
import { type Random, SeededRandom } from '../../src/base/random.ts';
import { Family, ForwardingMethod, NONE, Protocol } from '../../src/base/terms.ts';
import { advance, isActive, stateName } from '../../src/protocol/advance.ts';
import { SctpEvent, SctpState } from '../../src/protocol/sctpStates.ts';
import { Direction } from '../../src/protocol/stateTable.ts';
import { TcpState } from '../../src/protocol/tcpStates.ts';
import { FRESH_TIMEOUT_TICKS, Timeouts } from '../../src/protocol/timeouts.ts';
import { ScheduleRequest, type Scheduler } from '../../src/scheduler/contract.ts';
import { findScheduler } from '../../src/scheduler/registry.ts';
import type { ServiceSettings, TableAction } from '../../src/table/actions.ts';
import { applyActions, type TableHooks } from '../../src/table/applyActions.ts';
import { ConnectionFlag } from '../../src/table/connectionFlags.ts';
import { connectionOf, directionOf, type FlowKey, NodeDirection } from '../../src/table/flowKey.ts';
import { ServiceDestinations } from '../../src/table/serviceDestinations.ts';
import { Tables } from '../../src/table/tables.ts';

const SYN = 0x02;
const RST = 0x04;

/** What became of a packet: the index of the destination it went to, or one of these. */
export const Outcome = { refused: -1, host: -2, dropped: -3 } as const;

/** The sysctls of the recordings that concern states. */
export interface MiniOptions {
  readonly isSecure?: boolean;
  /** Any segment but RST opens a connection. */
  readonly isSloppy?: boolean;
  /** Firewall mark of every packet. */
  readonly firewallMark?: number;
  readonly random?: Random;
}

export class MiniDirector {
  readonly tables = new Tables({ connections: 1024, services: 4, destinations: 32 }, 1);
  readonly timeouts = new Timeouts();
  /** Those that schedulers read. */
  readonly schedulerSettings = { lblcExpirationSeconds: 86_400, lblcrExpirationSeconds: 86_400 };
  nowTick = 0;
  readonly #schedulers = new Map<number, { name: string; scheduler: Scheduler }>();
  readonly #request = new ScheduleRequest();
  readonly #isSecure: boolean;
  readonly #isSloppy: boolean;
  readonly #firewallMark: number;
  readonly #random: Random;

  constructor({ isSecure = false, isSloppy = false, firewallMark = 0, random = new SeededRandom(1) }: MiniOptions = {}) {
    this.#isSecure = isSecure;
    this.#isSloppy = isSloppy;
    this.#firewallMark = firewallMark;
    this.#random = random;
  }

  apply(...actions: TableAction[]): void {
    const fault = applyActions(this.tables, actions, this.#hooks());
    if (fault !== undefined) throw fault;
  }

  /** Lets time pass, and connections expire on time. */
  sleep(ticks: number): void {
    const { connections } = this.tables;
    for (let i = 0; i < ticks; i++) {
      this.nowTick++;
      for (let conn = connections.expire(this.nowTick); conn !== NONE; conn = connections.expire(this.nowTick)) {
        this.tables.removeConnection(conn);
      }
    }
  }

  /** Handles a packet from the client. @param signal TCP flags, or SctpEvent */
  fromClient(key: FlowKey, signal: number): number {
    const { connections, destinations } = this.tables;
    const node = connections.find(key);
    let conn = node === NONE || directionOf(node) !== NodeDirection.request ? NONE : connectionOf(node);
    if (conn !== NONE && this.#mayBeReused(conn, key, signal)) {
      this.tables.removeConnection(conn);
      conn = NONE;
    }
    if (conn !== NONE && !destinations.available(connections.destination(conn))) return Outcome.dropped;
    if (conn === NONE) {
      const scheduled = this.#schedule(key, signal);
      if (scheduled < 0) return scheduled;
      conn = scheduled;
    }
    const d = connections.destination(conn);
    const isOneSided = (connections.flags(conn) & ConnectionFlag.noOutput) !== 0;
    this.#advance(conn, isOneSided ? Direction.inputOnly : Direction.input, signal);
    if ((connections.flags(conn) & ConnectionFlag.onePacket) !== 0) this.tables.removeConnection(conn);
    return d;
  }

  /** Handles a packet from the real server: of a masq connection, or it is nobody's. @returns false for nobody's */
  fromServer(key: FlowKey, signal: number): boolean {
    const node = this.tables.connections.find(key);
    if (node === NONE || directionOf(node) !== NodeDirection.reply) return false;
    this.#advance(connectionOf(node), Direction.output, signal);
    return true;
  }

  /** `ESTABLISHED`, or undefined when this packet belongs to no connection. */
  stateOf(key: FlowKey): string | undefined {
    const node = this.tables.connections.find(key);
    if (node === NONE) return undefined;
    const conn = connectionOf(node);
    return stateName(key.protocol, this.tables.connections.state(conn));
  }

  /** Ticks until the connection of this packet expires. */
  remainingTicks(key: FlowKey): number {
    return this.tables.connections.expiresAtTick(connectionOf(this.tables.connections.find(key))) - this.nowTick;
  }

  #advance(conn: number, direction: Direction, signal: number): void {
    const { connections } = this.tables;
    const protocol = connections.protocol(conn);
    const state = advance(protocol, direction, signal, connections.state(conn), this.#isSecure);
    connections.setState(conn, state);
    this.tables.setActive(conn, isActive(protocol, state));
    connections.touch(conn, this.timeouts.of(protocol, state), this.nowTick);
  }

  /** specs/ipvs.md 2.3 with conn_reuse_mode 1. */
  #mayBeReused(conn: number, key: FlowKey, signal: number): boolean {
    const state = this.tables.connections.state(conn);
    if (key.protocol === Protocol.sctp) return signal === SctpEvent.init && state === SctpState.closed;
    if (key.protocol !== Protocol.tcp || (signal & SYN) === 0) return false;
    return state === TcpState.timeWait || state === TcpState.close;
  }

  #schedule(key: FlowKey, signal: number): number {
    const { services, destinations, connections } = this.tables;
    if (!opens(key.protocol, signal, this.#isSloppy)) return Outcome.host;
    const service = services.find(key, this.#firewallMark);
    if (service === NONE) return Outcome.host;
    const d = this.#schedulers.get(service)!.scheduler.pick(this.#requestOf(key));
    if (d === NONE) return Outcome.refused;
    const isMasq = destinations.method(d) === ForwardingMethod.masq;
    const flags =
      ConnectionFlag.inactive |
      (isMasq ? 0 : ConnectionFlag.noOutput) |
      (services.onePacket(service) ? ConnectionFlag.onePacket : 0);
    const reply = isMasq
      ? ([0, 1, 2, 3].map((i) => destinations.addressWord(d, i)) as [number, number, number, number])
      : ([key.target0, key.target1, key.target2, key.target3] as const);
    const port = isMasq ? destinations.port(d) || key.targetPort : key.targetPort;
    const conn = connections.insert(key, ...reply, port, service, d, flags, this.nowTick, FRESH_TIMEOUT_TICKS);
    if (conn !== NONE) this.tables.bindConnection(conn);
    return conn;
  }

  #requestOf(key: FlowKey): ScheduleRequest {
    const r = this.#request;
    [r.family, r.protocol, r.clientPort, r.targetPort] = [key.family, key.protocol, key.sourcePort, key.targetPort];
    [r.client0, r.client1, r.client2, r.client3] = [key.source0, key.source1, key.source2, key.source3];
    [r.target0, r.target1, r.target2, r.target3] = [key.target0, key.target1, key.target2, key.target3];
    return r;
  }

  #hooks(): TableHooks {
    const schedulers = this.#schedulers;
    const create = (service: number, { scheduler: name, schedulerFlags: flags }: ServiceSettings) => {
      const list = new ServiceDestinations(this.tables.destinations, service);
      const scheduler = findScheduler(name)!.create(list, {
        flags,
        family: this.tables.services.family(service) as Family,
        random: this.#random,
        clock: { now: () => this.nowTick * 100 },
        settings: this.schedulerSettings,
      });
      schedulers.set(service, { name, scheduler });
    };
    return {
      knowsScheduler: (name) => findScheduler(name) !== undefined,
      serviceAdded: create,
      serviceEdited: (s, settings) => {
        if (schedulers.get(s)!.name !== settings.scheduler) create(s, settings);
        else schedulers.get(s)!.scheduler.setFlags?.(settings.schedulerFlags);
      },
      serviceRemoved: (s) => void schedulers.delete(s),
      destinationAdded: (s, d) => schedulers.get(s)!.scheduler.added(d),
      destinationEdited: (s, d) => schedulers.get(s)!.scheduler.edited(d),
      destinationRemoving: (s, d) => schedulers.get(s)!.scheduler.removing(d),
      destinationRemoved: () => {},
      timeoutsSet: (timeouts) => this.timeouts.set(timeouts),
      settingsSet: () => {},
      classificationSet: () => {},
      fullnatSet: () => {},
    };
  }
}

/** specs/ipvs.md 2.4, "Gate per protocol". */
function opens(protocol: number, signal: number, isSloppy: boolean): boolean {
  if (protocol === Protocol.tcp) return (signal & RST) === 0 && ((signal & SYN) !== 0 || isSloppy);
  if (protocol === Protocol.sctp) return signal !== SctpEvent.abort && (signal === SctpEvent.init || isSloppy);
  return true;
}

/** `flowKey('tcp', '10.0.0.1:1025', '192.0.2.1:80')`. */
export function flowKey(protocol: keyof typeof Protocol, source: string, target: string): FlowKey {
  const from = parseEndpoint(source);
  const to = parseEndpoint(target);
  if (from === undefined || to === undefined) throw new Error(`not endpoints: ${source} ${target}`);
  const [source0, source1, source2, source3] = from.address.words;
  const [target0, target1, target2, target3] = to.address.words;
  return {
    family: source.startsWith('[') ? Family.v6 : Family.v4,
    protocol: Protocol[protocol],
    ...{ source0, source1, source2, source3, sourcePort: from.port },
    ...{ target0, target1, target2, target3, targetPort: to.port },
  };
}
