/**
 * The part of the selector that reads: from the start of the frame to the transport header, and the same for the packet that an ICMP
 * error quotes. What it finds stays in four registers and in named fields on the stack. A frame that ends too soon goes to `pass`.
 */
import { assert } from '../base/assert.ts';
import { Family } from '../base/terms.ts';
import { Assembler, type Helper, type MapReference, part, type Register, type StackField } from './assembler.ts';
import { ENDPOINT_KEY_BYTES, PREFIX_KEY_BYTES, WHOLE_PREFIX_BITS } from './endpoints.ts';

/** Extension headers of IPv6 that are walked, at most this many per packet. */
export const MAX_EXTENSION_HEADERS = 6;

// Registers of the body: r6 context, r7 cursor (offset in the frame), r8 protocol, r9 Piece.
export const CONTEXT: Register = 'r6';
export const CURSOR: Register = 'r7';
export const PROTOCOL: Register = 'r8';
export const PIECE: Register = 'r9';

/** Where the addresses of one packet lie; the outer one, and the one that an ICMP error quotes. */
export interface Packet {
  /** Both, as they lie in an IPv6 header. */
  readonly addresses: StackField;
  readonly source: StackField;
  readonly destination: StackField;
}

/** What every part of the body needs. */
export interface Body {
  readonly a: Assembler;
  readonly endpoints: MapReference;
  readonly prefixes: MapReference;
  readonly readHelper: Helper;
  /** Key of the map of prefixes, of which `key` is the end. */
  readonly prefixKey: StackField;
  readonly key: StackField;
  readonly keyFamily: StackField;
  readonly keyProtocol: StackField;
  readonly keyPort: StackField;
  readonly keyAddress: StackField;
  /** Whatever header is being read: Ethernet, IP, extension, ICMP. */
  readonly header: StackField;
  readonly ports: StackField;
  readonly sourcePort: StackField;
  readonly destinationPort: StackField;
  readonly outer: Packet;
  readonly quoted: Packet;
}

/** In r9: what piece of a packet this is. */
export const Piece = { whole: 0, first: 1, later: 2 } as const;

const EtherType = { ipv4: 0x0800, ipv6: 0x86dd };
const Extension = { hopByHop: 0, routing: 43, fragment: 44, destinationOptions: 60 };

/** File descriptors of the maps that io/selector.ts fills by endpoints.ts. */
export interface EndpointMaps {
  readonly endpoints: number;
  readonly prefixes: number;
}

/** @param readHelper copies bytes of the frame, in this kind of program */
export function createBody({ endpoints, prefixes }: EndpointMaps, readHelper: Helper): Body {
  const a = new Assembler();
  const prefixKey = a.field('prefixKey', PREFIX_KEY_BYTES);
  const key = part(prefixKey, 'key', 4, ENDPOINT_KEY_BYTES);
  const ports = a.field('ports', 4);
  return {
    a,
    endpoints: { name: 'endpoints', fd: endpoints },
    prefixes: { name: 'prefixes', fd: prefixes },
    readHelper,
    prefixKey,
    key,
    keyFamily: part(key, 'family', 0, 1),
    keyProtocol: part(key, 'protocol', 1, 1),
    keyPort: part(key, 'port', 2, 2),
    keyAddress: part(key, 'address', 4, 16),
    header: a.field('header', 24),
    ports,
    sourcePort: part(ports, 'source', 0, 2),
    destinationPort: part(ports, 'destination', 2, 2),
    outer: packetFields(a, 'outer'),
    quoted: packetFields(a, 'quoted'),
  };
}

/** To `found` when a prefix of the protocol in PROTOCOL has this address; else goes on. Loses r0 to r5. */
export function emitFindPrefix(body: Body, address: StackField, found: string): void {
  const { a } = body;
  a.storeField(part(body.prefixKey, 'bits', 0, 4), WHOLE_PREFIX_BITS);
  a.storeField(body.keyProtocol, PROTOCOL);
  a.storeField(body.keyPort, 0);
  copyField(a, body.keyAddress, address, 4);
  a.loadMap('r1', body.prefixes);
  a.pointTo('r2', body.prefixKey);
  a.call('map_lookup_elem');
  a.jumpIf('r0', '!=', 0, found);
}

function packetFields(a: Assembler, name: string): Packet {
  const addresses = a.field(name, 32);
  return { addresses, source: part(addresses, 'source', 0, 16), destination: part(addresses, 'destination', 16, 16) };
}

/** To the IP header, when the frame has one and goes to `address`. */
export function emitEthernet(body: Body, address: Uint8Array | undefined): void {
  const { a, header } = body;
  a.set(CURSOR, '=', 0);
  readHeader(body, header, 14);
  if (address !== undefined) {
    assert(address.length === 6, 'a MAC address has 6 bytes');
    const mac = new DataView(address.buffer, address.byteOffset, 6);
    a.loadField('r1', part(header, 'destinationMac', 0, 4));
    a.fromNetworkOrder('r1', 32);
    a.jumpIf32('r1', '!=', mac.getUint32(0), 'pass');
    a.loadField('r1', part(header, 'destinationMacEnd', 4, 2));
    a.fromNetworkOrder('r1', 16);
    a.jumpIf('r1', '!=', mac.getUint16(4), 'pass');
  }
  a.loadField('r1', part(header, 'etherType', 12, 2));
  a.fromNetworkOrder('r1', 16);
  a.storeField(body.keyFamily, Family.v4);
  a.jumpIf('r1', '==', EtherType.ipv4, 'internet');
  a.storeField(body.keyFamily, Family.v6);
  a.jumpIf('r1', '!=', EtherType.ipv6, 'pass');
  a.label('internet');
  a.set(CURSOR, '+=', 14);
}

