// hot path

/**
 * Connections that are in the table ahead of their first packet, with one port still unknown: of the client (passive FTP; the kernel's
 * NO_CPORT), or of the real server (active FTP, for not every server calls from port 20). They hang in the index under port 0; a packet that
 * belongs to no connection is looked up again with its source port 0, and the first SYN that is found so tells the port.
 */
import { NONE } from '../base/terms.ts';
import { ConnectionFlag } from './connectionFlags.ts';
import { CONN, linkRow, unlinkRow } from './connectionRows.ts';
import type { ConnectionTable } from './connections.ts';
import { connectionOf, directionOf, type FlowKey, NodeDirection } from './flowKey.ts';

const OPEN_PORT = ConnectionFlag.noClientPort | ConnectionFlag.noServerPort;

export class ExpectedConnections {
  readonly #connections: ConnectionTable;
  readonly #key = new SourcelessKey();
  #count = 0;

  constructor(connections: ConnectionTable) {
    this.#connections = connections;
  }

  /** Those with an unknown port. */
  get count(): number {
    return this.#count;
  }

  /** A connection was entered with one of the flags. */
  added(): void {
    this.#count++;
  }

  /** A connection with these flags is about to be removed. */
  removing(flags: number): void {
    if ((flags & OPEN_PORT) !== 0) this.#count--;
  }

  /** @returns the node of the connection that waits for a packet of these addresses whatever its source port is, or NONE */
  find(key: FlowKey): number {
    const node = this.#connections.find(this.#key.of(key));
    if (node === NONE) return NONE;
    const wanted = directionOf(node) === NodeDirection.request ? ConnectionFlag.noClientPort : ConnectionFlag.noServerPort;
    return (this.#connections.flags(connectionOf(node)) & wanted) === 0 ? NONE : node;
  }

  /** The first packet of the connection of this node has come, from port `sourcePort`: both ports are known from now on. */
  settle(node: number, sourcePort: number): void {
    const { rows, heads } = this.#connections;
    const conn = connectionOf(node);
    const flags = this.#connections.flags(conn);
    if ((flags & OPEN_PORT) === 0) return;
    const isReply = directionOf(node) === NodeDirection.reply;
    const at = conn * CONN.words;
    unlinkRow(rows, heads, conn);
    if ((flags & ConnectionFlag.noServerPort) !== 0) {
      // A client that calls first can only mean the port that the server would use.
      const port = isReply ? sourcePort : this.#connections.destinationPort(conn);
      rows[at + CONN.replyPortAndIdentity] = (port << 16) | (rows[at + CONN.replyPortAndIdentity]! & 0xffff);
      this.#connections.setDestinationPort(conn, port);
    } else {
      rows[at + CONN.clientAndVirtualPort] = (sourcePort << 16) | this.#connections.virtualPort(conn);
    }
    this.#link(conn);
    this.#connections.setFlags(conn, flags & ~OPEN_PORT);
    this.#count--;
  }

  /** An active connection is announced once more: its real server may call from another port, `usualPort` if nothing else is known. */
  reopen(conn: number, usualPort: number): void {
    const { rows, heads } = this.#connections;
    const flags = this.#connections.flags(conn);
    if ((flags & OPEN_PORT) !== 0) return;
    const at = conn * CONN.words + CONN.replyPortAndIdentity;
    unlinkRow(rows, heads, conn);
    rows[at] = rows[at]! & 0xffff;
    this.#connections.setDestinationPort(conn, usualPort);
    this.#link(conn);
    this.#connections.setFlags(conn, flags | ConnectionFlag.noServerPort);
    this.#count++;
  }

  #link(conn: number): void {
    const { rows, heads, seed, locals } = this.#connections;
    linkRow(rows, heads, locals, seed, conn);
  }
}

/** A packet's addresses and ports with the source port 0. */
class SourcelessKey implements FlowKey {
  family = 0;
  protocol = 0;
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  readonly sourcePort = 0;
  target0 = 0;
  target1 = 0;
  target2 = 0;
  target3 = 0;
  targetPort = 0;

  of(key: FlowKey): this {
    this.family = key.family;
    this.protocol = key.protocol;
    this.source0 = key.source0;
    this.source1 = key.source1;
    this.source2 = key.source2;
    this.source3 = key.source3;
    this.target0 = key.target0;
    this.target1 = key.target1;
    this.target2 = key.target2;
    this.target3 = key.target3;
    this.targetPort = key.targetPort;
    return this;
  }
}
