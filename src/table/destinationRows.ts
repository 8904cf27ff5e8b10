// hot path

/** The row of a real server: what a packet needs to be forwarded in the first line, what scheduling needs in the second. */
import { layout } from '../memory/layout.ts';
import type { TunnelSettings } from './actions.ts';

/** One real server. Beside this class engine/fastPath.ts reads rows, nobody else (decision 0010). */
export const DESTINATION = layout(
  'flags',
  'method',
  'service',
  'family',
  'address0',
  'address1',
  'address2',
  'address3',
  'port',
  'nextHopPort',
  'nextHopMtu',
  'macHigh',
  'macLow',
  'next',
  'generation',
  'tunnel',
  // The second line.
  'weight',
  'lastWeight',
  'upperThreshold',
  'lowerThreshold',
  'active',
  'total',
  'templates',
  'spare1',
  'source0',
  'source1',
  'source2',
  'source3',
  // What the route allows, when a smaller MTU has been learned, and until when that holds.
  'routeMtu',
  'mtuUntilTick',
  // Of SharedLoads, or NONE.
  'loadSlot',
  'spare5',
);

/** On the list of its service. */
export const AVAILABLE = 0x1;
/** At its upper threshold, or not yet below the lower one again. */
export const OVERLOADED = 0x2;
/** Its next hop has a MAC address. */
export const RESOLVED = 0x4;
/** Its address is the director's own: its packets are the host's. */
export const LOCAL = 0x8;

/** What stands between the outer and the inner header of a tunnel; numbers as in specs/ipvs.md section 1.2. */
export const TunnelType = { ipip: 0, gue: 1, gre: 2 } as const;
export type TunnelType = (typeof TunnelType)[keyof typeof TunnelType];

/** Bits of the word `tunnel`: TunnelType, with a checksum, UDP port of GUE. Plain IP in IP is 0. */
export const TUNNEL_TYPE_BITS = 0x0f;
export const TUNNEL_CHECKSUM = 0x10;
export const TUNNEL_PORT_SHIFT = 16;

/** The word `tunnel` of a destination that is reached as `settings` say. */
export function tunnelWord(settings: TunnelSettings | undefined): number {
  if (settings === undefined) return TunnelType.ipip;
  // Remote checksums are for packets whose own checksum is not finished yet; ours always are, and then carry the plain one.
  const checksum = settings.checksum === 'none' || settings.type === 'ipip' ? 0 : TUNNEL_CHECKSUM;
  const port = settings.type === 'gue' ? settings.port << TUNNEL_PORT_SHIFT : 0;
  return port | checksum | TunnelType[settings.type];
}