/** In: CURSOR at an IP header of key.family. Out: the addresses, PROTOCOL, PIECE, and CURSOR behind all IP headers. */
export function emitInternet(body: Body, packet: Packet): void {
  const { a } = body;
  const v6 = a.unique('ipv6');
  const done = a.unique('transportHeader');
  a.set(PIECE, '=', Piece.whole);
  a.loadField('r1', body.keyFamily);
  a.jumpIf('r1', '==', Family.v6, v6);
  emitIpv4(body, packet, done);
  a.label(v6);
  emitIpv6(body, packet, done);
  a.label(done);
}

function emitIpv4(body: Body, packet: Packet, done: string): void {
  const { a, header } = body;
  readHeader(body, header, 20);
  for (const [address, at] of [[packet.source, 12] as const, [packet.destination, 16] as const]) {
    for (const zero of [0, 4, 8]) a.storeField(part(address, `${zero}`, zero, 4), 0);
    a.loadField('r1', part(header, 'address', at, 4));
    a.storeField(part(address, 'v4', 12, 4), 'r1');
  }
  a.loadField(PROTOCOL, part(header, 'protocol', 9, 1));
  a.loadField('r1', part(header, 'versionAndLength', 0, 1));
  a.set('r2', '=', 'r1');
  a.set('r2', '>>=', 4);
  a.jumpIf('r2', '!=', 4, 'pass');
  a.set('r1', '&=', 15);
  a.jumpIf('r1', '<', 5, 'pass');
  a.set('r1', '<<=', 2);
  a.set(CURSOR, '+=', 'r1');
  a.loadField('r1', part(header, 'fragment', 6, 2));
  a.fromNetworkOrder('r1', 16);
  emitPiece(body, { moreOrOffset: 0x3fff, offset: 0x1fff }, done, done);
}

function emitIpv6(body: Body, packet: Packet, done: string): void {
  const { a, header } = body;
  readHeader(body, header, 8);
  a.loadField('r1', part(header, 'version', 0, 1));
  a.set('r1', '>>=', 4);
  a.jumpIf('r1', '!=', 6, 'pass');
  a.loadField(PROTOCOL, part(header, 'next', 6, 1));
  a.set(CURSOR, '+=', 8);
  readHeader(body, packet.addresses, 32);
  a.set(CURSOR, '+=', 32);
  for (let i = 0; i < MAX_EXTENSION_HEADERS; i++) emitExtension(body, done);
}

/** Steps over one extension header, or goes to `done` when PROTOCOL is none. */
function emitExtension(body: Body, done: string): void {
  const { a, header } = body;
  const fragment = a.unique('fragment');
  const options = a.unique('options');
  const next = a.unique('nextExtension');
  a.jumpIf(PROTOCOL, '==', Extension.fragment, fragment);
  for (const kind of [Extension.hopByHop, Extension.routing, Extension.destinationOptions])
    a.jumpIf(PROTOCOL, '==', kind, options);
  a.jump(done);

  a.label(options);
  readHeader(body, header, 8);
  a.loadField(PROTOCOL, part(header, 'next', 0, 1));
  a.loadField('r1', part(header, 'eightBytesMore', 1, 1));
  a.set('r1', '+=', 1);
  a.set('r1', '<<=', 3);
  a.set(CURSOR, '+=', 'r1');
  a.jump(next);

  a.label(fragment);
  readHeader(body, header, 8);
  a.loadField(PROTOCOL, part(header, 'next', 0, 1));
  a.set(CURSOR, '+=', 8);
  a.loadField('r1', part(header, 'offset', 2, 2));
  a.fromNetworkOrder('r1', 16);
  // RFC 6946: neither offset nor more to come = the whole packet, though it has a fragment header.
  emitPiece(body, { moreOrOffset: 0xfff9, offset: 0xfff8 }, next, done);
  a.label(next);
}

/** r1 holds the fragment field. Goes on at `first` when the transport header is here, at `later` when it is not. */
function emitPiece({ a }: Body, masks: { moreOrOffset: number; offset: number }, first: string, later: string): void {
  a.set('r1', '&=', masks.moreOrOffset);
  a.jumpIf('r1', '==', 0, first);
  a.set(PIECE, '=', Piece.first);
  a.set('r1', '&=', masks.offset);
  a.jumpIf('r1', '==', 0, first);
  a.set(PIECE, '=', Piece.later);
  a.jump(later);
}

/** Copies `bytes` at CURSOR to the front of `field`; a frame that ends before is the host's. Loses r0 to r5. */
export function readHeader({ a, readHelper }: Body, field: StackField, bytes: number): void {
  assert(bytes <= field.bytes, `${field.name} holds ${bytes} bytes`);
  a.set('r1', '=', CONTEXT);
  a.set('r2', '=', CURSOR);
  a.pointTo('r3', field);
  a.set('r4', '=', bytes);
  a.call(readHelper);
  a.jumpIf('r0', '!=', 0, 'pass');
}

/** Through r1, `step` bytes at a time; memory order is kept, so network order stays network order. */
export function copyField(a: Assembler, to: StackField, from: StackField, step: 2 | 4): void {
  for (let at = 0; at < from.bytes; at += step) {
    a.loadField('r1', part(from, `${at}`, at, step));
    a.storeField(part(to, `${at}`, at, step), 'r1');
  }
}
