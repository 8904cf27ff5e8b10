/**
 * THE selector: the program that decides in the kernel which frames are ours. All else stays with the host: ARP, ping, ssh, VRRP,
 * other ports of a virtual address. One body, three flavours by prologue and epilogue:
 *
 *     flavour   where it runs                       ours                            the host's
 *     xdp       driver, in front of everything      redirect to the AF_XDP socket   XDP_PASS
 *     socket    filter of the AF_PACKET socket      whole frame                     nothing
 *     ingress   tcx, behind the AF_PACKET tap       dropped: the tap has it         on to the host
 *
 * Bytes are copied to the stack by the kernel's own helper before they are looked at, so no path reads outside the frame; where a copy
 * fails, the frame is truncated and the host's. Lengths inside headers are for the engine to check.
 */
import { assert } from '../base/assert.ts';
import { Family, Protocol } from '../base/terms.ts';
import { type Assembler, part, type StackField } from './assembler.ts';
import { EndpointFlag } from './endpoints.ts';
import {
  type Body,
  CONTEXT,
  CURSOR,
  copyField,
  createBody,
  emitEthernet,
  emitFindPrefix,
  emitInternet,
  PIECE,
  Piece,
  PROTOCOL,
  readHeader,
} from './headers.ts';
import { emitFindLocal } from './localRange.ts';
import { createNote, emitReadNote, emitWriteNote, type Note, Noted } from './verdictNote.ts';

export const SelectorFlavour = { xdp: 'xdp', ingress: 'ingress', socket: 'socket' } as const;
export type SelectorFlavour = (typeof SelectorFlavour)[keyof typeof SelectorFlavour];

export interface SelectorOptions {
  readonly flavour: SelectorFlavour;
  /** File descriptors of the maps of endpoints.ts. */
  readonly endpoints: number;
  readonly prefixes: number;
  /** File descriptor of the AF_XDP socket map, indexed by receive queue; flavour xdp only. */
  readonly xskMap?: number;
  /** File descriptor of a per-processor array of one word: flavour socket notes there what it decided. Left out = each decides. */
  readonly verdicts?: number;
  /** The interface's own address, 6 bytes; frames to any other are the host's. Left out = not looked at. */
  readonly mac?: Uint8Array;
}

const IPV4_ERRORS = { unreachable: 3, sourceQuench: 4, timeExceeded: 11 };
/** ICMPv6 types below this, but 0, are errors (RFC 4443 section 2.1). */
const ICMPV6_FIRST_INFORMATIONAL = 128;
const TRANSPORTS = [Protocol.tcp, Protocol.udp, Protocol.sctp];
/** UDP is a tunnel too: GUE. */
const TUNNELS = [Protocol.ipip, Protocol.ipv6, Protocol.gre, Protocol.udp];

const XDP_PASS = 2;
const XDP_RX_QUEUE_AT = 16;
const SKB_PACKET_TYPE_AT = 4;
const SKB_VLAN_PRESENT_AT = 20;
const PACKET_OUTGOING = 4;
const TCX_DROP = 2;
const TCX_NEXT = -1;
const WHOLE_FRAME = 0xffff_ffff;

/** The program, ready to be loaded. */
export function selectorProgram(options: SelectorOptions): Uint8Array {
  return assembleSelector(options).assemble();
}

/** The program for people, one line per instruction. */
export function selectorListing(options: SelectorOptions): string[] {
  return assembleSelector(options).list();
}

function assembleSelector(options: SelectorOptions): Assembler {
  const isXdp = options.flavour === SelectorFlavour.xdp;
  assert(isXdp === (options.xskMap !== undefined), 'flavour xdp, and no other, has a socket map');
  const body = createBody(options, isXdp ? 'xdp_load_bytes' : 'skb_load_bytes');
  const note = options.verdicts === undefined ? undefined : createNote(body.a, options.verdicts);
  emitPrologue(body, options.flavour, note);
  emitEthernet(body, options.mac);
  emitInternet(body, body.outer);
  emitSorting(body);
  emitTransport(body);
  emitFragment(body);
  emitIcmp(body);
  emitInternet(body, body.quoted);
  emitQuoted(body);
  emitUnlessLocal(body);
  emitVerdicts(body, options, note);
  return body.a;
}

