// hot path

/**
 * The short way for what nearly every frame is: IPv4 without options or fragments, TCP with ACK and neither SYN, FIN nor RST on an
 * established connection, or UDP on a known one. It does what `Director.handle` does for such a frame, to the byte; a test holds the
 * two together. Whatever is different in any way it leaves untouched, for `handle`.
 *
 * It reads words instead of calling codecs and indexes the tables' arrays itself, because a frame must cost some tens of nanoseconds;
 * decision 0010 has the numbers, and the rule that nobody else does so. The words of a frame, from its Ethernet header:
 *
 *     +12 type, +14 version ihl tos total, +18 id fragment, +22 ttl protocol checksum, +26 source, +30 target, +34 ports
 */
import { BURST_FRAMES, ChecksumState, ForwardingMethod, Protocol } from '../base/terms.ts';
import { type Burst, SegmentKind } from '../memory/burst.ts';
import { fold } from '../packet/checksum.ts';
import { TcpState } from '../protocol/tcpStates.ts';
import { ConnectionFlag } from '../table/connectionFlags.ts';
import { CONN, hashV4, MAX_PROBES } from '../table/connectionRows.ts';
import { AVAILABLE, DESTINATION, RESOLVED } from '../table/destinationRows.ts';
import { TRAFFIC } from '../table/trafficRow.ts';
import { COUNTER_NAMES } from './counters.ts';
import { encapsulate, rewrite, rewriteBoth, takeHop } from './fastRewrite.ts';
import type { EngineState } from './state.ts';

const RECEIVED = COUNTER_NAMES.indexOf('received');
const TRANSMITTED = COUNTER_NAMES.indexOf('transmitted');

const IPV4_TYPE = 0x0800;
const PLAIN_HEADER = 0x45;
const ETHERNET_BYTES = 14;
const IP_BYTES = 20;
const FRAGMENT_BITS = 0x3fff;
/** ACK set; SYN, FIN and RST clear. */
const FLAGS_SEEN = 0x17;
const FLAGS_PLAIN = 0x10;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const USABLE = AVAILABLE | RESOLVED;
/** A connection with a helper has none of the methods then, and so takes the long way. */
const METHOD_MASK = 7 | ConnectionFlag.helped;
const STATE_MASK = 0xff;
/** Flags that the first reply takes away. */
const REPLY_CHANGES = (ConnectionFlag.noOutput | ConnectionFlag.awaitsReply) << 8;
const TELLS_CLIENT = ConnectionFlag.tellsClient << 8;
/** NOP, NOP, timestamps of 10 bytes: all the options that a client's segments of an established connection usually have. */
const TIMESTAMPS_ALONE = 0x0101_080a;

/** Words of DESTINATION and CONN as constants of this module: a property read per use is what the compiler does not always remove. */
const D_FLAGS = DESTINATION.flags;
const D_SERVICE = DESTINATION.service;
const D_FAMILY = DESTINATION.family;
const D_ADDRESS = DESTINATION.address3;
const D_PORT = DESTINATION.nextHopPort;
const D_MTU = DESTINATION.nextHopMtu;
const D_MAC_HIGH = DESTINATION.macHigh;
const D_MAC_LOW = DESTINATION.macLow;
const D_SOURCE = DESTINATION.source3;
const D_TUNNEL = DESTINATION.tunnel;
const D_WORDS = DESTINATION.words;
const C_CLIENT = CONN.client3;
const C_VIRTUAL = CONN.virtual3;
const C_REPLY_SOURCE = CONN.replySource3;
const C_PORTS = CONN.clientAndVirtualPort;
const C_REPLY_PORT = CONN.replyPortAndIdentity;
const C_DESTINATION = CONN.destination;
const C_STATE = CONN.flagsAndState;
const C_EXPIRES = CONN.expiresAtTick;
const C_SIDE = CONN.sideAndMacHigh;
const C_MAC_LOW = CONN.macLow;
const C_PACKETS = CONN.packetsIn;
const C_LOCAL = CONN.local;
const C_HASH = CONN.requestHash;
const C_NEXT = CONN.nextRequest;
const C_WORDS = CONN.words;
const T_IN_PACKETS = TRAFFIC.inPackets;
const T_OUT_PACKETS = TRAFFIC.outPackets;
const T_IN_BYTES = TRAFFIC.inBytes;
const T_OUT_BYTES = TRAFFIC.outBytes;
const T_WORDS = TRAFFIC.words;

