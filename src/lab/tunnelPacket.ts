/** What is inside a tunnel packet (IP in IP, GUE, GRE), for the real server's end of a tunnel. */
import { Family, NONE, Protocol } from '../base/terms.ts';
import * as checksum from '../packet/checksum.ts';
import { EtherType } from '../packet/ethernet.ts';
import { type Flow, FlowFault, FragmentKind } from '../packet/flow.ts';
import * as gre from '../packet/gre.ts';
import * as gue from '../packet/gue.ts';
import * as udp from '../packet/udp.ts';
import { GUE_PORT } from './labPlan.ts';

/** Whether `flow`, the outcome of parsing, is a packet of a tunnel or a piece of what may be one: a later piece of UDP has no port. */
export function isTunnelPacket(fault: FlowFault, flow: Flow): boolean {
  if (fault !== FlowFault.none) return false;
  switch (flow.protocol) {
    case Protocol.ipip:
    case Protocol.ipv6:
    case Protocol.gre:
      return true;
    case Protocol.udp:
      return flow.fragment === FragmentKind.later || flow.targetPort === GUE_PORT;
    default:
      return false;
  }
}

/**
 * Where the inner packet of a tunnel packet begins; it ends where `flow` ends.
 * @param flow of the whole outer packet, for which `isTunnelPacket` is true
 * @returns NONE when it is a fragment, its headers or checksum are wrong, or what is inside is not of the family that they name
 */
export function innerPacketAt(v: DataView, flow: Flow): number {
  const { l4, end, fragment } = flow;
  if (fragment !== FragmentKind.none || end <= l4) return NONE;
  switch (flow.protocol) {
    case Protocol.gre:
      return insideGre(v, l4, end);
    case Protocol.udp:
      return insideGue(v, flow);
    default:
      return packetOf(v, l4, end, flow.protocol === Protocol.ipip ? Family.v4 : Family.v6);
  }
}

function insideGre(v: DataView, l4: number, end: number): number {
  if (!gre.check(v, l4, end - l4) || !gre.verify(v, l4, end - l4)) return NONE;
  const at = l4 + gre.headerBytes(v, l4);
  switch (gre.etherType(v, l4)) {
    case EtherType.ipv4:
      return packetOf(v, at, end, Family.v4);
    case EtherType.ipv6:
      return packetOf(v, at, end, Family.v6);
    default:
      return NONE;
  }
}

function insideGue(v: DataView, flow: Flow): number {
  const { l4, end } = flow;
  if (!udp.check(v, l4, end - l4) || udp.targetPort(v, l4) !== GUE_PORT || !checksum.verifyTransport(v, flow)) return NONE;
  const header = l4 + udp.HEADER_BYTES;
  if (!gue.check(v, header, end - header)) return NONE;
  const at = header + gue.headerBytes(v, header);
  switch (gue.protocol(v, header)) {
    case Protocol.ipip:
      return packetOf(v, at, end, Family.v4);
    case Protocol.ipv6:
      return packetOf(v, at, end, Family.v6);
    default:
      return NONE;
  }
}

/** @returns `at` if a packet of that family begins there */
function packetOf(v: DataView, at: number, end: number, family: Family): number {
  return at < end && v.getUint8(at) >> 4 === family ? at : NONE;
}
