/** One request at a time, each on a connection (TCP) or source port (UDP) of its own, without a second try. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { formatEndpoint, parseAddress } from '../base/address.ts';
import { CLIENT_HEADER, HASH_HEADER, PEER_HEADER, SERVER_HEADER } from './realServer.ts';
import { sha256, testBytes } from './testBytes.ts';

/** What became of one request; one JSON line of the client process. */
export interface ClientResult {
  /** Counts from 1. */
  readonly request: number;
  /** Name of the server that answered, null when none did. */
  readonly server: string | null;
  readonly milliseconds: number;
  /** Bytes of payload received. */
  readonly bytes: number;
  /** The payload had the hash it should have; null when there is nothing to compare. */
  readonly intact: boolean | null;
  /** Such as `TIMEOUT` or ECONNREFUSED; null when it was answered. */
  readonly error: string | null;
  /** Where the real server saw the connection come from, and the client that its SYN told of; of a server that says so. */
  readonly seen?: { readonly peer: string; readonly client: string | null; readonly self: string };
}

export interface ClientTarget {
  readonly address: string;
  readonly port: number;
  readonly udp: boolean;
  /** The client's own address; undefined = by its routes. */
  readonly from: string | undefined;
  /** HTTP: what to ask for. */
  readonly path: string;
  /** HTTP: test bytes to send to /upload; 0 = GET `path`. */
  readonly uploadBytes: number;
  /** UDP: bytes of the datagram, at least as many as the question takes. */
  readonly datagramBytes: number;
  readonly timeoutMs: number;
}

interface Answer {
  readonly server: string | null;
  readonly bytes: number;
  readonly intact: boolean | null;
  readonly seen?: ClientResult['seen'];
}

/** Sends request number `number` and waits for its answer. Never rejects: a failure is in the result. */
export async function sendRequest(target: ClientTarget, number: number): Promise<ClientResult> {
  const start = performance.now();
  const signal = AbortSignal.timeout(target.timeoutMs);
  const finish = (answer: Answer, error: string | null): ClientResult => ({
    request: number,
    server: answer.server,
    milliseconds: Math.round((performance.now() - start) * 100) / 100,
    bytes: answer.bytes,
    intact: answer.intact,
    error,
    ...(answer.seen === undefined ? {} : { seen: answer.seen }),
  });
  try {
    const answer = await (target.udp ? askUdp(target, number, signal) : askHttp(target, signal));
    return finish(answer, answer.server === null ? 'NO_NAME' : null);
  } catch (error) {
    return finish({ server: null, bytes: 0, intact: null }, signal.aborted ? 'TIMEOUT' : errorCode(error));
  }
}

async function askHttp(target: ClientTarget, signal: AbortSignal): Promise<Answer> {
  const upload = target.uploadBytes > 0 ? testBytes(target.uploadBytes) : undefined;
  const request = httpRequest({
    host: target.address,
    port: target.port,
    ...(target.from === undefined ? {} : { localAddress: target.from }),
    method: upload === undefined ? 'GET' : 'POST',
    path: upload === undefined ? target.path : '/upload',
    agent: false,
    signal,
  });
  request.end(upload);
  const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const server = response.headers[SERVER_HEADER];
  const name = typeof server === 'string' ? server : null;
  const seen = seenIn(response);
  return { server: name, bytes: body.length, intact: isIntact(response, body, upload), ...(seen === undefined ? {} : { seen }) };
}

function seenIn({ headers, socket }: IncomingMessage): ClientResult['seen'] {
  const peer = headers[PEER_HEADER];
  const client = headers[CLIENT_HEADER];
  const own = parseAddress(socket.localAddress ?? '');
  if (typeof peer !== 'string' || own === undefined) return undefined;
  return { peer, client: typeof client === 'string' ? client : null, self: formatEndpoint(own, socket.localPort ?? 0) };
}

function isIntact(response: IncomingMessage, body: Buffer, upload: Buffer | undefined): boolean | null {
  if (upload !== undefined) return body.toString().trim() === sha256(upload);
  const expected = response.headers[HASH_HEADER];
  return expected === undefined ? null : expected === sha256(body);
}

/** A connected socket, so that ICMP errors arrive as ECONNREFUSED and the like. */
async function askUdp(target: ClientTarget, number: number, signal: AbortSignal): Promise<Answer> {
  const socket: Socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.bind(udpPort(number), target.from);
    socket.connect(target.port, target.address);
    await once(socket, 'connect', { signal });
    const question = `uvs ${number}`.padEnd(target.datagramBytes, '.');
    socket.send(question);
    const [message] = (await once(socket, 'message', { signal })) as [Buffer];
    const [server = '', ...echo] = message.toString().split(' ');
    return { server, bytes: message.length, intact: echo.join(' ') === question };
  } finally {
    socket.close();
  }
}

/** Ports that one client process has to itself; the system numbers processes one after the other. */
const PORTS_PER_CLIENT = 64;
const FIRST_PORT = 1024;
const USED_PORTS = 60_000;

/**
 * One that no client has used lately: the system gives ports out at random, and one that comes again too soon leads to the real server
 * of the connection that a director remembers for it.
 */
function udpPort(number: number): number {
  return FIRST_PORT + ((process.pid * PORTS_PER_CLIENT + (number % PORTS_PER_CLIENT)) % USED_PORTS);
}

function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : String(error);
}
