/** What is inside an IP-in-IP packet (RFC 2003 and 2473), for the real server's end of a tunnel. */
import { Family, NONE, Protocol } from '../base/terms.ts';
import { type Flow, FlowFault, FragmentKind } from '../packet/flow.ts';

/** Whether `flow`, the outcome of parsing, is a packet of a tunnel or a piece of one. */
export function isTunnelPacket(fault: FlowFault, flow: Flow): boolean {
  return fault === FlowFault.none && (flow.protocol === Protocol.ipip || flow.protocol === Protocol.ipv6);
}

/**
 * Where the inner packet of a tunnel packet begins; it ends where `flow` ends.
 * @param flow of the outer packet, for which `isTunnelPacket` is true
 * @returns NONE when it is a fragment, or what is inside is not of the family that the outer header names
 */
export function innerPacketAt(v: DataView, flow: Flow): number {
  const { l4, end, fragment } = flow;
  if (fragment !== FragmentKind.none || end === l4) return NONE;
  return v.getUint8(l4) >> 4 === innerFamily(flow) ? l4 : NONE;
}

/** The family that the outer header names. */
export function innerFamily(flow: Flow): Family {
  return flow.protocol === Protocol.ipip ? Family.v4 : Family.v6;
}
