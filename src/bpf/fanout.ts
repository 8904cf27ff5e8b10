/**
 * Which of several workers gets a packet: the same one for the requests and the replies of a connection, whoever balances it. The
 * program hashes the client's end, which is the end that both directions have in common:
 *
 *     request   client -> virtual service                    the destination is a service: the client is the source
 *     reply     real server -> client                        it is none: the client is the destination
 *     fullnat   real server -> local address                 by the local port, whose remainder is the worker that owns it
 *     error     about a packet (client -> real server), or (virtual service -> client): found in the packet that it quotes
 *
 * Fragments have no ports but in their first piece, so UDP goes by the client's address alone; TCP and SCTP, which avoid fragments, by
 * address and port, but by the address alone where several connections belong together (FTP, services of every port). What is nothing of this kind goes to the first worker. The program starts at the IP header (fanout of AF_PACKET,
 * queues of a TUN device).
 */
import { Family, Protocol } from '../base/terms.ts';
import { type Assembler, part, type StackField } from './assembler.ts';
import { EndpointFlag } from './endpoints.ts';
import {
  type Body,
  CONTEXT,
  CURSOR,
  copyField,
  createBody,
  type EndpointMaps,
  emitFindPrefix,
  emitInternet,
  PIECE,
  Piece,
  PROTOCOL,
  readHeader,
} from './headers.ts';
import { emitFindLocal } from './localRange.ts';

/** Steps of the mix: multiply by an odd number without pattern, then bring the upper bits, which are the better ones, down. */
const MULTIPLIERS = [0x9e37_79b1, 0x85eb_ca6b, 0xc2b2_ae35] as const;
const SHIFT = 15;
/** Types above are questions and answers, not errors: ICMP 12 is the last error, ICMPv6 127. */
const LAST_ERROR = { v4: 12, v6: 127 };

/** The program, ready to be loaded as a socket filter. */
export function fanoutProgram(maps: EndpointMaps): Uint8Array {
  return assembleFanout(maps).assemble();
}

/** The program for people, one line per instruction. */
export function fanoutListing(maps: EndpointMaps): string[] {
  return assembleFanout(maps).list();
}

function assembleFanout(maps: EndpointMaps): Assembler {
  const body = createBody(maps, 'skb_load_bytes');
  const { a } = body;
  emitStart(body);
  emitInternet(body, body.outer);
  a.jumpIf(PROTOCOL, '==', Protocol.icmp, 'message');
  a.jumpIf(PROTOCOL, '==', Protocol.icmpv6, 'message');
  emitClientOf(body, body.outer);
  a.label('message');
  emitQuoted(body);
  emitClientOf(body, body.quoted);
  a.label('pass');
  a.set('r0', '=', 0);
  a.exit();
  return a;
}

/** The family is in the first four bits of either header. */
function emitStart(body: Body): void {
  const { a, header } = body;
  a.set(CONTEXT, '=', 'r1');
  a.set(CURSOR, '=', 0);
  readHeader(body, header, 1);
  a.loadField('r1', part(header, 'version', 0, 1));
  a.set('r1', '>>=', 4);
  a.storeField(body.keyFamily, Family.v4);
  a.jumpIf('r1', '==', 4, 'internet');
  a.storeField(body.keyFamily, Family.v6);
  a.jumpIf('r1', '!=', 6, 'pass');
  a.label('internet');
}

/** Leaves CURSOR at the packet that an ICMP error quotes. Fragments of a message are not ours. */
function emitQuoted(body: Body): void {
  const { a, header } = body;
  a.jumpIf(PIECE, '!=', Piece.whole, 'pass');
  readHeader(body, header, 8);
  a.set(CURSOR, '+=', 8);
  a.loadField('r1', part(header, 'type', 0, 1));
  a.jumpIf('r1', '>', LAST_ERROR.v6, 'pass');
  a.jumpIf(PROTOCOL, '==', Protocol.icmpv6, 'error');
  a.jumpIf('r1', '>', LAST_ERROR.v4, 'pass');
  a.label('error');
  emitInternet(body, body.quoted);
}

/**
 * Ends with the hash of the client's end. In a quoted packet a service is the source (a reply was refused), so there the rule is the
 * other way round, with the same outcome: whichever end is no service's, and of two such the one that is not the real server's.
 */