/** The arrays and numbers that `runFast` works on, in one object, so that it need not go through the tables' objects. */
export class FastTables {
  readonly v: DataView;
  readonly rows: Int32Array;
  readonly heads: Int32Array;
  readonly seed: number;
  /** Words of the local addresses. */
  readonly locals: Int32Array;
  readonly destinations: Int32Array;
  readonly serviceTraffic: Float64Array;
  readonly destinationTraffic: Float64Array;
  readonly totals: Float64Array;
  readonly counters: Float64Array;
  /** By port: MTU, MAC address as high 16 and low 32 bits, 1 = takes partial checksums and super-frames. */
  readonly links: Int32Array;
  /** Ticks of now and of the timeouts, set once per burst. */
  nowTick = 0;
  tcpTicks = 0;
  udpTicks = 0;
  /** Setting pmtu_disc. */
  copiesDontFragment = true;
  /** Hash of each frame of the burst, see `touchAll`. */
  readonly hashes = new Int32Array(BURST_FRAMES);
  /** What keeps the compiler from leaving out reads whose result nobody needs. */
  touched = 0;
  /** Whose identifications tunnel packets get. */
  readonly state: EngineState;

  constructor(s: EngineState) {
    const { connections, destinations, traffic } = s.tables;
    this.state = s;
    this.v = s.v;
    this.rows = connections.rows;
    this.heads = connections.heads;
    this.seed = connections.seed;
    this.locals = connections.locals;
    this.destinations = destinations.rows;
    this.serviceTraffic = traffic.services;
    this.destinationTraffic = traffic.destinations;
    this.totals = traffic.totals;
    this.counters = s.counters.values;
    this.links = Int32Array.from(
      s.links.flatMap(({ mtu, macHigh, macLow, offloads }) => [mtu, macHigh, macLow, offloads ? 1 : 0]),
    );
  }

  /** Reads the clock and the timeouts. */
  setTime(s: EngineState): void {
    this.nowTick = s.nowTick;
    this.tcpTicks = s.timeouts.of(Protocol.tcp, TcpState.established);
    this.udpTicks = s.timeouts.of(Protocol.udp, 0);
    this.copiesDontFragment = s.settings.pmtuDisc;
  }
}

const LINK_WORDS = 4;
const LINK_MTU = 0;
const LINK_MAC_HIGH = 1;
const LINK_MAC_LOW = 2;
const LINK_OFFLOADS = 3;

/**
 * Handles frames from index `from` on, as long as they are of the short kind.
 * @returns index of the first frame that is not, untouched; burst.count when all were
 */
