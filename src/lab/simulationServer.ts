/** The program of a simulated real server: one answer per TCP connection, which it then closes, and UDP echo; both say its name. */
import { formatAddress, formatEndpoint } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import { Protocol } from '../base/terms.ts';
import { TcpFlag } from '../packet/tcp.ts';
import type { LabPorts, LabRealServer } from './labPlan.ts';
import { replyTo, type SimulatedProgram } from './simulationHost.ts';
import type { SimulatedPacket } from './simulationPacket.ts';

/** Bytes of payload in one segment at most. */
const SEGMENT_BYTES = 1400;
const { fin, syn, rst, psh, ack } = TcpFlag;

interface ServerConnection {
  /** Next byte that we send. */
  sequence: number;
  /** Next byte that we expect. */
  expected: number;
}

/**
 * @param ports it listens on `realHttp` (TCP) and `realEcho` (UDP); a SYN for another port is reset
 * @param answer the bytes that answer a TCP request; default its name
 */
export function serverProgram(server: LabRealServer, ports: LabPorts, random: Random, answer?: Uint8Array): SimulatedProgram {
  const connections = new Map<string, ServerConnection>();
  const name = new TextEncoder().encode(`${server.name} `);
  const listens = new Set(server.listenAddresses);
  const body = answer ?? new TextEncoder().encode(server.name);
  return (packet) => {
    assert(listens.has(formatAddress(packet.target)), `${server.name} listens on ${formatAddress(packet.target)}`);
    if (packet.protocol === Protocol.udp) return packet.targetPort === ports.realEcho ? [echo(packet, name)] : [];
    if (packet.protocol !== Protocol.tcp) return [];
    if (packet.targetPort !== ports.realHttp) return [reset(packet)];
    return serve(packet, connections, random, body);
  };
}

function serve(
  packet: SimulatedPacket,
  connections: Map<string, ServerConnection>,
  random: Random,
  body: Uint8Array,
): SimulatedPacket[] {
  const key = `${formatEndpoint(packet.source, packet.sourcePort)} ${formatAddress(packet.target)}`;
  if ((packet.flags & syn) !== 0) {
    const opened = { sequence: random.next() | 0, expected: (packet.sequence + 1) | 0 };
    connections.set(key, opened);
    return [segment(packet, opened, syn | ack, new Uint8Array())];
  }
  const connection = connections.get(key);
  if (connection === undefined) return (packet.flags & rst) === 0 ? [reset(packet)] : [];
  if ((packet.flags & rst) !== 0) {
    connections.delete(key);
    return [];
  }
  assert(packet.sequence === connection.expected, 'no segment was lost on its way to the server');
  connection.expected = (connection.expected + packet.payload.length) | 0;
  if (packet.payload.length > 0) return answerRequest(packet, connection, body);
  if ((packet.flags & fin) === 0) return [];
  connection.expected = (connection.expected + 1) | 0;
  connections.delete(key);
  return [segment(packet, connection, ack, new Uint8Array())];
}

/** The whole answer at once, the last segment with FIN. */
function answerRequest(packet: SimulatedPacket, connection: ServerConnection, body: Uint8Array): SimulatedPacket[] {
  const answers: SimulatedPacket[] = [];
  for (let at = 0; at < body.length; at += SEGMENT_BYTES) {
    const isLast = at + SEGMENT_BYTES >= body.length;
    const flags = isLast ? psh | ack | fin : ack;
    answers.push(segment(packet, connection, flags, body.slice(at, at + SEGMENT_BYTES)));
  }
  return answers;
}

/** One segment of a server's; moves its sequence on. */
function segment(to: SimulatedPacket, connection: ServerConnection, flags: number, payload: Uint8Array): SimulatedPacket {
  const { sequence, expected } = connection;
  const counted = (flags & (syn | fin)) === 0 ? 0 : 1;
  connection.sequence = (sequence + payload.length + counted) | 0;
  return { ...replyTo(to), flags, sequence, acknowledgement: expected, payload };
}

function echo(packet: SimulatedPacket, name: Uint8Array): SimulatedPacket {
  const payload = new Uint8Array(name.length + packet.payload.length);
  payload.set(name);
  payload.set(packet.payload, name.length);
  return { ...replyTo(packet), payload };
}

/** RFC 9293 section 3.10.7.1: a reset for a segment that no connection wants. */
function reset(packet: SimulatedPacket): SimulatedPacket {
  const next = (packet.sequence + packet.payload.length + ((packet.flags & (syn | fin)) === 0 ? 0 : 1)) | 0;
  const hasAck = (packet.flags & ack) !== 0;
  return {
    ...replyTo(packet),
    flags: hasAck ? rst : rst | ack,
    sequence: hasAck ? packet.acknowledgement : 0,
    acknowledgement: hasAck ? 0 : next,
    payload: new Uint8Array(),
  };
}
