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
 * Where the service has a persistence engine, the name that it reads from the packet (persistenceName.ts) is part of the template's.
 * Each new connection hangs on its template, restarts its timer, and goes to its real server whatever weight and load say.
 */
import { Family, NONE } from '../base/terms.ts';
import { TICKS_PER_SECOND } from '../protocol/timeouts.ts';
import { ConnectionFlag } from '../table/connectionFlags.ts';
import type { FlowKey } from '../table/flowKey.ts';
import { PersistenceEngine } from '../table/services.ts';
import { enter, insert, NoConnection, pick } from './enter.ts';
import { readName } from './persistenceName.ts';
import type { EngineState } from './state.ts';

const FTP_PORT = 21;

/**
 * Enters a connection from `key`'s source to a persistent service, at the real server of its template, or of a new one.
 * @returns the connection, or one of NoConnection
 */
export function enterPersistent(s: EngineState, service: number, key: FlowKey, mark: number): number {
  const { connections, destinations, services } = s.tables;
  const engine = services.engine(service);
  if (engine === PersistenceEngine.none) s.name.bytes = 0;
  else if (!readName(s, engine, key)) return NoConnection.nameless;
  writeTemplateKey(s, service, key);
  let template = findTemplate(s);
  if (template !== NONE && !attracts(s, template)) {
    connections.neutralise(template);
    template = NONE;
  }
  if (template === NONE) {
    const picked = pick(s, service, key);
    if (picked === NONE) return NoConnection.refused;
    template = createTemplate(s, service, key, picked, mark);
    if (template < 0) return template;
  }
  const d = connections.destination(template);
  const port = key.targetPort === services.port(service) ? destinations.port(d) || key.targetPort : key.targetPort;
  const conn = enter(s, service, key, d, port, mark);
  if (conn >= 0) hangOn(s, conn, template);
  else connections.touch(template, connections.timeoutTicks(template), s.nowTick);
  return conn;
}

/**
 * The template that `key` has at this service when real server `d` itself writes to its client; `s.name` has been read. One that leads to
 * another real server attracts nobody any more.
 * @returns the template, or one of NoConnection
 */
export function templateFromServer(s: EngineState, service: number, key: FlowKey, d: number): number {
  const { connections } = s.tables;
  writeTemplateKey(s, service, key);
  const template = findTemplate(s);
  if (template !== NONE && connections.destination(template) === d && attracts(s, template)) return template;
  if (template !== NONE) connections.neutralise(template);
  return createTemplate(s, service, key, d, 0);
}

/** Hangs a new connection on its template, whose timer starts anew. */
export function hangOn(s: EngineState, conn: number, template: number): void {
  const { connections } = s.tables;
  connections.setController(conn, template);
  connections.setFlags(conn, connections.flags(conn) | ConnectionFlag.awaitsReply);
  connections.touch(template, connections.timeoutTicks(template), s.nowTick);
}

/** The template of `s.templateKey`, and of `s.name` if there is one, or NONE. */
function findTemplate(s: EngineState): number {
  const { callIds, connections } = s.tables;
  if (s.name.bytes === 0) return connections.findTemplate(s.templateKey);
  return callIds.find(s.templateKey, s.bytes, s.name.at, s.name.bytes);
}

/** The template's real server still takes its clients. */
function attracts(s: EngineState, template: number): boolean {
  const { connections, destinations } = s.tables;
  const d = connections.destination(template);
  if (d === NONE || !destinations.available(d)) return false;
  return !(s.settings.expireQuiescentTemplate && destinations.weight(d) === 0);
}

/** @returns a template for `s.templateKey` and `s.name` at destination `d`, or one of NoConnection */
function createTemplate(s: EngineState, service: number, key: FlowKey, d: number, mark: number): number {
  const { callIds, connections, destinations, services } = s.tables;
  const isNamed = s.name.bytes > 0;
  if (isNamed && callIds.isFull) return NoConnection.namesFull;
  const ownPort = services.port(service);
  const port = key.targetPort === ownPort && ownPort !== FTP_PORT ? destinations.port(d) : 0;
  const ticks = services.persistenceSeconds(service) * TICKS_PER_SECOND;
  const flags = destinations.method(d) | ConnectionFlag.template | (isNamed ? ConnectionFlag.named : 0);
  const template = insert(s, service, s.templateKey, d, port, flags, ticks);
  if (template === NONE) return NoConnection.full;
  connections.setTimeoutTicks(template, ticks);
  if (isNamed) callIds.add(template, s.templateKey, s.bytes, s.name.at, s.name.bytes);
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