function emitClientOf(body: Body, packet: Body['outer']): void {
  const { a } = body;
  const isQuoted = packet === body.quoted;
  const ends = [
    [packet.source, body.sourcePort],
    [packet.destination, body.destinationPort],
  ] as const;
  const [[server, serverPort], [service, servicePort]] = isQuoted ? [ends[1], ends[0]] : ends;
  const pieces = a.unique('pieces');
  const ported = a.unique('ported');
  const source = a.unique('clientIsSource');
  const destination = a.unique('clientIsDestination');
  const local = a.unique('local');
  const [yes, no] = isQuoted ? [destination, source] : [source, destination];
  a.storeField(body.ports, 0);
  a.jumpIf(PIECE, '!=', Piece.whole, pieces);
  for (const protocol of [Protocol.tcp, Protocol.udp, Protocol.sctp]) a.jumpIf(PROTOCOL, '==', protocol, ported);
  a.jump('pass');

  a.label(pieces);
  emitFind(body, 0, service);
  a.jumpIf('r0', '&', EndpointFlag.virtual, yes);
  emitFind(body, 0, server);
  a.jumpIf('r0', '&', EndpointFlag.masqAddress, no);
  emitFindPrefix(body, service, yes);
  a.jump(no);

  a.label(ported);
  readHeader(body, body.ports, 4);
  emitFind(body, PROTOCOL, service, servicePort);
  emitByAddress(body);
  a.jumpIf('r0', '&', EndpointFlag.service, yes);
  emitFind(body, PROTOCOL, service);
  emitByAddress(body);
  a.jumpIf('r0', '&', EndpointFlag.catchAll, yes);
  // A prefix may hold clients, too, so a reply is looked for first.
  for (const its of [serverPort, undefined]) {
    const other = a.unique('notFullnat');
    emitFind(body, PROTOCOL, server, its);
    a.set('r1', '=', 'r0');
    a.set('r1', '&=', EndpointFlag.fullnat);
    a.jumpIf('r1', '==', 0, other);
    emitFindLocal(body, service, servicePort, local);
    emitFind(body, PROTOCOL, server, its);
    a.label(other);
    emitByAddress(body);
    a.jumpIf('r0', '&', EndpointFlag.masq, no);
  }
  emitFindPrefix(body, service, yes);
  a.jump(no);

  // The kernel takes the remainder by the number of workers, as table/localPorts.ts does.
  a.label(local);
  a.loadField('r0', servicePort);
  a.fromNetworkOrder('r0', 16);
  a.exit();
  a.label(source);
  emitHash(body, packet.source, body.sourcePort);
  a.label(destination);
  emitHash(body, packet.destination, body.destinationPort);
}

/** Where the endpoint in r0 has connections that belong together, the ports do not count. Keeps r0. */
function emitByAddress({ a, ports }: Body): void {
  const apart = a.unique('apart');
  a.set('r1', '=', 'r0');
  a.set('r1', '&=', EndpointFlag.byAddress);
  a.jumpIf('r1', '==', 0, apart);
  a.storeField(ports, 0);
  a.label(apart);
}

/** Exits with a hash of the address and, but for UDP, the port. */
function emitHash(body: Body, address: StackField, port: StackField): void {
  const { a } = body;
  const mixed = a.unique('mixed');
  a.set32('r0', '=', 0);
  a.jumpIf(PROTOCOL, '==', Protocol.udp, mixed);
  a.jumpIf(PIECE, '!=', Piece.whole, mixed);
  a.loadField('r0', port);
  a.label(mixed);
  for (const at of [0, 4, 8, 12]) {
    a.loadField('r1', part(address, `${at}`, at, 4));
    a.set32('r0', '^=', 'r1');
    emitMix(a, MULTIPLIERS[0]);
  }
  // The kernel takes the remainder, so the lowest bits must depend on all.
  for (const multiplier of MULTIPLIERS.slice(1)) emitMix(a, multiplier);
  a.exit();
}

function emitMix(a: Assembler, multiplier: number): void {
  a.set32('r0', '*=', multiplier | 0);
  a.set32('r1', '=', 'r0');
  a.set32('r1', '>>=', SHIFT);
  a.set32('r0', '^=', 'r1');
}

/** r0 = flags of the endpoint, 0 when there is none; a port that is left out is 0. Loses r1 to r5. */
function emitFind(body: Body, protocol: typeof PROTOCOL | 0, address: StackField, port?: StackField): void {
  const { a, endpoints, key } = body;
  const unknown = a.unique('unknown');
  a.storeField(body.keyProtocol, protocol);
  copyField(a, body.keyAddress, address, 4);
  if (port === undefined) a.storeField(body.keyPort, 0);
  else copyField(a, body.keyPort, port, 2);
  a.loadMap('r1', endpoints);
  a.pointTo('r2', key);
  a.call('map_lookup_elem');
  a.jumpIf('r0', '==', 0, unknown);
  a.load('r0', 4, 'r0', 0);
  a.label(unknown);
}