/** The kernel takes a VLAN tag out of the frame before taps and tcx see it, and notes it beside the frame. */
function emitPrologue({ a }: Body, flavour: SelectorFlavour, note: Note | undefined): void {
  a.set(CONTEXT, '=', 'r1');
  if (flavour === SelectorFlavour.xdp) return;
  if (flavour === SelectorFlavour.ingress) {
    if (note !== undefined) emitReadNote(a, note);
  } else {
    a.load('r1', 4, CONTEXT, SKB_PACKET_TYPE_AT);
    a.jumpIf('r1', '==', PACKET_OUTGOING, 'ignore');
  }
  a.load('r1', 4, CONTEXT, SKB_VLAN_PRESENT_AT);
  a.jumpIf('r1', '!=', 0, 'pass');
}

/** A fragmented ICMP message, as a long ping, is wholly the host's. */
function emitSorting({ a }: Body): void {
  a.jumpIf(PIECE, '!=', Piece.whole, 'fragment');
  for (const protocol of TRANSPORTS) a.jumpIf(PROTOCOL, '==', protocol, 'transport');
  a.jump('icmp');
}

/** A request to a service, or a reply of a real server by masq or fullnat. */
function emitTransport(body: Body): void {
  const { a, outer } = body;
  a.label('transport');
  readHeader(body, body.ports, 4);
  emitTakeService(body, outer.destination, body.destinationPort);
  emitTakeReply(body, [outer.source, body.sourcePort], [outer.destination, body.destinationPort]);
  emitFindPrefix(body, outer.destination, 'take');
  a.jump('pass');
}

/**
 * Without ports the addresses must do: any service, any masqueraded real server. Also for the first fragment, which has ports: the
 * pieces of one datagram go one way, and the engine gives back to the host what is no service's.
 */
function emitFragment(body: Body): void {
  const { a, outer } = body;
  a.label('fragment');
  for (const protocol of TRANSPORTS) a.jumpIf(PROTOCOL, '==', protocol, 'fragmentOfTransport');
  a.jump('pass');
  a.label('fragmentOfTransport');
  findAddress(body, outer.destination);
  a.jumpIf('r0', '&', EndpointFlag.virtual, 'take');
  findAddress(body, outer.source);
  const other = a.unique('notFullnat');
  a.set('r1', '=', 'r0');
  a.set('r1', '&=', EndpointFlag.fullnatAddress);
  a.jumpIf('r1', '==', 0, other);
  emitFindLocal(body, outer.destination, undefined, 'take');
  findAddress(body, outer.source);
  a.label(other);
  a.jumpIf('r0', '&', EndpointFlag.masqAddress, 'takeUnlessLocal');
  emitFindPrefix(body, outer.destination, 'take');
  a.jump('pass');
}

/** Leaves CURSOR at the quoted packet of an ICMP error; any other message is the host's. */
function emitIcmp(body: Body): void {
  const { a, header } = body;
  a.label('icmp');
  readHeader(body, header, 8);
  a.set(CURSOR, '+=', 8);
  a.loadField('r1', part(header, 'type', 0, 1));
  a.loadField('r2', body.keyFamily);
  a.jumpIf('r2', '==', Family.v6, 'icmpv6');
  a.jumpIf(PROTOCOL, '!=', Protocol.icmp, 'pass');
  for (const type of Object.values(IPV4_ERRORS)) a.jumpIf('r1', '==', type, 'error');
  a.jump('pass');
  a.label('icmpv6');
  a.jumpIf(PROTOCOL, '!=', Protocol.icmpv6, 'pass');
  a.jumpIf('r1', '==', 0, 'pass');
  a.jumpIf('r1', '>=', ICMPV6_FIRST_INFORMATIONAL, 'pass');
  a.label('error');
}

/**
 * An error is ours when it is about our own tunnel to a real server, about a reply to a client (quoted source: the service), or
 * about a masqueraded request to a real server, on its way to the client.
 */
function emitQuoted(body: Body): void {
  const { a, quoted, outer } = body;
  a.jumpIf(PIECE, '==', Piece.later, 'pass');
  for (const protocol of TUNNELS) a.jumpIf(PROTOCOL, '==', protocol, 'quotedTunnel');
  a.jump('notTunnel');
  a.label('quotedTunnel');
  findAddress(body, quoted.destination);
  a.set('r0', '&=', EndpointFlag.tunnel);
  a.jumpIf('r0', '==', 0, 'notTunnel');
  findAddress(body, outer.destination);
  a.jumpIf('r0', '&', EndpointFlag.local, 'take');

  a.label('notTunnel');
  for (const protocol of TRANSPORTS) a.jumpIf(PROTOCOL, '==', protocol, 'quotedTransport');
  a.jump('pass');
  a.label('quotedTransport');
  readHeader(body, body.ports, 4);
  emitTakeService(body, quoted.source, body.sourcePort);
  emitTakeReply(body, [quoted.destination, body.destinationPort], [quoted.source, body.sourcePort]);
  emitFindPrefix(body, quoted.source, 'take');
  a.jump('pass');
}

