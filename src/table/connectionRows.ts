// hot path

/**
 * The rows of the connection table and the hash index that runs through them; for connections.ts and expectedConnections.ts alone. Every
 * connection hangs in the index twice:
 *
 *     heads[hash & mask] -> node -> node -> ...       newest first; node = connection * 2 + direction
 *     direction 0, request:  protocol, client -> virtual address
 *     direction 1, reply:    protocol, reply source -> client     (the real server with masq, else the virtual address)
 *                            protocol, real server -> local       with fullnat, once it has a local address and port
 *
 * A row is two cache lines; an IPv4 packet of a known connection touches the first only. The hash is seeded, so that nobody outside can
 * choose who shares a chain.
 */
import { finish, mix } from '../base/hash.ts';
import { Family, ForwardingMethod, NONE } from '../base/terms.ts';
import { layout } from '../memory/layout.ts';
import { ConnectionFlag, METHOD_MASK } from './connectionFlags.ts';
import { connectionOf, directionOf, type FlowKey, NodeDirection } from './flowKey.ts';
import { localIndexOf, localPortOf } from './localAddresses.ts';

/** Nodes that a lookup looks at before it gives up. Slots are at least as many as nodes, so chance makes no chain that long. */
export const MAX_PROBES = 64;

/** From `search`: MAX_PROBES nodes seen and more to come. */
export const GAVE_UP = -2;

/** Two lines of 64 bytes; addresses in host order, ports first half << 16 | second half, side and MAC as in `setClientMac`. */
export const CONN = layout(
  // The first two pairs are indexed by direction.
  'requestHash',
  'replyHash',
  'nextRequest',
  'nextReply',
  'client3',
  'virtual3',
  'replySource3',
  'clientAndVirtualPort',
  'replyPortAndIdentity',
  'destination',
  'service',
  'flagsAndState',
  'expiresAtTick',
  'sideAndMacHigh',
  'macLow',
  'packetsIn',
  // The second line.
  'client0',
  'client1',
  'client2',
  'virtual0',
  'virtual1',
  'virtual2',
  'replySource0',
  'replySource1',
  'replySource2',
  'controller',
  'controlledCount',
  'firewallMark',
  'destinationPort',
  'timeoutTicks',
  // With fullnat `localWord`, else 0.
  'local',
  'spare1',
);

/** Bits of the identity, which is protocol << 8 | these | family: so a packet never equals a template. Identity 0 = the row is free. */
export const TEMPLATE_BIT = 0x80;
/** See TEMPLATE_BIT: hangs in no chain. */
export const UNHASHED_BIT = 0x40;
/** See TEMPLATE_BIT. */
export const FAMILY_BITS = 0x0f;

/** The bits beside protocol and family that tell who may find a row with these flags. */
export function identityBits(flags: number): number {
  const template = (flags & ConnectionFlag.template) !== 0 ? TEMPLATE_BIT : 0;
  return (flags & (ConnectionFlag.onePacket | ConnectionFlag.named)) !== 0 ? template | UNHASHED_BIT : template;
}

/** Writes the client's and the virtual address into the row at word `at`, which is all zero. */
export function writeRequest(rows: Int32Array, at: number, key: FlowKey): void {
  rows[at + CONN.client3] = key.source3;
  rows[at + CONN.virtual3] = key.target3;
  rows[at + CONN.clientAndVirtualPort] = (key.sourcePort << 16) | key.targetPort;
  if (key.family !== Family.v6) return;
  rows[at + CONN.client0] = key.source0;
  rows[at + CONN.client1] = key.source1;
  rows[at + CONN.client2] = key.source2;
  rows[at + CONN.virtual0] = key.target0;
  rows[at + CONN.virtual1] = key.target1;
  rows[at + CONN.virtual2] = key.target2;
}

/** Hash of a packet's addresses, or with `reversed` of the packet that goes the opposite way. */
export function hashKey(seed: number, identity: number, key: FlowKey, reversed: boolean): number {
  const ports = reversed ? (key.targetPort << 16) | key.sourcePort : (key.sourcePort << 16) | key.targetPort;
  const hash = hashV4(seed, identity, ports, reversed ? key.target3 : key.source3, reversed ? key.source3 : key.target3);
  if (key.family !== Family.v6) return hash;
  return reversed
    ? hashHigh(hash, key.target0, key.target1, key.target2, key.source0, key.source1, key.source2)
    : hashHigh(hash, key.source0, key.source1, key.source2, key.target0, key.target1, key.target2);
}