export function runFast(f: FastTables, burst: Burst, from: number, ingress: number): number {
  const { v, rows, heads, destinations, links, hashes, nowTick } = f;
  const mask = heads.length - 1;
  const count = burst.count;
  if (from === 0) touchAll(f, burst);
  let i = from;
  for (; i < count; i++) {
    const at = burst.at[i]!;
    const bytes = burst.bytes[i]! - ETHERNET_BYTES;
    // Every frame on a wire has 60 bytes, so a TCP header always fits.
    if (bytes < 40 || v.getUint16(at + 12) !== IPV4_TYPE) break;
    const first = v.getInt32(at + 14);
    const fragment = v.getInt32(at + 18);
    const hop = v.getInt32(at + 22);
    const source = v.getInt32(at + 26);
    const target = v.getInt32(at + 30);
    const total = first & 0xffff;
    const addresses = (source >>> 16) + (source & 0xffff) + (target >>> 16) + (target & 0xffff);
    const sum = addresses + (first >>> 16) + total + (fragment >>> 16) + (fragment & 0xffff) + (hop >>> 16) + (hop & 0xffff);
    if (first >>> 24 !== PLAIN_HEADER || (fragment & FRAGMENT_BITS) !== 0 || hop >>> 24 <= 1) break;
    if ((sum & 0xffff) + (sum >>> 16) !== 0xffff || total > bytes) break;

    const l4 = at + ETHERNET_BYTES + IP_BYTES;
    const protocol = (hop >>> 16) & 0xff;
    const l4Bytes = total - IP_BYTES;
    let headerBytes = 8;
    let fieldAt = l4 + UDP_CHECKSUM;
    if (protocol === Protocol.tcp) {
      const offsetAndFlags = v.getUint16(l4 + 12);
      headerBytes = (offsetAndFlags >>> 12) * 4;
      fieldAt = l4 + TCP_CHECKSUM;
      if ((offsetAndFlags & FLAGS_SEEN) !== FLAGS_PLAIN || headerBytes < 20) break;
    } else if (protocol !== Protocol.udp || v.getUint16(l4 + 4) !== l4Bytes) break;
    if (headerBytes > l4Bytes) break;
    const isUdp = protocol === Protocol.udp;

    const ports = v.getInt32(l4);
    const identity = (protocol << 8) | 4;
    const hash = hashes[i]!;
    const node = findHash(rows, heads[hash & mask]!, hash);
    if (node < 0) break;
    const row = (node >> 1) * C_WORDS;
    const isReply = (node & 1) === 1;
    const state = rows[row + C_STATE]!;
    const method = (state >>> 8) & METHOD_MASK;
    if (!matches(rows, row, isReply, identity, ports, source, target)) {
      if (!isReply || method !== ForwardingMethod.fullnat) break;
      if (!matchesLocal(rows, f.locals, row, identity, ports, source, target)) break;
    }

    if (protocol === Protocol.tcp && (state & STATE_MASK) !== TcpState.established) break;
    const d = rows[row + C_DESTINATION]!;
    if (d < 0) break;
    const drow = d * D_WORDS;
    if ((destinations[drow + D_FLAGS]! & USABLE) !== USABLE) break;
    const expires = (nowTick + (protocol === Protocol.tcp ? f.tcpTicks : f.udpTicks)) | 0;
    // An earlier end than before must be told to the timer wheel.
    if (((expires - rows[row + C_EXPIRES]!) | 0) < 0) break;

    const port = isReply ? rows[row + C_SIDE]! >>> 16 : destinations[drow + D_PORT]!;
    const offloads = links[port * LINK_WORDS + LINK_OFFLOADS] === 1;
    const checksum = burst.checksum[i]!;
    const field = v.getUint16(fieldAt);
    const isSuper = burst.segmentKind[i]! !== SegmentKind.none;
    if ((isSuper || checksum === ChecksumState.partial) && !offloads) break;
    // For AF_XDP: what holds only the sum of the pseudo-header is to be completed.
    if (checksum === ChecksumState.unknown && field === fold(addresses + protocol + l4Bytes)) break;
    const size = isSuper ? Math.min(total, IP_BYTES + headerBytes + burst.segmentBytes[i]!) : total;

    if (isReply) {
      if ((state & REPLY_CHANGES) !== 0) break;
      if (size > links[port * LINK_WORDS + LINK_MTU]! || (field === 0 && isUdp)) break;
      const side = rows[row + C_SIDE]!;
      if (method === ForwardingMethod.masq) {
        const newPort = rows[row + C_PORTS]! & 0xffff;
        rewrite(v, at, 0, hop, source, rows[row + C_VIRTUAL]!, ports >>> 16, newPort, fieldAt, checksum, isUdp);
      } else {
        if (method !== ForwardingMethod.fullnat || (state & TELLS_CLIENT) !== 0) break;
        const both = rows[row + C_PORTS]!;
        const swapped = (both << 16) | (both >>> 16);
        rewriteBoth(
          v,
          at,
          hop,
          addresses,
          rows[row + C_VIRTUAL]!,
          rows[row + C_CLIENT]!,
          ports,
          swapped,
          fieldAt,
          checksum,
          isUdp,
        );
      }
      writeMacs(v, at, side & 0xffff, rows[row + C_MAC_LOW]!, links, port);
      countOut(f, destinations[drow + D_SERVICE]!, d, total);
    } else {
      const mtu = destinations[drow + D_MTU]!;
      if (method === ForwardingMethod.masq) {
        if (size > mtu || (field === 0 && isUdp)) break;
        rows[row + C_SIDE] = (ingress << 16) | v.getUint16(at + 6);
        rows[row + C_MAC_LOW] = v.getInt32(at + 8);
        const newPort = rows[row + C_REPLY_PORT]! >>> 16;
        rewrite(v, at, 1, hop, target, rows[row + C_REPLY_SOURCE]!, ports & 0xffff, newPort, fieldAt, checksum, isUdp);
        writeMacs(v, at, destinations[drow + D_MAC_HIGH]!, destinations[drow + D_MAC_LOW]!, links, port);
      } else if (method === ForwardingMethod.fullnat) {
        if (size > mtu || (field === 0 && isUdp) || (state & TELLS_CLIENT) !== 0) break;
        // Other options may be a lie about the client, which the long way takes out.
        if (headerBytes > 20 && (headerBytes !== 32 || v.getInt32(l4 + 20) !== TIMESTAMPS_ALONE)) break;
        rows[row + C_SIDE] = (ingress << 16) | v.getUint16(at + 6);
        rows[row + C_MAC_LOW] = v.getInt32(at + 8);
        const local = rows[row + C_LOCAL]!;
        const both = (local << 16) | (rows[row + C_REPLY_PORT]! >>> 16);
        const from = f.locals[(local >>> 16) * 4 + 3]!;
        rewriteBoth(v, at, hop, addresses, from, rows[row + C_REPLY_SOURCE]!, ports, both, fieldAt, checksum, isUdp);
        writeMacs(v, at, destinations[drow + D_MAC_HIGH]!, destinations[drow + D_MAC_LOW]!, links, port);
      } else if (method === ForwardingMethod.route) {
        if (size > mtu) break;
        takeHop(v, at, hop);
        writeMacs(v, at, destinations[drow + D_MAC_HIGH]!, destinations[drow + D_MAC_LOW]!, links, port);
      } else {
        if (method !== ForwardingMethod.tunnel || isSuper || destinations[drow + D_FAMILY] !== 4) break;
        // GUE and GRE, and IP in IP with an outer header that never forbids cutting, go the long way.
        if (destinations[drow + D_TUNNEL] !== 0 || !f.copiesDontFragment) break;
        if (total + IP_BYTES > mtu || mtu < MIN_TUNNEL_LINK) break;
        takeHop(v, at, hop);
        encapsulate(f.state, at, first, fragment, hop, destinations[drow + D_SOURCE]!, destinations[drow + D_ADDRESS]!);
        const outer = at - IP_BYTES;
        v.setUint16(outer + 12, IPV4_TYPE);
        writeMacs(v, outer, destinations[drow + D_MAC_HIGH]!, destinations[drow + D_MAC_LOW]!, links, port);
        burst.at[i] = outer;
        burst.bytes[i] = ETHERNET_BYTES + IP_BYTES + total;
        burst.checksumStart[i] = l4 - outer;
      }
      rows[row + C_PACKETS]!++;
      countIn(f, destinations[drow + D_SERVICE]!, d, total);
    }
    if (checksum === ChecksumState.unknown) burst.checksum[i] = ChecksumState.complete;
    rows[row + C_EXPIRES] = expires;
    burst.output[i] = port;
  }
  f.counters[RECEIVED]! += i - from;
  f.counters[TRANSMITTED]! += i - from;
  return i;
}

