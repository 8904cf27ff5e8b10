// hot path

/** Where a frame goes next: the port, the MAC address on its other end, and our own. One object, filled for each frame that leaves. */
import * as ethernet from '../packet/ethernet.ts';
import type { EngineState } from './state.ts';

export class Way {
  port = 0;
  targetHigh = 0;
  targetLow = 0;
  sourceHigh = 0;
  sourceLow = 0;
}

/** To the next hop of destination `d`. */
export function wayToDestination(s: EngineState, d: number): void {
  const { destinations } = s.tables;
  set(s, destinations.nextHopPort(d), destinations.nextHopMacHigh(d), destinations.nextHopMacLow(d));
}

/** To where the client's frames of this connection come from. */
export function wayToClient(s: EngineState, conn: number): void {
  const { connections } = s.tables;
  set(s, connections.clientSide(conn), connections.clientMacHigh(conn), connections.clientMacLow(conn));
}

/** Back to where the frame at `at` came from, by port `ingress`, from the address that it came to. */
export function wayBack(s: EngineState, at: number, ingress: number): void {
  const { way, v } = s;
  way.port = ingress;
  way.targetHigh = ethernet.sourceHigh(v, at);
  way.targetLow = ethernet.sourceLow(v, at);
  way.sourceHigh = ethernet.targetHigh(v, at);
  way.sourceLow = ethernet.targetLow(v, at);
}

/** Writes the Ethernet header at `at` of a frame that goes this way. */
export function writeLink(s: EngineState, at: number, family: number): void {
  const { targetHigh, targetLow, sourceHigh, sourceLow } = s.way;
  ethernet.write(s.v, at, targetHigh, targetLow, sourceHigh, sourceLow, ethernet.etherTypeOf(family));
}

function set(s: EngineState, port: number, targetHigh: number, targetLow: number): void {
  const { way } = s;
  const link = s.links[port]!;
  way.port = port;
  way.targetHigh = targetHigh;
  way.targetLow = targetLow;
  way.sourceHigh = link.macHigh;
  way.sourceLow = link.macLow;
}
