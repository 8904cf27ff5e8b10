// hot path

/**
 * Persistent services: a client, or all clients of a network, keeps its real server (specs/ipvs.md section 5.3). A template in the
 * connection table remembers it:
 *
 *     service              protocol     client            virtual address : port     port of the real server
 *     of one port          packet's     masked, port 0    packet's        : its own  its own
 *     port 21, all ports   packet's     masked, port 0    packet's        : 0        0
 *     firewall mark        0            masked, port 0    the mark        : 0        0
 *
 * Each new connection hangs on its template, restarts its timer, and goes to its real server whatever weight and load say.
 */
import { Family, NONE } from '../base/terms.ts';
import { TICKS_PER_SECOND } from '../protocol/timeouts.ts';
import { ConnectionFlag } from '../table/connectionFlags.ts';
import type { FlowKey } from '../table/flowKey.ts';
import { enter, insert, NoConnection, pick } from './enter.ts';
import type { EngineState } from './state.ts';

const FTP_PORT = 21;

/**
 * Enters a connection from `key`'s source to a persistent service, at the real server of its template, or of a new one.
 * @returns the connection, or one of NoConnection
 */
export function enterPersistent(s: EngineState, service: number, key: FlowKey, mark: number): number {
  const { connections, destinations, services } = s.tables;
  writeTemplateKey(s, service, key);
  let template = connections.findTemplate(s.templateKey);
  if (template !== NONE && !attracts(s, template)) {
    connections.neutralise(template);
    template = NONE;
  }
  if (template === NONE) {
    template = createTemplate(s, service, key, mark);
    if (template < 0) return template;
  }
  const d = connections.destination(template);
  const port = key.targetPort === services.port(service) ? destinations.port(d) || key.targetPort : key.targetPort;
  const conn = enter(s, service, key, d, port, mark);
  if (conn >= 0) {
    connections.setController(conn, template);
    connections.setFlags(conn, connections.flags(conn) | ConnectionFlag.awaitsReply);
  }
  connections.touch(template, connections.timeoutTicks(template), s.nowTick);
  return conn;
}

/** The template's real server still takes its clients. */
function attracts(s: EngineState, template: number): boolean {
  const { connections, destinations } = s.tables;
  const d = connections.destination(template);
  if (d === NONE || !destinations.available(d)) return false;
  return !(s.settings.expireQuiescentTemplate && destinations.weight(d) === 0);
}

/** @returns a template for `s.templateKey` at the real server that the scheduler picks, or one of NoConnection */
function createTemplate(s: EngineState, service: number, key: FlowKey, mark: number): number {
  const { connections, destinations, services } = s.tables;
  const d = pick(s, service, key);
  if (d === NONE) return NoConnection.refused;
  const ownPort = services.port(service);
  const port = key.targetPort === ownPort && ownPort !== FTP_PORT ? destinations.port(d) : 0;
  const ticks = services.persistenceSeconds(service) * TICKS_PER_SECOND;
  const flags = destinations.method(d) | ConnectionFlag.template;
  const template = insert(s, service, s.templateKey, d, port, flags, ticks);
  if (template === NONE) return NoConnection.full;
  connections.setTimeoutTicks(template, ticks);
  if (mark !== 0) connections.setFirewallMark(template, mark);
  return template;
}

/** Fills `s.templateKey` with the name of the template that the client of `key` has at this service. */
function writeTemplateKey(s: EngineState, service: number, key: FlowKey): void {
  const { services } = s.tables;
  const t = s.templateKey;
  t.family = key.family;
  t.source0 = key.source0 & services.persistenceMaskWord(service, 0);
  t.source1 = key.source1 & services.persistenceMaskWord(service, 1);
  t.source2 = key.source2 & services.persistenceMaskWord(service, 2);
  t.source3 = key.source3 & services.persistenceMaskWord(service, 3);
  t.sourcePort = 0;
  const ownPort = services.port(service);
  const isOwnPort = key.targetPort === ownPort;
  t.targetPort = isOwnPort && ownPort !== FTP_PORT ? ownPort : 0;
  const mark = services.firewallMark(service);
  if (mark !== 0 && !isOwnPort) return nameByMark(t, mark);
  t.protocol = key.protocol;
  t.target0 = key.target0;
  t.target1 = key.target1;
  t.target2 = key.target2;
  t.target3 = key.target3;
}

/** The mark stands where an IPv4 address would: in the last word of ours for IPv4, in the first word of an IPv6 address. */
function nameByMark(t: EngineState['templateKey'], mark: number): void {
  t.protocol = 0;
  t.target0 = t.family === Family.v6 ? mark : 0;
  t.target1 = 0;
  t.target2 = 0;
  t.target3 = t.family === Family.v6 ? 0 : mark;
}