/**
 * Hashes every frame of the burst and reads the first word of the row it will need. The reads do not depend on each other, so the
 * processor waits for many cache lines at once, and not for one after the other as the second pass would.
 */
function touchAll(f: FastTables, burst: Burst): void {
  const { v, rows, heads, seed, hashes } = f;
  const mask = heads.length - 1;
  let touched = 0;
  for (let i = 0; i < burst.count; i++) {
    if (burst.bytes[i]! < 54) continue;
    const at = burst.at[i]!;
    const hash = hashV4(seed, (v.getUint8(at + 23) << 8) | 4, v.getInt32(at + 34), v.getInt32(at + 26), v.getInt32(at + 30));
    hashes[i] = hash;
    const head = heads[hash & mask]!;
    if (head >= 0) touched ^= rows[(head >> 1) * C_WORDS]!;
  }
  f.touched = touched;
}

/** 68 bytes for the inner packet (RFC 791) and the outer header. */
const MIN_TUNNEL_LINK = 68 + IP_BYTES;

/** The first node of the chain with this hash, or a negative number. */
function findHash(rows: Int32Array, head: number, hash: number): number {
  let node = head;
  for (let probe = 0; probe < MAX_PROBES && node >= 0; probe++) {
    const at = (node >> 1) * C_WORDS + (node & 1);
    if (rows[at + C_HASH] === hash) return node;
    node = rows[at + C_NEXT]!;
  }
  return -1;
}

