// hot path

/**
 * Fullnat: both ends of a packet change, so that the real server needs no way back but to the director (specs/ipvs.md section 11).
 *
 *     request    client -> virtual address     becomes     local -> real server
 *     reply      real server -> local          becomes     virtual address -> client
 *
 * Who the client is, a TCP option tells (forward/toa.ts): in the SYN, and in every packet until the real server has sent data. Decision
 * 0016 says why sequence numbers stay.
 */
import { type ChecksumState, Protocol } from '../base/terms.ts';
import { blankOption, lowerMss, OptionKind } from '../forward/tcpOptions.ts';
import { insertToa, NO_ROOM, toaBytes } from '../forward/toa.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import * as tcp from '../packet/tcp.ts';
import { TcpFlag } from '../packet/tcp.ts';
import { rewriteSource, rewriteTarget } from '../packet/transport.ts';
import type { FullnatSettings } from '../table/actions.ts';
import { ConnectionFlag } from '../table/connectionFlags.ts';
import { localIndexOf, localPortOf } from '../table/localAddresses.ts';
import { counter } from './outcome.ts';
import type { EngineState } from './state.ts';

const TOA_ADDED = counter('toaAdded');
const TOA_OMITTED = counter('toaOmitted');
const TOA_REMOVED = counter('toaRemoved');

/** Packets of a client that tell of it while the real server has not sent data: an upload goes the short way after these. */
const TELLING_PACKETS = 64;

/** What of the settings packets need. */
export class FullnatOptions {
  toa = true;
  timestamps = true;

  set({ toa, timestamps }: FullnatSettings): void {
    this.toa = toa;
    this.timestamps = timestamps;
  }
}

/** A packet from the client, which has had its hop, becomes one from the local address to destination `d`. @param mtu of the way */
export function rewriteAsLocal(s: EngineState, burst: Burst, i: number, conn: number, d: number, mtu: number): void {
  const { v, flow } = s;
  const { connections, destinations } = s.tables;
  if (flow.protocol === Protocol.tcp) editOptions(s, burst, i, conn, mtu);
  const state = burst.checksum[i] as ChecksumState;
  writeLocalSource(s, conn, state);
  const a0 = destinations.addressWord(d, 0);
  const a1 = destinations.addressWord(d, 1);
  const a2 = destinations.addressWord(d, 2);
  rewriteTarget(v, flow, a0, a1, a2, destinations.addressWord(d, 3), connections.replyPort(conn), state);
}

/** A packet of the real server, which has had its hop, becomes one from the virtual address to the client. */
export function rewriteAsVirtual(s: EngineState, burst: Burst, i: number, conn: number): void {
  const { v, flow } = s;
  const state = burst.checksum[i] as ChecksumState;
  if (s.fullnat.toa && (flow.tcpFlags & TcpFlag.syn) !== 0) lowerMss(v, flow, toaBytes(flow.family), state);
  writeVirtualSource(s, conn, state);
  writeClientTarget(s, conn, state);
}

/** Source := virtual address and port. */
export function writeVirtualSource(s: EngineState, conn: number, checksumState: number): void {
  const c = s.tables.connections;
  const a0 = c.virtualWord(conn, 0);
  const a1 = c.virtualWord(conn, 1);
  rewriteSource(s.v, s.flow, a0, a1, c.virtualWord(conn, 2), c.virtualWord(conn, 3), c.virtualPort(conn), checksumState);
}

/** Target := the client's address and port. */
export function writeClientTarget(s: EngineState, conn: number, checksumState: number): void {
  const c = s.tables.connections;
  const a0 = c.clientWord(conn, 0);
  const a1 = c.clientWord(conn, 1);
  rewriteTarget(s.v, s.flow, a0, a1, c.clientWord(conn, 2), c.clientWord(conn, 3), c.clientPort(conn), checksumState);
}

/** A packet of the real server has come: once it has sent data, it knows its client, or never will. */
export function noteReply(s: EngineState, conn: number): void {
  const { connections } = s.tables;
  const { flow } = s;
  const flags = connections.flags(conn);
  if ((flags & ConnectionFlag.tellsClient) === 0 || (flow.tcpFlags & TcpFlag.syn) !== 0) return;
  const dataBytes = flow.end - flow.l4 - tcp.headerBytes(s.v, flow.l4);
  const isOver = dataBytes > 0 || (flow.tcpFlags & TcpFlag.fin) !== 0 || connections.packetsIn(conn) > TELLING_PACKETS;
  if (isOver) connections.setFlags(conn, flags & ~ConnectionFlag.tellsClient);
}

function writeLocalSource(s: EngineState, conn: number, checksumState: number): void {
  const local = s.tables.connections.local(conn);
  const index = localIndexOf(local);
  const { addresses } = s.tables.localPorts;
  const a0 = addresses.word(index, 0);
  const a1 = addresses.word(index, 1);
  const a2 = addresses.word(index, 2);
  rewriteSource(s.v, s.flow, a0, a1, a2, addresses.word(index, 3), localPortOf(local), checksumState);
}

/** What a client may not say is taken out, what a real server is to know put in. */
function editOptions(s: EngineState, burst: Burst, i: number, conn: number, mtu: number): void {
  const { v, flow, fullnat } = s;
  const { connections } = s.tables;
  const state = burst.checksum[i]!;
  const isSyn = (flow.tcpFlags & TcpFlag.syn) !== 0;
  if (blankOption(v, flow, OptionKind.toa, state)) s.counters.add(TOA_REMOVED);
  if (blankOption(v, flow, OptionKind.oldToa, state)) s.counters.add(TOA_REMOVED);
  if (isSyn && !fullnat.timestamps) blankOption(v, flow, OptionKind.timestamps, state);
  if (!fullnat.toa) return;
  if (isSyn) {
    lowerMss(v, flow, toaBytes(flow.family), state);
    connections.setFlags(conn, connections.flags(conn) | ConnectionFlag.tellsClient);
  }
  if ((connections.flags(conn) & ConnectionFlag.tellsClient) !== 0) tellOfClient(s, burst, i, mtu);
}

/** The packet still has the client's address. One that ends the connection tells nobody anything. */
function tellOfClient(s: EngineState, burst: Burst, i: number, mtu: number): void {
  const { flow } = s;
  if ((flow.tcpFlags & (TcpFlag.fin | TcpFlag.rst)) !== 0) return;
  // The option would stand in every segment of a super-frame; the packets before it, the SYN and its ACK, have told.
  const isOne = burst.segmentKind[i] === SegmentKind.none && s.pieces.count === 0;
  const fits = isOne && flow.end - flow.l3 + toaBytes(flow.family) <= mtu;
  const grown = fits ? insertToa(s.v, s.bytes, burst.at[i]!, flow, burst.checksum[i]!) : NO_ROOM;
  if (grown === NO_ROOM) return s.counters.add(TOA_OMITTED);
  burst.at[i]! -= grown;
  burst.bytes[i]! += grown;
  s.counters.add(TOA_ADDED);
}
