/**
 * The part of the selector and of the fanout that knows the local addresses of fullnat: one entry for each beside the endpoints, whose
 * value is not flags but the range of ports that replies may come to, first << 16 | last.
 */
import { type Address, address } from '../base/address.ts';
import type { StackField } from './assembler.ts';
import { type Body, copyField } from './headers.ts';

/** Stands where the protocol of an endpoint would: reserved by IANA, so no packet has it. */
const LOCAL_RANGE_PROTOCOL = 255;

/** A local address of fullnat, with both ends of its range. */
export interface LocalRange {
  readonly address: string;
  readonly ports: readonly [first: number, last: number];
}

/** @param keyOf makes the key of an endpoint @returns key and value of the entry */
export function rangeEntry(
  { address: text, ports: [first, last] }: LocalRange,
  keyOf: (family: Address['family'], protocol: number, port: number, words: Address['words']) => Uint8Array,
): readonly [key: Uint8Array, value: number] {
  const { family, words } = address(text);
  return [keyOf(family, LOCAL_RANGE_PROTOCOL, 0, words), ((first << 16) | last) >>> 0];
}

/**
 * To `found` when the address is a local one and the port within its range; else goes on. Loses r0 to r5.
 * @param port left out = any, for fragments
 */
export function emitFindLocal(body: Body, of: StackField, port: StackField | undefined, found: string): void {
  const { a, endpoints, key } = body;
  const other = a.unique('notLocal');
  a.storeField(body.keyProtocol, LOCAL_RANGE_PROTOCOL);
  a.storeField(body.keyPort, 0);
  copyField(a, body.keyAddress, of, 4);
  a.loadMap('r1', endpoints);
  a.pointTo('r2', key);
  a.call('map_lookup_elem');
  a.jumpIf('r0', '==', 0, other);
  if (port !== undefined) {
    a.load('r0', 4, 'r0', 0);
    a.loadField('r1', port);
    a.fromNetworkOrder('r1', 16);
    a.set('r2', '=', 'r0');
    a.set('r2', '>>=', 16);
    a.jumpIf('r1', '<', 'r2', other);
    a.set('r0', '&=', 0xffff);
    a.jumpIf('r1', '>', 'r0', other);
  }
  a.jump(found);
  a.label(other);
}