/** The packet is this connection's, in the node's direction. */
function matches(
  rows: Int32Array,
  row: number,
  isReply: boolean,
  identity: number,
  ports: number,
  source: number,
  target: number,
): boolean {
  const reply = rows[row + C_REPLY_PORT]!;
  if ((reply & 0xffff) !== identity) return false;
  if (!isReply) return rows[row + C_CLIENT] === source && rows[row + C_VIRTUAL] === target && rows[row + C_PORTS] === ports;
  const wanted = (reply & ~0xffff) | (rows[row + C_PORTS]! >>> 16);
  return rows[row + C_REPLY_SOURCE] === source && rows[row + C_CLIENT] === target && wanted === ports;
}

/** As `matches` for a reply by fullnat, which goes to the row's local address. */
function matchesLocal(
  rows: Int32Array,
  locals: Int32Array,
  row: number,
  identity: number,
  ports: number,
  source: number,
  target: number,
): boolean {
  const reply = rows[row + C_REPLY_PORT]!;
  const local = rows[row + C_LOCAL]!;
  if ((reply & 0xffff) !== identity || ((reply & ~0xffff) | (local & 0xffff)) !== ports) return false;
  return rows[row + C_REPLY_SOURCE] === source && locals[(local >>> 16) * 4 + 3] === target;
}

/** Target MAC address of the next hop, source MAC address of the port. */
function writeMacs(v: DataView, at: number, high: number, low: number, links: Int32Array, port: number): void {
  v.setInt32(at, (high << 16) | (low >>> 16));
  v.setInt32(at + 4, (low << 16) | links[port * LINK_WORDS + LINK_MAC_HIGH]!);
  v.setInt32(at + 8, links[port * LINK_WORDS + LINK_MAC_LOW]!);
}

function countIn(f: FastTables, service: number, d: number, bytes: number): void {
  count(f.serviceTraffic, service * T_WORDS + T_IN_PACKETS, service * T_WORDS + T_IN_BYTES, bytes);
  count(f.destinationTraffic, d * T_WORDS + T_IN_PACKETS, d * T_WORDS + T_IN_BYTES, bytes);
  count(f.totals, T_IN_PACKETS, T_IN_BYTES, bytes);
}

function countOut(f: FastTables, service: number, d: number, bytes: number): void {
  count(f.serviceTraffic, service * T_WORDS + T_OUT_PACKETS, service * T_WORDS + T_OUT_BYTES, bytes);
  count(f.destinationTraffic, d * T_WORDS + T_OUT_PACKETS, d * T_WORDS + T_OUT_BYTES, bytes);
  count(f.totals, T_OUT_PACKETS, T_OUT_BYTES, bytes);
}

function count(rows: Float64Array, packetsAt: number, bytesAt: number, bytes: number): void {
  rows[packetsAt]! += 1;
  rows[bytesAt]! += bytes;
}