/** Takes the frame when (PROTOCOL, address, port) is a service; else goes on. */
function emitTakeService(body: Body, address: StackField, port: StackField): void {
  const { a } = body;
  a.storeField(body.keyProtocol, PROTOCOL);
  copyField(a, body.keyAddress, address, 4);
  copyField(a, body.keyPort, port, 2);
  find(body);
  a.jumpIf('r0', '&', EndpointFlag.service, 'take');
  a.storeField(body.keyPort, 0);
  find(body);
  a.jumpIf('r0', '&', EndpointFlag.catchAll, 'take');
}

/** Address and port of one end of a packet. */
type End = readonly [address: StackField, port: StackField];

/**
 * Takes the frame when `server` is a real server's: one by fullnat whose `client` is a local address, or one by masq, unless the frame is
 * for the host itself; else goes on. A real server may be both.
 */
function emitTakeReply(body: Body, [address, port]: End, client: End): void {
  for (const its of [port, undefined]) {
    const { a } = body;
    const other = a.unique('notFullnat');
    findEnd(body, address, its);
    a.set('r1', '=', 'r0');
    a.set('r1', '&=', EndpointFlag.fullnat);
    a.jumpIf('r1', '==', 0, other);
    emitFindLocal(body, ...client, 'take');
    findEnd(body, address, its);
    a.label(other);
    a.jumpIf('r0', '&', EndpointFlag.masq, 'takeUnlessLocal');
  }
}

/** r0 = flags of (PROTOCOL, address, port), or of port 0. */
function findEnd(body: Body, address: StackField, port: StackField | undefined): void {
  body.a.storeField(body.keyProtocol, PROTOCOL);
  copyField(body.a, body.keyAddress, address, 4);
  if (port === undefined) body.a.storeField(body.keyPort, 0);
  else copyField(body.a, body.keyPort, port, 2);
  find(body);
}

/** The host talks to real servers too, as their checker. They may be clients as well, of a service by mark. */
function emitUnlessLocal(body: Body): void {
  const { a, outer } = body;
  a.label('takeUnlessLocal');
  findAddress(body, outer.destination);
  a.set('r0', '&=', EndpointFlag.local);
  a.jumpIf('r0', '==', 0, 'take');
  emitFindPrefix(body, outer.destination, 'take');
  a.jump('pass');
}

/** The end of the body. */
function emitVerdicts({ a }: Body, options: SelectorOptions, note: Note | undefined): void {
  a.label('take');
  switch (options.flavour) {
    case SelectorFlavour.xdp:
      a.loadMap('r1', { name: 'sockets', fd: options.xskMap ?? 0 });
      a.load('r2', 4, CONTEXT, XDP_RX_QUEUE_AT);
      a.set('r3', '=', XDP_PASS); // what it returns when the queue has no socket
      a.call('redirect_map');
      emitPass(a, XDP_PASS);
      break;
    case SelectorFlavour.ingress:
      a.set('r0', '=', TCX_DROP);
      emitPass(a, TCX_NEXT);
      break;
    case SelectorFlavour.socket:
      emitWriteNote(a, note, Noted.take);
      a.set32('r0', '=', WHOLE_FRAME);
      a.exit();
      a.label('pass');
      emitWriteNote(a, note, Noted.pass);
      a.label('ignore');
      a.set('r0', '=', 0);
      a.exit();
      break;
  }
}

/** Ends `take` with what r0 holds, and begins and ends `pass`. */
function emitPass(a: Assembler, result: number): void {
  a.exit();
  a.label('pass');
  a.set('r0', '=', result);
  a.exit();
}

/** r0 = flags of the whole address. */
function findAddress(body: Body, address: StackField): void {
  body.a.storeField(body.keyProtocol, 0);
  body.a.storeField(body.keyPort, 0);
  copyField(body.a, body.keyAddress, address, 4);
  find(body);
}

/** r0 = flags of the endpoint in the key, 0 when there is none. Loses r1 to r5. */
function find({ a, endpoints, key }: Body): void {
  const unknown = a.unique('unknown');
  a.loadMap('r1', endpoints);
  a.pointTo('r2', key);
  a.call('map_lookup_elem');
  a.jumpIf('r0', '==', 0, unknown);
  a.load('r0', 4, 'r0', 0);
  a.label(unknown);
}