/** The hash that `hashKey` gives for the packets of this node. @param locals words of LocalAddresses */
export function hashRow(seed: number, rows: Int32Array, locals: Int32Array, node: number): number {
  const at = connectionOf(node) * CONN.words;
  const isReply = directionOf(node) === NodeDirection.reply;
  if (isReply && isFullnat(rows, at)) return hashLocalReply(seed, rows, locals, at);
  const identity = rows[at + CONN.replyPortAndIdentity]! & 0xffff;
  const clientPort = rows[at + CONN.clientAndVirtualPort]! >>> 16;
  const ports = isReply
    ? ((rows[at + CONN.replyPortAndIdentity]! >>> 16) << 16) | clientPort
    : rows[at + CONN.clientAndVirtualPort]!;
  const source = at + (isReply ? CONN.replySource0 : CONN.client0);
  const target = at + (isReply ? CONN.client0 : CONN.virtual0);
  const source3 = rows[at + (isReply ? CONN.replySource3 : CONN.client3)]!;
  const hash = hashV4(seed, identity, ports, source3, rows[at + (isReply ? CONN.client3 : CONN.virtual3)]!);
  if ((identity & FAMILY_BITS) !== Family.v6) return hash;
  return hashHigh(hash, rows[source]!, rows[source + 1]!, rows[source + 2]!, rows[target]!, rows[target + 1]!, rows[target + 2]!);
}

function hashLocalReply(seed: number, rows: Int32Array, locals: Int32Array, at: number): number {
  const identity = rows[at + CONN.replyPortAndIdentity]! & 0xffff;
  const local = rows[at + CONN.local]!;
  const ports = ((rows[at + CONN.replyPortAndIdentity]! >>> 16) << 16) | localPortOf(local);
  const source = at + CONN.replySource0;
  const target = localIndexOf(local) * 4;
  const hash = hashV4(seed, identity, ports, rows[at + CONN.replySource3]!, locals[target + 3]!);
  if ((identity & FAMILY_BITS) !== Family.v6) return hash;
  const high = locals[target]!;
  return hashHigh(hash, rows[source]!, rows[source + 1]!, rows[source + 2]!, high, locals[target + 1]!, locals[target + 2]!);
}

/** @returns the newest node whose packets have this identity and these addresses; NONE, or GAVE_UP */
export function search(
  rows: Int32Array,
  heads: Int32Array,
  locals: Int32Array,
  hash: number,
  identity: number,
  key: FlowKey,
  reversed: boolean,
): number {
  let node = heads[hash & (heads.length - 1)]!;
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    if (node === NONE) return NONE;
    const at = connectionOf(node) * CONN.words;
    const direction = directionOf(node);
    if (rows[at + CONN.requestHash + direction] === hash && matches(rows, locals, at, direction, identity, key, reversed)) {
      return node;
    }
    node = rows[at + CONN.nextRequest + direction]!;
  }
  return node === NONE ? NONE : GAVE_UP;
}

/** Hangs a new row into the chains by which it is to be found. */
export function linkRow(rows: Int32Array, heads: Int32Array, locals: Int32Array, seed: number, conn: number): void {
  if (!isHashed(rows, conn)) return;
  link(rows, heads, conn * 2, hashRow(seed, rows, locals, conn * 2));
  if (hasReplyNode(rows, conn)) linkReply(rows, heads, locals, seed, conn);
}

/** From now on the row is found by replies. */
export function linkReply(rows: Int32Array, heads: Int32Array, locals: Int32Array, seed: number, conn: number): void {
  link(rows, heads, conn * 2 + 1, hashRow(seed, rows, locals, conn * 2 + 1));
}

/** Takes the row out of all chains. */
export function unlinkRow(rows: Int32Array, heads: Int32Array, conn: number): void {
  if (!isHashed(rows, conn)) return;
  unlink(rows, heads, conn * 2);
  if (hasReplyNode(rows, conn)) unlink(rows, heads, conn * 2 + 1);
}

function isHashed(rows: Int32Array, conn: number): boolean {
  return (rows[conn * CONN.words + CONN.replyPortAndIdentity]! & UNHASHED_BIT) === 0;
}

/** A template has none; nor has a fullnat connection without a local port. */
function hasReplyNode(rows: Int32Array, conn: number): boolean {
  const at = conn * CONN.words;
  if ((rows[at + CONN.replyPortAndIdentity]! & TEMPLATE_BIT) !== 0) return false;
  return !isFullnat(rows, at) || rows[at + CONN.local] !== 0;
}

/** Hangs the node at the head of its chain. */
export function link(rows: Int32Array, heads: Int32Array, node: number, hash: number): void {
  const at = connectionOf(node) * CONN.words + directionOf(node);
  const slot = hash & (heads.length - 1);
  rows[at + CONN.requestHash] = hash;
  rows[at + CONN.nextRequest] = heads[slot]!;
  heads[slot] = node;
}

