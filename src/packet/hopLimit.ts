// hot path

/** The hop limit (IPv6) or TTL (IPv4) of the packet that a Flow describes: one name and one step for both families. */
import { Family } from '../base/terms.ts';
import type { Flow } from './flow.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';

/** One less in packet and flow, the IPv4 header checksum mended; the caller has seen that it is above 1. */
export function decrementHopLimit(v: DataView, flow: Flow): void {
  if (flow.family === Family.v4) ipv4.decrementHopLimit(v, flow.l3);
  else ipv6.decrementHopLimit(v, flow.l3);
  flow.hopLimit--;
}
