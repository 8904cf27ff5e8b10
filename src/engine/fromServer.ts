// hot path

/**
 * Connections that a real server opens (specs/ipvs.md section 2.7): a datagram from a masq real server's own address and port, to a client
 * that it has no connection with. Where its service has a persistence engine, the client gets it from the virtual address, and the
 * client's packets of the same name come to the same real server from then on.
 */
import { NONE, Protocol } from '../base/terms.ts';
import { NodeDirection } from '../table/flowKey.ts';
import { PersistenceEngine, ServiceFlag } from '../table/services.ts';
import { enter } from './enter.ts';
import { counter } from './outcome.ts';
import { hangOn, templateFromServer } from './persistence.ts';
import { readName } from './persistenceName.ts';
import type { EngineState } from './state.ts';

const OPENED_FROM_SERVER = counter('openedFromServer');
const CLIENT_WAY_UNKNOWN = counter('clientWayUnknown');

/** @returns the new connection's node in the direction of replies; NONE when the packet in `s.flow` opens none */
export function openFromServer(s: EngineState): number {
  const { flow } = s;
  const { services, destinations, connections } = s.tables;
  if (flow.protocol !== Protocol.udp || !services.haveEngine) return NONE;
  const d = s.realServers.ofSource(s.tables, flow);
  if (d === NONE) return NONE;
  const service = destinations.service(d);
  const engine = services.engine(service);
  if (engine === PersistenceEngine.none || services.firewallMark(service) !== 0 || services.port(service) === 0) return NONE;
  const isPersistent = (services.flags(service) & ServiceFlag.persistent) !== 0;
  if (isPersistent && !readName(s, engine, flow)) return NONE;
  if (!s.clientWays.find(flow)) {
    s.counters.add(CLIENT_WAY_UNKNOWN);
    return NONE;
  }
  writeRequestKey(s, service);
  const template = isPersistent ? templateFromServer(s, service, s.inverse, d) : NONE;
  if (isPersistent && template < 0) return NONE;
  const conn = enter(s, service, s.inverse, d, flow.sourcePort, 0);
  if (conn < 0) return NONE;
  connections.setClientMac(conn, s.clientWays.macHigh, s.clientWays.macLow, s.clientWays.port);
  if (template !== NONE) hangOn(s, conn, template);
  s.counters.add(OPENED_FROM_SERVER);
  return conn * 2 + NodeDirection.reply;
}

/** Fills `s.inverse` with what the client of the packet in `s.flow` would send: to the service. */
function writeRequestKey(s: EngineState, service: number): void {
  const { flow, inverse } = s;
  const { services } = s.tables;
  inverse.family = flow.family;
  inverse.protocol = flow.protocol;
  inverse.source0 = flow.target0;
  inverse.source1 = flow.target1;
  inverse.source2 = flow.target2;
  inverse.source3 = flow.target3;
  inverse.sourcePort = flow.targetPort;
  inverse.target0 = services.addressWord(service, 0);
  inverse.target1 = services.addressWord(service, 1);
  inverse.target2 = services.addressWord(service, 2);
  inverse.target3 = services.addressWord(service, 3);
  inverse.targetPort = services.port(service);
}