/** Takes the node, which hangs in a chain, out of it. */
export function unlink(rows: Int32Array, heads: Int32Array, node: number): void {
  const at = connectionOf(node) * CONN.words + directionOf(node);
  const slot = rows[at + CONN.requestHash]! & (heads.length - 1);
  const next = rows[at + CONN.nextRequest]!;
  let before = heads[slot]!;
  if (before === node) {
    heads[slot] = next;
    return;
  }
  // Ends at `node`, after as many steps as the chain has nodes.
  for (;;) {
    const beforeAt = connectionOf(before) * CONN.words + directionOf(before) + CONN.nextRequest;
    before = rows[beforeAt]!;
    if (before !== node) continue;
    rows[beforeAt] = next;
    return;
  }
}

/**
 * Hash of an IPv4 packet's addresses: three multiplications, for it is computed for every packet.
 * @param ports source << 16 | target
 * @returns int32
 */
export function hashV4(seed: number, identity: number, ports: number, source: number, target: number): number {
  let h = Math.imul(source ^ seed, 0x9e3779b1);
  h = Math.imul((h ^ (h >>> 15)) + target, 0x85ebca77);
  h = Math.imul((h ^ (h >>> 13)) + ports, 0xc2b2ae3d) + identity;
  return h ^ (h >>> 16);
}

function hashHigh(hash: number, source0: number, source1: number, source2: number, t0: number, t1: number, t2: number): number {
  return finish(mix(mix(mix(mix(mix(mix(hash, source0), source1), source2), t0), t1), t2));
}

function matches(
  rows: Int32Array,
  locals: Int32Array,
  at: number,
  direction: number,
  identity: number,
  key: FlowKey,
  reversed: boolean,
): boolean {
  if ((rows[at + CONN.replyPortAndIdentity]! & 0xffff) !== identity) return false;
  const isReply = direction === NodeDirection.reply;
  if (isReply && isFullnat(rows, at)) return matchesLocalReply(rows, locals, at, key, reversed);
  const sourcePort = reversed ? key.targetPort : key.sourcePort;
  const targetPort = reversed ? key.sourcePort : key.targetPort;
  const ports = rows[at + CONN.clientAndVirtualPort]!;
  if (sourcePort !== (isReply ? rows[at + CONN.replyPortAndIdentity]! : ports) >>> 16) return false;
  if (targetPort !== (isReply ? ports >>> 16 : ports & 0xffff)) return false;
  if ((reversed ? key.target3 : key.source3) !== rows[at + (isReply ? CONN.replySource3 : CONN.client3)]) return false;
  if ((reversed ? key.source3 : key.target3) !== rows[at + (isReply ? CONN.client3 : CONN.virtual3)]) return false;
  if (key.family !== Family.v6) return true;
  const source = at + (isReply ? CONN.replySource0 : CONN.client0);
  const target = at + (isReply ? CONN.client0 : CONN.virtual0);
  return sameHigh(rows, reversed ? target : source, reversed ? source : target, key);
}

/** The three high words of `key`'s source and target stand in the row at these words. */
function sameHigh(rows: Int32Array, source: number, target: number, key: FlowKey): boolean {
  return (
    rows[source] === key.source0 &&
    rows[source + 1] === key.source1 &&
    rows[source + 2] === key.source2 &&
    rows[target] === key.target0 &&
    rows[target + 1] === key.target1 &&
    rows[target + 2] === key.target2
  );
}

/** The row's connection is by fullnat, so its replies go to its local address. */
function isFullnat(rows: Int32Array, at: number): boolean {
  return ((rows[at + CONN.flagsAndState]! >>> 8) & METHOD_MASK) === ForwardingMethod.fullnat;
}

/** The reply, or with `reversed` the packet that goes the opposite way, is between the row's real server and local address. */
function matchesLocalReply(rows: Int32Array, locals: Int32Array, at: number, key: FlowKey, reversed: boolean): boolean {
  const local = rows[at + CONN.local]!;
  const target = localIndexOf(local) * 4;
  if ((reversed ? key.targetPort : key.sourcePort) !== rows[at + CONN.replyPortAndIdentity]! >>> 16) return false;
  if ((reversed ? key.sourcePort : key.targetPort) !== localPortOf(local)) return false;
  if ((reversed ? key.target3 : key.source3) !== rows[at + CONN.replySource3]) return false;
  if ((reversed ? key.source3 : key.target3) !== locals[target + 3]) return false;
  if (key.family !== Family.v6) return true;
  const source = at + CONN.replySource0;
  return (
    (reversed ? key.target0 : key.source0) === rows[source] &&
    (reversed ? key.target1 : key.source1) === rows[source + 1] &&
    (reversed ? key.target2 : key.source2) === rows[source + 2] &&
    (reversed ? key.source0 : key.target0) === locals[target] &&
    (reversed ? key.source1 : key.target1) === locals[target + 1] &&
    (reversed ? key.source2 : key.target2) === locals[target + 2]
  );
}
