// hot path

/**
 * IPv4 options (RFC 791, section 3.1) as the host that a packet is addressed to treats them before anybody else sees it.
 *
 *     | kind | length | pointer | data |     pointer counts from 1; kinds 0 and 1 are one byte
 */
import { Family } from '../base/terms.ts';
import * as checksum from './checksum.ts';
import type { Flow } from './flow.ts';
import * as ipv4 from './ipv4.ts';

const Option = {
  end: 0,
  noOperation: 1,
  recordRoute: 7,
  looseSourceRoute: 131,
  strictSourceRoute: 137,
} as const;

const FIRST_POINTER = 4;
const ADDRESS_BYTES = 4;

/** Whether the packet is an IPv4 one with options. */
export function hasOptions(flow: Flow): boolean {
  return flow.family === Family.v4 && flow.l4 - flow.l3 > ipv4.MIN_BYTES;
}

/**
 * Whether a host takes the packet in: every option ends within the header, a recorded route has a pointer that fits, and none
 * prescribes a route, which hosts refuse by default. `flow` is of an IPv4 packet.
 */
export function areAcceptable(v: DataView, flow: Flow): boolean {
  let at = flow.l3 + ipv4.MIN_BYTES;
  let recorded = false;
  while (at < flow.l4) {
    const kind = v.getUint8(at);
    if (kind === Option.end) return true;
    if (kind === Option.noOperation) {
      at++;
      continue;
    }
    const length = at + 1 < flow.l4 ? v.getUint8(at + 1) : 0;
    if (length < 2 || at + length > flow.l4) return false;
    if (kind === Option.looseSourceRoute || kind === Option.strictSourceRoute) return false;
    if (kind === Option.recordRoute) {
      if (recorded || !hasGoodPointer(v, at, length)) return false;
      recorded = true;
    }
    at += length;
  }
  return true;
}

/** Adds the packet's target, the virtual address, to the route that it records, if there is room. The options are acceptable. */
export function recordRoute(v: DataView, flow: Flow): void {
  if (!hasOptions(flow)) return;
  let at = flow.l3 + ipv4.MIN_BYTES;
  while (at < flow.l4) {
    const kind = v.getUint8(at);
    if (kind === Option.end) return;
    if (kind === Option.recordRoute) return record(v, flow, at);
    at += kind === Option.noOperation ? 1 : v.getUint8(at + 1);
  }
}

function hasGoodPointer(v: DataView, at: number, length: number): boolean {
  const pointer = length > 2 ? v.getUint8(at + 2) : 0;
  return pointer >= FIRST_POINTER && (pointer > length || pointer + ADDRESS_BYTES - 1 <= length);
}

function record(v: DataView, flow: Flow, at: number): void {
  const pointer = v.getUint8(at + 2);
  if (pointer > v.getUint8(at + 1)) return;
  v.setInt32(at + pointer - 1, flow.target3);
  v.setUint8(at + 2, pointer + ADDRESS_BYTES);
  checksum.writeIpv4Header(v, flow.l3);
}
